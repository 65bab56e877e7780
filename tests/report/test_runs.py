import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regard.report.runs import read_evaluation, read_history, read_run
from regard.types import RegardError

Make = Callable[..., Path]


def test_reads_a_whole_run(run_folder: Path) -> None:
    run = read_run(run_folder)
    assert run.name == "demo"
    assert len(run.history.epochs) == len(run.twin.epochs) == 14
    assert run.provenance.seconds == 171.4
    assert run.recipe["objective"]["budget_bits"] == 10
    assert run.pictures.images.shape == (12, 48, 48, 3)
    assert run.pictures.masks.dtype == bool
    assert [g for g, _ in run.evaluation.groups().items()] == [
        "prediction", "information", "localization", "faithfulness", "interventions",
    ]  # fmt: skip


def test_optional_parts_may_be_absent(make_run: Make) -> None:
    run = read_run(make_run(twin=False, bits=False, anchors=False, masks=False))
    assert run.twin is None
    assert run.evaluation.anchors is None
    assert run.pictures.masks is None
    assert "information" not in run.evaluation.groups()


@pytest.mark.parametrize("name", ["recipe.yaml", "environment.json", "metrics.jsonl", "evaluation.json", "gallery.npz"])
def test_a_missing_file_is_named_with_its_remedy(run_folder: Path, name: str) -> None:
    (run_folder / name).unlink()
    with pytest.raises(RegardError, match=rf"{name}: is missing.*regard (train|evaluate)"):
        read_run(run_folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("recipe.yaml", b"a: [", "while parsing"),
        ("recipe.yaml", b"- a\n", "expected a mapping"),
        ("recipe.yaml", b"\xff\xfe", "cannot be read"),
        ("environment.json", b'{\n"command": ', "line 2 is not JSON"),
        ("environment.json", b'{"command": "x", "seed": "0"}', "seed is '0', expected a whole number"),
        ("evaluation.json", b"[]", "expected a mapping"),
        ("gallery.npz", b"PK\x03\x04 not a zip", "cannot be read"),
        ("gallery.npz", b"", "cannot be read"),
    ],
)
def test_a_corrupt_file_is_named_with_its_place(run_folder: Path, name: str, content: bytes, message: str) -> None:
    (run_folder / name).write_bytes(content)
    with pytest.raises(RegardError, match=rf"(?s){name}: .*{message}.*regard (train|evaluate)"):
        read_run(run_folder)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda e: e.update(schema=2), "schema is 2, expected one of 1"),
        (lambda e: e["scores"][3].update(value="high"), r"scores\[3\]\.value is 'high', expected a number"),
        (lambda e: e["scores"][0]["references"][0].update(role="rival"), r"references\[0\]\.role is 'rival'"),
        (lambda e: e["curves"]["deletion"]["x"].pop(), r"curves\.deletion\.series\.map has 11 values for 10 x"),
        (lambda e: e["anchors"]["usage"].pop(), "anchors has 16 values but 15 usages"),
        (lambda e: e.pop("map"), "map is missing"),
        (lambda e: e["gallery"][0].update(row=12), "has 12 rows, but evaluation.json asks for row 12"),
        (lambda e: e["gallery"][0].update(row=-1), "asks for row -1"),
    ],
)
def test_an_invalid_evaluation_is_named(make_run: Make, edit: Callable[[Any], None], message: str) -> None:
    with pytest.raises(RegardError, match=message):
        read_run(make_run(edit=edit))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maps": None}, "has no array 'maps'"),
        ({"maps": np.zeros((11, 4, 4), np.float32)}, "do not belong together"),
        ({"maps": np.zeros((12, 4, 4), np.int64)}, "maps is int64"),
        ({"images": np.zeros((12, 48, 48, 3), np.float32)}, "images is float32"),
        ({"images": np.zeros((12, 48, 48, 1), np.uint8)}, "expected uint8"),
        ({"masks": np.zeros((12, 9, 9), np.uint8)}, "do not belong together"),
        ({"maps": np.array([{}], dtype=object)}, "cannot be read"),
    ],
)
def test_invalid_gallery_arrays_are_named(run_folder: Path, change: dict[str, Any], message: str) -> None:
    with np.load(run_folder / "gallery.npz") as arrays:
        kept = {k: v for k, v in (dict(arrays) | change).items() if v is not None}
    np.savez(run_folder / "gallery.npz", **kept)
    with pytest.raises(RegardError, match=rf"gallery\.npz: .*{message}"):
        read_run(run_folder)


def test_no_gallery_needs_no_pictures(make_run: Make) -> None:
    folder = make_run(edit=lambda e: e.update(gallery=[], map=None))
    (folder / "gallery.npz").unlink()
    assert read_run(folder).pictures is None


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="is not a run folder"):
        read_run(tmp_path / "nowhere")


def test_a_line_cut_off_by_a_kill_is_dropped_and_remembered(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"epoch": 0, "lr": 1}\n{"epoch": 1, "lr"')
    history = read_history(file)
    assert history.truncated
    assert history.series("lr") == ((0.0,), (1.0,))


def test_a_last_line_without_newline_may_be_whole(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"epoch": 0}\n\n{"epoch": 1}')
    history = read_history(file)
    assert not history.truncated
    assert len(history.epochs) == 2


def test_a_resumed_run_counts_its_later_lines_in_order(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    lines = [{"epoch": 0, "lr": 1}, {"epoch": 2, "lr": 3}, {"epoch": 1, "lr": 2}, {"epoch": 2, "lr": 4, "who": "x"}]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read_history(file).series("lr") == ((0.0, 1.0, 2.0), (1.0, 2.0, 4.0))
    assert read_history(file).series("who") == ((), ())


@pytest.mark.parametrize("line", ["{", "[1]", '{"lr": 1}', '{"epoch": null}', '{"epoch": Infinity}', '{"epoch": "1"}'])
def test_a_corrupt_line_in_the_middle_is_named_by_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text(f'{{"epoch": 0}}\n{line}\n{{"epoch": 2}}\n')
    with pytest.raises(RegardError, match=r"metrics\.jsonl: line 2 is .*regard train"):
        read_history(file)


def test_nan_in_json_is_undefined(make_run: Make) -> None:
    evaluation = read_evaluation(make_run(edit=lambda e: e["scores"][0].update(value=float("nan"), low=None)))
    assert np.isnan([evaluation.scores[0].value, evaluation.scores[0].low]).all()
