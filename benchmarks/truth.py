"""Which faithfulness metric can be believed: `regard truth`, recorded.

    REGARD_DATA=... python benchmarks/truth.py [--seeds 14] [--workers 2] [--runs runs] [--finished]

Cells are kept in RUNS/truth and a killed run goes on where it stopped. With ``--finished`` nothing is run: what is
finished is recorded, and the record says how many networks were planned. The figure is docs/images/truth.png, and the
tables of docs/truth.md between its two comments are written anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from common import ROOT, record
from regard.experiments import GridOptions
from regard.truth import MetricRow, TruthResults, make_truth, truth_figure
from regard.truth.run import NAME, SEEDS, truth_cells, write_truth
from regard.truth.words import images_words, metric_words

NOTES = """Kendall's tau with the truth over seven ladders of five maps, means over worlds; intervals (95 %) resample
networks. false: tests of maps of noise that call one clearly better than random. images: for a power of .8 at .05,
between the truth and the truth with a dose of .1; null where no number is enough. chosen and held: worlds of even and
of odd seeds."""


PAGE = ROOT / "docs" / "truth.md"
BEGIN, END = "<!-- tables: benchmarks/truth.py -->\n", "<!-- end of tables -->\n"


def short(value: float | None) -> str:
    """Two digits, without the zero in front; a dash where there is nothing."""
    if value is None or value != value:
        return "–"
    return f"{value:.2f}".replace("-", "−").replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.2f}"


def between(interval: object) -> str:
    """A value with its interval."""
    value, low, high = (getattr(interval, key) for key in ("value", "low", "high"))
    return short(value) if low != low else f"{short(value)} ({short(low)} to {short(high)})"


def tables(results: TruthResults) -> str:
    """The tables of the page, in Markdown."""
    worlds = f"{results.worlds} worlds of {results.networks} networks ({results.planned} planned)"
    best = f"**{metric_words(results.recommended)}** (`{results.recommended}`)"
    lines = [
        f"{worlds}, {results.images} images each. Recommended: {best}, chosen on {results.chosen} worlds.",
        f"On the {results.held} held out:",
        "",
        "| metric | tau | called better than random, of maps of noise | forwards |",
        "|---|---|---|---|",
        *(
            f"| {metric_words(r.name)} | {between(r.tau)} | {between(r.false)} | {r.forwards:.0f} |"
            for r in results.held_rows
        ),
        *beside(
            results.learned_rows,
            "Metrics that learn something first, on the {worlds} held-out worlds in which they were graded, with the "
            "best mean of gaps that has one of them:",
        ),
        *beside(
            results.peer_rows,
            "Metrics of other libraries, on the {worlds} worlds in which they were graded, beside the recommended "
            "one (chosen on even seeds, which are among these):",
        ),
        "",
        "![Kendall's tau of every metric with the truth, the recommended one on top or marked](images/truth.png)",
        "",
        "All worlds; *methods*: tau among the maps of explanation methods alone; *images* to see a dose of .1:",
        "",
        "| metric | tau | methods | false | images, noise | images, patches | forwards |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {metric_words(r.name)} | {between(r.tau)} | {short(r.methods.value)} | {short(r.false.value)} "
            f"| {images_words(r.images.value)} | {images_words(r.images_patches.value)} | {r.forwards:.0f} |"
            for r in results.rows
            if r.worlds in (0, results.worlds)
        ),
        "",
        "tau by kind of world, of the best six and of the two single baselines:",
        "",
        "| metric | " + " | ".join(kind.title for kind in results.kinds.values()) + " |",
        "|---" * (len(results.kinds) + 1) + "|",
        *(
            f"| {metric_words(r.name)} | " + " | ".join(short(r.kinds[kind]) for kind in results.kinds) + " |"
            for k, r in enumerate(r for r in results.rows if r.worlds in (0, results.worlds))
            if k < 6 or r.name in ("deletion_mean", "gap_mean")
        ),
        "",
        "| kind | networks | accuracy | outputs changed by what was not bought | accuracy that hangs on the cue "
        "| relevance on the mark | agreement with the truth by black |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {k.title} | {k.networks} | {short(k.accuracy)} | {k.changed} of {k.replaced:,} | {short(k.cue_effect)} "
            f"| {short(k.cue_share)} | {short(k.robust)} |"
            for k in results.kinds.values()
        ),
        "",
        "| method | mean rank by the recommended metric | mean rank by the truth | agreement with the truth |",
        "|---|---|---|---|",
        *(
            f"| `{m.name}` | {between(m.rank)} | {between(m.true_rank)} | {between(m.agreement)} |"
            for m in results.methods
        ),
        "",
        f"By the {results.images} images of one world alone, maps of noise are called better than random in "
        f"{short(results.small)} of tests, mean over all metrics: `regard judge` needs more images.",
    ]
    return "\n".join(lines) + "\n"


def beside(rows: Sequence[MetricRow], words: str) -> list[str]:
    """A table of metrics that were graded in a part of the worlds; nothing where there are none."""
    if not rows:
        return []
    return [
        "",
        words.format(worlds=rows[0].worlds),
        "",
        "| metric | tau | methods | false | forwards |",
        "|---|---|---|---|---|",
        *(
            f"| {metric_words(r.name)} | {between(r.tau)} | {short(r.methods.value)} | {short(r.false.value)} "
            f"| {r.forwards:.0f} |"
            for r in rows
        ),
    ]


def write_tables(results: TruthResults) -> None:
    """Replaces the tables of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + tables(results) + END + rest.partition(END)[2], encoding="utf-8")


def main() -> None:
    """Runs and records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--finished", action="store_true")
    options = parser.parse_args()
    how = GridOptions(options.runs, options.workers, seeds=options.seeds)
    root = options.runs / NAME
    results = write_truth(truth_cells(how), root, {}) if options.finished else make_truth(how)[0]
    record("truth", asdict(results), seeds=range(options.seeds), notes=" ".join(NOTES.split()))
    truth_figure(results).savefig(ROOT / "docs" / "images" / "truth.png")
    write_tables(results)


if __name__ == "__main__":
    main()
