"""The numbers of docs/training.md are those of the recorded crash tests."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_page_states_what_was_recorded() -> None:
    values = json.loads((ROOT / "results" / "crash_tests.json").read_text())["values"]
    page = " ".join((ROOT / "docs" / "training.md").read_text(encoding="utf-8").split())
    assert f"{values['kills']} kills" in page
    assert values["kills"] == values["died_as_meant"] >= 200
    assert [values[name] for name in ("different", "leftovers", "not_resumed")] == [0, 0, 0]
    assert sum(case["kills"] for case in values["cases"].values()) == values["kills"]
    begun = {name.split(",")[0].split(" ")[0] for name in values["cases"]}
    assert begun == {"train", "evaluate", "judge", "score", "study"}
