"""Records name no machine's folders, and hold the command that makes them."""

import json
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECORDS = sorted((ROOT / "results").glob("*.json"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_names_no_folder_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not any(
        f"{before}{folder}/" in text for before in ('"', " ") for folder in ("/tmp", "/home", "/root", "/work")
    )
    words = shlex.split(json.loads(text).get("command", ""))
    assert not words or (ROOT / words[1]).is_file()


def test_a_command_is_recorded_without_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import common

    script = str(ROOT / "benchmarks" / "demo.py")
    monkeypatch.setattr(sys, "argv", [script, "--runs", "/somewhere/else/runs", "--out", "a folder/b", "--seeds", "3"])
    assert common.command() == "python benchmarks/demo.py --runs runs --out 'a folder/b' --seeds 3"
