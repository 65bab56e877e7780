"""A command that fails leaves nothing behind, so that the corrected one runs in the same folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.training.tiny import tiny

from regard.cli import main
from regard.errors import RegardError
from regard.files import claim_folder
from regard.models import AttentiveClassifier
from regard.training import save_recipe

TRAIN = ("train", "--recipe", "recipe.yaml", "--quiet", "--no-evaluation", "--runs", "new/runs")
JUDGE = ("judge", "--model", "m", "--data", "images", "--images", "2", "--metrics", "drop", "--out", "new")
SCORE = ("score", "--images", "images", "--out", "new")
TABLE = "base: recipe.yaml\ntitle: a table\narms: {plain: {}}\nreference: plain\nseeds: [0]\ncolumns: [accuracy_mean]\n"
FAILING = {
    "no folder of images": ([*TRAIN, "--data", "name=folder,root=nowhere,options={}"], "nowhere"),
    "no images of a set": ([*TRAIN, "--data", "name=cifar10_jpeg,root=nowhere,options={}"], "nowhere"),
    "an option of the data": ([*TRAIN, "--data.options", "{sise: 16}"], "sise"),
    "no such layer": ([*TRAIN, "--model.at", "[stage9]"], "stage9"),
    "no such network": ([*TRAIN, "--model.backbone", "compakt"], "compakt"),
    "a network's option": ([*TRAIN, "--model.backbone_options", "{widhts: [4, 4, 8, 8]}"], "widhts"),
    "no run to start from": ([*TRAIN, "--model.init", "nowhere"], "nowhere"),
    "a layer to freeze": ([*TRAIN, "--model.freeze", "stage9"], "stage9"),
    "no such weights": ([*TRAIN, "--model.pretrained", "nowhere.pth"], "nowhere.pth"),
    "no people to align with": ([*TRAIN, "--align", "gaze=osie,root=nowhere"], "nowhere"),
    "no such accelerator": ([*TRAIN, "--train.accelerator", "tpu"], "train.accelerator tpu"),
    "a twin without data": ([*TRAIN, "--twin", "true", "--data.options", "{sise: 16}"], "sise"),
    "a layer to judge at": ([*JUDGE, "--methods", "grad_cam", "--layer", "stage9"], "stage9"),
    "an option of a method": ([*JUDGE, "--methods", "rise", "--option", "rise.sample=9"], "sample"),
    "a value of an option": ([*JUDGE, "--methods", "rise", "--option", "rise.samples=many"], "many"),
    "an unknown metric": ([*JUDGE, "--metrics", "dorp"], "dorp"),
    "no second network": ([*JUDGE, "--shuffled", "nowhere"], "nowhere"),
    "no picture": (["explain", "nowhere.png", "b.txt", "--model", "m", "--out", "new"], "nowhere.png"),
    "no such class": (["explain", "a.png", "--model", "m", "--target", "dog", "--out", "new"], "dog"),
    "no such method": (["explain", "a.png", "--model", "m", "--method", "grad_can", "--out", "new"], "grad_can"),
    "no maps": ([*SCORE, "--maps", "nowhere", "--fixations", "gaze.csv"], "nowhere"),
    "maps of other images": ([*SCORE, "--maps", "maps", "--fixations", "gaze.csv"], "a.png"),
    "no fixations": ([*SCORE, "--maps", "maps", "--fixations", "nowhere.csv"], "nowhere.csv"),
    "no such table": (["table", "nowhere", "--runs", "new"], "nowhere"),
    "no such arm": (["table", "table.yaml", "--only", "planar", "--runs", "new"], "planar"),
    "a table without data": (
        ["table", "table.yaml", "--runs", "new", "--data", "name=cub,root=nowhere,options={}"],
        "nowhere",
    ),
    "a sweep without data": (
        ["sweep", "--budgets", "2", "--runs", "new", "--data", "name=cub,root=nowhere,options={}"],
        "nowhere",
    ),
    "no such study": (["study", "nowhere", "--runs", "new"], "nowhere"),
    "no run to shift": (["shift", "--run", "nowhere", "--out", "new"], "nowhere"),
    "no run to transfer": (["transfer", "--run", "nowhere", "--data", "digits", "--out", "new"], "nowhere"),
    "no run to evaluate": (["evaluate", "new"], "new"),
    "nothing to report": (["report", "new"], "new"),
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGARD_DATA", raising=False)
    AttentiveClassifier("compact", 2, at="stage1", input_size=(16, 16)).save_pretrained("m")
    Path("images").mkdir()
    for name in "ab":
        Image.fromarray(np.arange(768, dtype=np.uint8).reshape(16, 16, 3)).save(f"images/{name}.png")
    Image.new("RGB", (16, 16)).save("a.png")
    Path("b.txt").write_text("no picture")
    Path("gaze.csv").write_text("image,x,y\na.png,1,2\n")
    Path("maps").mkdir()
    np.save("maps/c.npy", np.ones((4, 4)))
    Path("table.yaml").write_text(TABLE)
    save_recipe(tiny("tiny"), Path("recipe.yaml"))
    return tmp_path


@pytest.mark.parametrize("what", FAILING)
def test_a_failed_command_leaves_nothing(place, capsys, what):
    words, named = FAILING[what]
    before = sorted(place.rglob("*"))
    assert main(words) == (1 if what == "no picture" else 2)
    assert named in capsys.readouterr().err
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("mistake", [["--model.at", "[stage9]"], ["--model.init", "absent"], ["--optim.lr", "1e30"]])
def test_the_corrected_command_runs_in_the_same_folder(place, capsys, mistake):
    assert main([*TRAIN, *mistake]) == 2
    assert main(TRAIN) == 0
    assert json.loads((place / "new/runs/tiny/environment.json").read_text())["seed"] == 0


def test_a_failed_resumption_loses_no_checkpoint(place, monkeypatch):
    assert main(TRAIN) == 0
    run = place / "new/runs/tiny"
    (run / "environment.json").unlink()  # as if it had been killed before its end
    kept = {path: path.read_bytes() for path in run.rglob("*.ckpt")}

    def broken(*_, **__):
        raise RegardError("no room")

    monkeypatch.setattr("regard.training.run.Batches", broken)
    assert main(TRAIN) == 2
    assert kept
    assert {path: path.read_bytes() for path in run.rglob("*.ckpt")} == kept
    assert (run / "recipe.yaml").is_file()


@pytest.mark.parametrize(
    ("there", "claimed", "left"),
    [
        ([], "a/b/out", []),
        (["a/other"], "a/b/out", ["a", "a/other"]),
        (["a/b/out/notes"], "a/b/out", ["a", "a/b", "a/b/out", "a/b/out/notes"]),
    ],
    ids=["all new", "a folder around it", "the folder itself"],
)
@pytest.mark.parametrize("begun", [False, True])
def test_an_undone_claim_takes_away_what_it_made(tmp_path, there, claimed, left, begun):
    for file in there:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("kept")
    folder = tmp_path / claimed
    claim = claim_folder(folder, "wanted.json", "{}", holds="another")
    stopped = pytest.raises(ValueError, match="stop")
    with stopped, claim.undone_on_failure(lambda _: begun):
        _make_and_stop(folder)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    if begun:
        assert found >= {*left, f"{claimed}/wanted.json", f"{claimed}/inner/file"}
    else:
        assert found == set(left)


def _make_and_stop(folder):
    (folder / "inner").mkdir()
    (folder / "inner" / "file").write_text("made")
    raise ValueError("stop")


def test_a_claim_of_an_earlier_command_is_never_undone(tmp_path):
    claim_folder(tmp_path / "out", "wanted.json", "{}", holds="another")
    again = claim_folder(tmp_path / "out", "wanted.json", "{}", holds="another")
    with pytest.raises(ValueError, match="stop"), again.undone_on_failure(lambda _: False):
        raise ValueError("stop")
    assert (tmp_path / "out/wanted.json").read_text() == "{}"
