"""Folders of images on the command line: tables of classes and maps; ONNX by command; short runs; datasets."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.tiny import metrics, tiny
from torch.utils.data import DataLoader, Dataset

from regard.cli import main
from regard.data import FileSplit, open_data
from regard.experiments import GridOptions
from regard.experiments.tables import open_table
from regard.models import AttentiveClassifier, Segmenter, TwoStream, open_saved
from regard.training import load_run, load_trained, save_recipe
from regard.types import RegardError

CLASSES = ("cat", "=2+2", "tench, fish")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = {"at": "stage1", "attention": "mask", "input_size": (16, 16), "classes": CLASSES}
    AttentiveClassifier("compact", 3, **network).save_pretrained("m")
    values = np.random.default_rng(0).integers(0, 256, (5, 24, 16, 3), dtype=np.uint8)
    for name, pixels in zip(("a/0.png", "a/1.PNG", "b/0.jpg", "b/sub/2.png", "=c.png"), values, strict=True):
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    Path("photos/a/notes.txt").write_text("no image")
    Path("photos/a/._0.png").write_text("left by a system")
    return tmp_path


def rows(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_is_predicted_into_a_table(place, capsys):
    assert main(["predict", "photos", "--model", "m", "--csv", "out/p.csv", "--batch", "2"]) == 0
    assert "5 images predicted: out/p.csv" in capsys.readouterr().out
    table = rows("out/p.csv")
    names = ["photos/=c.png", "photos/a/0.png", "photos/a/1.PNG", "photos/b/0.jpg", "photos/b/sub/2.png"]
    assert [row["image"] for row in table] == names
    model = AttentiveClassifier.from_pretrained("m")
    for row, expected in zip(table, model.predict(names), strict=True):
        assert [float(row[f"p({name})"]) for name in CLASSES] == pytest.approx(expected.tolist(), rel=1e-5)
        assert float(row["probability"]) == pytest.approx(float(expected.max()), rel=1e-5)
        assert row["prediction"].removeprefix("'") == CLASSES[int(expected.argmax())]


def test_predictions_are_printed_and_damaged_files_are_named(place, capsys):
    Path("broken.png").write_text("no picture")
    assert main(["predict", "photos/a/0.png", "broken.png", "absent.png", "--model", "m"]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert captured.out.startswith("photos/a/0.png: ")
    assert "broken.png" in captured.err
    assert "absent.png" in captured.err


def test_names_are_guarded_against_spreadsheets(place):
    import os

    os.chdir("photos")
    assert main(["predict", "=c.png", "--model", "../m", "--csv", "p.csv"]) == 0
    assert rows("p.csv")[0]["image"] == "'=c.png"


@pytest.mark.parametrize("command", ["predict", "explain"])
@pytest.mark.parametrize("folder", ["empty", "photos/a/none"])
def test_a_folder_without_images_says_so(place, capsys, command, folder):
    Path(folder).mkdir()
    before = sorted(place.rglob("*"))
    assert main([command, folder, "--model", "m", "--csv", "x.csv"]) == 2
    assert f"{folder}: no images in this folder" in capsys.readouterr().err
    assert sorted(place.rglob("*")) == before


def test_a_folder_is_explained_into_a_table(place):
    words = [
        "explain",
        "photos",
        "--model",
        "m",
        "--method",
        "attention,input_gradient",
        "--out",
        "e",
        "--csv",
        "e.csv",
    ]
    assert main(words) == 0
    table = rows("e.csv")
    assert [row["method"] for row in table] == ["attention", "input_gradient"] * 5
    entries = json.loads(Path("e/explained.json").read_text())
    assert len({entry["arrays"] for entry in entries}) == 5, "files of one name do not collide"
    for row, (entry, method) in zip(table, ((e, m) for e in entries for m in e["maps"]), strict=True):
        assert (row["image"], row["arrays"]) == (entry["image"], entry["arrays"])
        assert float(row["sum"]) == pytest.approx(entry["maps"][method]["sum"], rel=1e-4)
        assert row["unit"] == entry["maps"][method]["unit"]
        assert {row["prediction"].removeprefix("'")} <= set(CLASSES)


@pytest.mark.slow
def test_a_classifier_is_exported_by_command(place, capsys):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    assert main(["export", "m", "--out", "m.onnx"]) == 0
    facts = {p.key: p.value for p in onnx.load("m.onnx").metadata_props}
    assert json.loads(facts["classes"]) == list(CLASSES)
    for name in ("absent", "photos", "resnet18"):
        assert main(["export", name, "--out", "n.onnx"]) == 2
    assert not Path("n.onnx").exists()


@pytest.mark.parametrize(
    ("train", "steps", "epochs"),
    [
        ({"fast_dev_run": True, "epochs": 3}, 1, 1),
        ({"limit_train_batches": 3, "epochs": 2}, 3, 2),
        ({"limit_train_batches": 99}, 8, 1),
        ({"limit_val_batches": 1}, 8, 1),
    ],
)
def test_a_run_may_be_cut_short(place, train, steps, epochs):
    save_recipe(tiny("short", train=train), Path("r.yaml"))
    assert main(["train", "--recipe", "r.yaml", "--quiet", "--no-evaluation"]) == 0
    journal = metrics(Path("runs/short"))
    assert len(journal) == epochs
    state = torch.load("runs/short/checkpoints/last.ckpt", weights_only=True)
    assert state["global_step"] == steps * epochs
    assert load_run("runs/short").recipe.train.epochs == epochs
    assert main(["train", "--recipe", "r.yaml", "--quiet", "--no-evaluation"]) == 0, "it is finished"


def test_a_smoke_run_trains_one_step_and_evaluates_few_images_elsewhere(place, capsys):
    save_recipe(tiny("whole", train={"epochs": 3}), Path("r.yaml"))
    assert main(["train", "--recipe", "r.yaml", "--quiet", "--smoke"]) == 0
    run = Path("runs/smoke/whole")
    assert torch.load(run / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 1
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["data"]["size"] == 32, "of 35"
    assert any("Tried out" in warning for warning in evaluation["warnings"])
    assert (run / "report.html").is_file()
    assert [path.name for path in Path("runs").iterdir()] == ["smoke"]


@pytest.mark.parametrize("name", ["cifar10", "cub50", "paper-vgg", "paper-cub"])
def test_a_smoke_table_has_one_seed_and_no_trials(name):
    tried, whole = (open_table(name, (), GridOptions(smoke=smoke)) for smoke in (True, False))
    assert tried.table.seeds == whole.table.seeds[:1]
    assert tried.table.tuning is None
    assert tried.base.train.fast_dev_run
    assert not whole.base.train.fast_dev_run
    assert tried.table.arms == whole.table.arms
    assert open_table(name, (), GridOptions(smoke=True, seeds=2)).table.seeds == [0, 1]


def test_a_smoke_sweep_and_table_go_into_a_folder_of_their_own(place, capsys, monkeypatch):
    seen = []
    monkeypatch.setattr("regard.cli.table.run_table", lambda table, how, options: seen.append((table, how)) or 0)
    monkeypatch.setattr("regard.cli.sweep.run_table", lambda table, how, options: seen.append((table, how)) or 0)
    assert main(["table", "cifar10", "--smoke", "--runs", "r"]) == 0
    assert main(["sweep", "--budgets", "2,6", "--smoke", "--seeds", "3"]) == 0
    assert main(["table", "cifar10", "--runs", "r"]) == 0
    assert [str(how.runs) for _, how in seen] == ["r/smoke", "runs/smoke", "r"]
    assert [table.base.train.fast_dev_run for table, _ in seen] == [True, True, False]
    assert seen[1][0].table.seeds == [0]


@pytest.mark.parametrize("words", [["small"], ["run", "generated"], ["paper", "--seeds", "2"]])
def test_a_smoke_study_goes_into_a_folder_of_its_own(place, monkeypatch, words):
    seen = []

    def make_study(name, options):
        seen.append((name, options))
        raise RegardError("seen")

    monkeypatch.setattr("regard.experiments.study.make_study", make_study)
    assert main(["study", *words, "--smoke", "--runs", "r"]) == 2
    assert main(["study", *words, "--smoke", "--dry-run"]) == 0
    assert main(["study", *words]) == 2
    assert [(str(how.runs), how.smoke) for _, how in seen] == [("r/smoke", True), ("runs", False)]


@pytest.mark.parametrize("field", ["limit_train_batches", "limit_val_batches"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many"])
def test_a_limit_is_a_number_of_batches(place, capsys, field, value):
    assert main(["train", f"--train.{field}", value]) == 2
    assert field in capsys.readouterr().err


def test_a_split_is_a_dataset():
    split = open_data("clutter", size=16, train=7, val=2, test=2, cache=False).train
    assert isinstance(split, Dataset)
    image, label = split[3]
    expected = split.batch([3])
    assert torch.equal(image, expected.images[0])
    assert int(label) == int(expected.labels[0])
    assert torch.equal(split[-1][0], split.batch([6]).images[0])
    images, labels = zip(*DataLoader(split, batch_size=3), strict=True)
    assert [len(part) for part in images] == [3, 3, 1]
    assert torch.equal(torch.cat(images), split.batch(range(7)).images)
    assert torch.equal(torch.cat(labels), split.batch(range(7)).labels)
    assert len(list(split)) == 7, "iteration ends"
    with pytest.raises(IndexError):
        split[7]


def test_images_in_folders_are_datasets_too(place):
    paths = (Path("photos/a/0.png"), Path("photos/b/0.jpg"))
    split = FileSplit("train", ("a", "b"), paths, torch.tensor([0, 1]), (16, 16))
    assert isinstance(split, Dataset)
    (images, labels) = next(iter(DataLoader(split, batch_size=2)))
    assert torch.equal(images, split.batch([0, 1]).images)
    assert labels.tolist() == [0, 1]


OLD = Path(__file__).parent / "fixtures" / "v0_1"


@pytest.mark.parametrize(
    ("run", "inputs", "logits"),
    [
        ("segmentation", {"images": (3, 16, 16)}, (2, 1, 16, 16)),
        pytest.param("action", {"images": (3, 16, 16), "flow": (4, 16, 16)}, None, marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_runs_of_other_tasks_are_exported_by_command(tmp_path, capsys, run, inputs, logits):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    out = tmp_path / "m.onnx"
    assert main(["export", str(OLD / run), "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    session = onnxruntime.InferenceSession(out)
    taken = {entry.name: tuple(entry.shape[1:]) for entry in session.get_inputs()}
    assert taken.keys() == inputs.keys()
    given = {name: torch.rand(2, *shape) for name, shape in taken.items()}
    found = session.run(None, {name: values.numpy() for name, values in given.items()})
    model = load_trained(OLD / run).model.eval()
    with torch.no_grad():
        output = model(**given)
    np.testing.assert_allclose(found[0], output.logits[0], atol=1e-4)
    assert logits is None or found[0].shape == logits
    assert "classes" in session.get_modelmeta().custom_metadata_map or run == "segmentation"


@pytest.mark.parametrize("kind", ["segmenter", "streams", "classifier"])
def test_a_saved_model_of_any_class_is_read(tmp_path, kind):
    small = {"backbone_options": {"widths": (4, 6, 8, 8)}, "input_size": (32, 32)}
    model = {
        "segmenter": lambda: Segmenter("compact", decoder="fcn8s", **small),
        "streams": lambda: TwoStream("compact", 3, length=2, attend="rgb", at="stage1", **small),
        "classifier": lambda: AttentiveClassifier("compact", 3, at="stage1", **small),
    }[kind]()
    model.save_pretrained(tmp_path / "m")
    assert type(open_saved(tmp_path / "m")) is type(model)
