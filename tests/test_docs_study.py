"""The tables in docs/study-results.md match results/study_NAME.json."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
STUDIES = ("small", "generated")
ALL = "all"


def values_of(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((ROOT / "results" / f"study_{name}.json").read_text())["values"]
    return values


def short(value: float, *, signed: bool = False) -> str:
    return f"{value:{'+' if signed else ''}.3f}".replace("0.", ".").replace("-", "−")


def interval(cell: dict[str, Any] | None, *, signed: bool = False) -> str:
    """A value with its interval; empty where it is undefined."""
    if cell is None or cell["value"] is None:
        return ""
    text = short(cell["value"], signed=signed)
    if cell["low"] is not None:
        text += f" ({short(cell['low'], signed=signed)} to {short(cell['high'], signed=signed)})"
    return text


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def fullest(rows: list[dict[str, Any]]) -> str:
    """The backbone with most conditions."""
    counts = Counter(r["backbone"] for r in rows if r["backbone"] != ALL)
    return max(counts, key=lambda b: counts[b], default="")


def performance(values: dict[str, Any], task: str) -> Iterator[str]:
    """A condition's performance with each backbone."""
    rows = [r for r in values["performance"]["rows"] if r["task"] == task and r["backbone"] != ALL]
    backbones = list(dict.fromkeys(r["backbone"] for r in rows))
    levels = {(r["condition"], r["backbone"]): r["level"] for r in rows}
    yield row("condition", *backbones)
    for condition in dict.fromkeys(r["condition"] for r in rows):
        yield row(f"`{condition}`", *(interval(levels.get((condition, b))) for b in backbones))


def similarity(values: dict[str, Any], task: str) -> Iterator[str]:
    """NSS of one backbone's maps among floors and ceiling, beyond the shuffled control; information gain."""
    rows = [r for r in values["similarity"]["rows"] if (r["task"], r["metric"]) == (task, "nss")]
    gains = [r for r in values["similarity"]["rows"] if (r["task"], r["metric"]) == (task, "ig")]
    gain = {(r["condition"], r["backbone"]): r for r in gains}
    backbone = fullest(rows)
    for r in rows:
        if r["backbone"] == backbone:
            anchors = (interval({**r["anchors"][name], "low": None}) for name in ("random", "center", "observers"))
            bits = gain.get((r["condition"], backbone))
            gain_texts = (
                ()
                if bits is None
                else (interval(bits["value"]), interval({**bits["anchors"]["observers"], "low": None}))
            )
            yield row(
                f"`{r['condition']}`",
                interval(r["value"]),
                *anchors,
                interval(r["beyond_shuffled"], signed=True),
                *gain_texts,
            )


def faithfulness(values: dict[str, Any], task: str) -> Iterator[str]:
    """Faithfulness of one backbone's learned maps, beside random maps and implicit attention."""
    rows = [r for r in values["transparency"]["rows"] if r["task"] == task]
    backbone = fullest(rows)
    for r in rows:
        if r["backbone"] == backbone:
            yield row(
                f"`{r['condition']}`",
                interval(r["faithfulness"]),
                interval({**r["random"], "low": None}),
                interval(r["against_implicit"], signed=True),
            )


def doses(values: dict[str, Any]) -> Iterator[str]:
    """Performance as the human map is taken away, and what is lost in all."""
    for c in values["dose"]["curves"]:
        if c["backbone"] != ALL:
            levels = (interval({**level, "low": None}) for level in c["levels"])
            yield row(c["task"], f"`{c['arm']}`", *levels, interval(c["drop"], signed=True))


def verdicts(values: dict[str, Any]) -> Iterator[str]:
    """Every hypothesis with its contrasts."""
    for v in values["verdicts"]:
        for f in v["findings"]:
            what = f["contrast"] + (f" ({f['case']})" if f["case"] else "")
            yield row(v["hypothesis"], v["word"], what, interval(f, signed=True))


def lines(name: str) -> list[str]:
    values = values_of(name)
    tasks = list(dict.fromkeys(r["task"] for r in values["performance"]["rows"]))
    task_lines = [
        line for task in tasks for make in (performance, similarity, faithfulness) for line in make(values, task)
    ]
    return [*task_lines, *doses(values), *verdicts(values)]


@pytest.mark.parametrize("name", STUDIES)
def test_every_row_matches_the_record(name: str) -> None:
    text = (ROOT / "docs" / "study-results.md").read_text(encoding="utf-8")
    rows = lines(name)
    assert len(rows) > 30
    for line in rows:
        assert line in text, line


@pytest.mark.parametrize("name", STUDIES)
def test_floors_without_a_network_are_listed(name: str) -> None:
    text = (ROOT / "docs" / "study-results.md").read_text(encoding="utf-8")
    for task, floors in values_of(name)["floors"].items():
        for floor in filter(None, floors.values()):
            assert short(floor) in text, (task, floor)


if __name__ == "__main__":
    for study in STUDIES:
        print("\n".join(lines(study)))
