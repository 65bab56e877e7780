"""Notebooks as pages: each of ``notebooks/*.py`` is run, first cell to last, and becomes a page with its figures.

    python -m tools.notebooks docs/notebooks

writes ``NAME.md``, its figures, and ``NAME.ipynb`` with all outputs, which Jupyter and Colab open.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
_LONGEST = 600
"""Seconds of a cell."""


def read(source: Path, parameters: dict[str, Any] | None = None) -> Any:
    """A notebook; ``parameters`` take the place of those in the cell that is tagged so."""
    notebook = jupytext.read(source)
    if parameters is not None:
        (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
        cell.source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    return notebook


def title_of(source: Path) -> str:
    """A notebook's first heading."""
    return next(line for line in read(source).cells[0].source.splitlines() if line.startswith("# ")).removeprefix("# ")


def write_page(source: Path, out: Path, parameters: dict[str, Any] | None = None) -> Path:
    """Runs a notebook in a kernel of its own and writes its page, its figures and the notebook with outputs."""
    out.mkdir(parents=True, exist_ok=True)
    notebook, quiet = read(source, parameters), os.environ | {"PYTHONWARNINGS": "ignore"}
    NotebookClient(
        notebook, timeout=_LONGEST, kernel_name="python3", resources={"metadata": {"path": str(out)}}
    ).execute(env=quiet)
    nbformat.write(notebook, out / f"{source.stem}.ipynb")
    text, resources = MarkdownExporter().from_notebook_node(notebook, {"output_files_dir": f"{source.stem}_files"})
    for name, content in resources["outputs"].items():
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(content)
    if sys.prefix in text or str(ROOT) in text:
        raise ValueError(f"{source.name}: an output names a folder of this machine; silence what prints it")
    lines = text.strip().splitlines()
    lines[1:1] = ["", f"*As a notebook, for Jupyter or Colab: [{source.stem}.ipynb]({source.stem}.ipynb).*"]
    page = out / f"{source.stem}.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page


if __name__ == "__main__":
    for path in SOURCES:
        print(write_page(path, Path(sys.argv[1])), flush=True)
