"""The tables of docs/when.md are those of results/when.json and results/own_photographs.json."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "when.md").read_text(encoding="utf-8")
AXES = {
    "images": "training images",
    "clutter": "distractors",
    "labels": "share of labels drawn anew",
    "budget": "bits an image",
}


def record(name: str) -> Any:
    return json.loads((ROOT / "results" / f"{name}.json").read_text())


def signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−").replace("0.", ".", 1)


def short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)


def difference(d: dict[str, float]) -> str:
    return f"{signed(d['value'])} ({signed(d['low'])} to {signed(d['high'])})"


def generated() -> Iterator[str]:
    for axis, lines in record("when")["values"]["axes"].items():
        for value, line in lines.items():
            same = line["same"]
            levels = [short(same[arm]["value"]) for arm in ("attended", "plain")]
            yield "| {} |".format(
                " | ".join([f"{AXES[axis]} {value}", *levels, *(difference(line[t]["difference"]) for t in line)])
            )


def photographs() -> Iterator[str]:
    for name, each in record("own_photographs")["values"]["sets"].items():
        s = each["summary"]
        levels = [short(s[arm]) for arm in ("attended", "one_sample", "twin", "probe")]
        pairs = [difference(s[pair]) for pair in ("attended_minus_probe", "attended_minus_twin", "own_minus_another")]
        yield f"| {' | '.join([f'`{name}`', *levels, *pairs])} |"


def test_the_tables_are_what_was_recorded() -> None:
    rows = [*generated(), *photographs()]
    assert len(rows) == 19
    for row in rows:
        assert row in TEXT


def test_the_number_of_seeds_is_told() -> None:
    for name, words in (("when", "paired seeds each"), ("own_photographs", "seeds of each set")):
        assert f"{len(record(name)['seeds'])} {words}" in TEXT


def test_the_time_and_the_average_are_told() -> None:
    values = record("own_photographs")["values"]
    seconds = values["sets"]["birds_6x30"]["seeds"][0]["seconds"]
    assert f"{seconds:.0f} s" in TEXT
    assert signed(values["attended_minus_probe_on_average"]) in TEXT
