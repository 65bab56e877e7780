"""The numbers on verdicts in docs/study.md match results/verdicts.json."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def share(estimate: dict[str, Any]) -> str:
    return f"{estimate['rate']:.3f}, interval {estimate['low']:.3f} to {estimate['high']:.3f}".replace("0.", ".")


def short(rate: float) -> str:
    return f"{rate:.3f}".replace("0.", ".")


def test_shares_of_correct_verdicts_match_the_record() -> None:
    text = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")
    values = json.loads((ROOT / "results" / "verdicts.json").read_text())["values"]
    worst = values["lowest_correct_where_powered"]
    powered = [world["name"] for world in values["worlds"] if world["powered"]]
    assert (len(values["worlds"]), len(powered), values["studies_a_world"]) == (10, 8, 200)
    three, _, five = (
        {kind: coverage[kind]["rate"] for kind in ("crossed", "bootstrap")} for coverage in values["coverage"]
    )
    few = values["coverage"][1]
    for line in (
        f"can tell | {share(values['correct_where_powered'])} |",
        f"of these ({worst['world']}, {worst['hypothesis']}) | {share(worst)} |",
        f"is false, of all | {share(values['false_supported'])} |",
        f"with three seeds | {share(values['three_seeds']['correct_where_powered'])} |",
        f"{short(five['crossed'])} of studies with five seeds",
        f"{short(few['crossed']['rate'])} with three; the bootstrap in {short(five['bootstrap'])} and "
        f"{short(few['bootstrap']['rate'])}, which is why",
    ):
        assert line in " ".join(text.split()), line
    assert three["crossed"] > three["bootstrap"]
