import json
import re

import pytest

from regard.cli import main

SMALL = ["study", "power", "--seeds", "2,3", "--images", "30", "--backbones", "1", "--studies", "2"]


def test_power_is_a_table_with_a_summary_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--hypothesis", "C4", "--effect", "5"]) == 0
    out = capsys.readouterr().out
    assert "C4, true effect 5.00: right is 'supported'" in out
    assert re.search(r"Enough \(80 %\): [23] seeds, 30 images, 8 observers\.", out)


def test_power_of_too_small_a_study_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--effect", "0", "--run-sd", ".5"]) == 0
    assert "add seeds first" in capsys.readouterr().out


def test_power_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--effect", "5", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["design"]["seeds"] for row in rows] == [2, 3]
    assert all(sum(row["counts"].values()) == 2 for row in rows)


def test_bad_input_has_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--hypothesis", "C9"]) == 2
    assert "no hypothesis 'C9'" in capsys.readouterr().err
