"""docs/families.md is the recorded table, in which every family gets a map or a refusal of regard's own."""

import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECORD = json.loads((ROOT / "results" / "timm_families.json").read_text())["values"]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import timm_families

    return timm_families


def test_the_page_is_what_was_recorded(benchmark: ModuleType) -> None:
    page = (ROOT / "docs" / "families.md").read_text(encoding="utf-8")
    assert page == f"{benchmark.INTRODUCTION}{benchmark.table(RECORD['families'])}\n"


def test_every_family_was_tried_and_none_has_a_fault(benchmark: ModuleType) -> None:
    assert len(RECORD["families"]) >= 98
    assert [counts["fault"] for counts in RECORD["counts"].values()] == [0, 0, 0]
    refused = {
        family for family, r in RECORD["families"].items() for s in ("grad_cam", "attention") if "refused" in r[s]
    }
    assert refused == {"naflexvit"}
