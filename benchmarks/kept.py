"""The command line of benchmarks that run or resume grids by name and keep what came out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path


def keep_each(keep: Callable[[str, Path, int], None], doc: str | None, names: Sequence[str]) -> None:
    """Calls ``keep(name, runs, workers)`` for every name that was asked for.

    Args:
        keep: runs what is missing of one and records it.
        doc: of the script, which ``--help`` shows.
        names: by default.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(names), help=f"by default {', '.join(names)}")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args()
    for name in options.names:
        keep(name, options.runs, options.workers)
