"""A run knows what it was trained on: classes, splits by content, observers; whatever happens to its folder later."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.training.tiny import tiny

from regard.cli import main
from regard.evaluation import TransferOptions, transfer
from regard.report import read_evaluation
from regard.training import load_recipe, load_trained, open_run, plain_twin, read_record
from regard.training.data_record import build_data, record_run
from regard.training.run import PreparedRun
from regard.types import RegardError

_FIELDS = {
    "data.name": "folder",
    "data.root": "s",
    "data.options": "{size: 16}",
    "data.workers": "0",
    "model.latent": "8",
    "train.epochs": "1",
    "train.batch_size": "8",
    "train.accelerator": "cpu",
    "twin": "false",
    "objective.budget_bits": "null",
    "objective.map_budget_bits": "null",
}


_ODD = json.dumps(
    {
        "schema": 1,
        "data": {
            "schema": 1,
            "name": "folder",
            "classes": ["cat", "dog"],
            "multi_label": False,
            "size": [16, 16],
            "counts": {"train": 1, "val": 0, "test": 0},
            "fingerprint": "",
            "items": [{"name": "x", "hash": "y", "split": "train", "labels": ["bird"]}],
        },
    }
)


def picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def images(folder: Path, classes: tuple[str, ...] = ("cat", "dog"), count: int = 10) -> None:
    for k, name in enumerate(classes):
        for i in range(count):
            picture(folder / name / f"{i:02d}.png", 100 * k + i)


def train(*more: str, **changes: str) -> int:
    fields = _FIELDS | {name.replace("__", "."): value for name, value in changes.items()}
    given = [word for name, value in fields.items() for word in (f"--{name}", value)]
    return main(["train", "--name", "a", *given, "--quiet", "--no-evaluation", *more])


def splits(folder: str = "runs/a") -> dict[str, list[str]]:
    data = open_run(Path(folder)).data
    parts = {"train": data.train, "val": data.val, "test": data.test}
    return {
        name: [Path(part.item_name(i)).name + f":{part.labels[i]}" for i in range(len(part))]
        for name, part in parts.items()
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        images(Path("s"))
        assert train() == 0
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a folder with the images ``s`` and the run ``runs/a``, in which the test works."""
    shutil.copytree(trained, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def test_record_holds_classes_splits_and_size(here: Path) -> None:
    content = json.loads(Path("runs/a/data.json").read_text())["data"]
    assert content["name"] == "folder"
    assert content["classes"] == ["cat", "dog"]
    assert content["size"] == [16, 16]
    assert content["counts"] == {"train": 16, "val": 2, "test": 2}
    assert not content["multi_label"]
    assert len(content["items"]) == 20
    assert {item["split"] for item in content["items"]} == {"train", "val", "test"}
    assert {(item["name"].split("/")[0], *item["labels"]) for item in content["items"]} == {
        ("cat", "cat"),
        ("dog", "dog"),
    }
    assert len({item["hash"] for item in content["items"]}) == 20
    assert len(content["fingerprint"]) == 32


def add_an_image() -> None:
    picture(Path("s/cat/new.png"), 900)


def add_many_before_all_others() -> None:
    for i in range(15):
        picture(Path(f"s/dog/-{i}.png"), 910 + i)


def add_a_class() -> None:
    for i in range(5):
        picture(Path(f"s/ant/{i}.png"), 950 + i)


def add_an_empty_class() -> None:
    Path("s/bee").mkdir()


def copy_a_training_image() -> None:
    name = next(item.name for item in read_record(Path("runs/a")).data.items if item.split == "train")
    shutil.copy(Path("s") / name, Path("s/cat/zzz.png"))


@pytest.mark.parametrize(
    "change", [add_an_image, add_many_before_all_others, add_a_class, add_an_empty_class, copy_a_training_image]
)
def test_split_and_classes_stand_whatever_is_added(here: Path, change) -> None:
    before = splits()
    change()
    assert splits() == before
    assert open_run("runs/a").data.classes == ("cat", "dog")


def test_added_images_are_counted(here: Path) -> None:
    add_a_class()
    add_an_image()
    (remark,) = open_run("runs/a").data.remarks
    assert remark == "6 items of s not used, added after training: ant/0.png, ant/1.png, ant/2.png and 3 more."


def test_renamed_images_are_known_by_content(here: Path) -> None:
    before = splits()
    Path("s/cat/00.png").rename("s/cat/renamed.png")
    (Path("s/dog/deep")).mkdir()
    Path("s/dog/03.png").rename("s/dog/deep/other.png")
    names = {"00.png:0": "renamed.png:0", "03.png:1": "other.png:1"}
    assert splits() == {name: [names.get(x, x) for x in part] for name, part in before.items()}
    assert open_run("runs/a").data.remarks == ()


def in_split(split: str) -> Path:
    return Path("s") / next(item.name for item in read_record(Path("runs/a")).data.items if item.split == split)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_missing_images_are_named(here: Path, split: str) -> None:
    gone = in_split(split)
    gone.unlink()
    with pytest.raises(
        RegardError, match=rf"1 of the 20 items .* missing {gone.relative_to('s')} \({split}\); restore"
    ):
        open_run("runs/a")
    assert main(["evaluate", "runs/a"]) == 2


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_changed_images_are_named(here: Path, split: str) -> None:
    changed = in_split(split)
    picture(changed, 990)
    with pytest.raises(RegardError, match=rf"1 of the 20 items .* changed {changed.relative_to('s')} \({split}\)"):
        open_run("runs/a")


def test_images_of_another_class_are_named(here: Path) -> None:
    Path("s/cat/04.png").rename("s/dog/moved.png")
    with pytest.raises(RegardError, match=r"cat/04.png \(\w+\) is dog now, was cat"):
        open_run("runs/a")


def test_removed_class_is_missing_images(here: Path) -> None:
    shutil.rmtree("s/dog")
    with pytest.raises(RegardError, match=r"10 of the 20 items .* missing dog/0\d.png"):
        open_run("runs/a")


def test_explains_without_data_from_another_folder(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "q.png", 1)
    shutil.rmtree("s")
    monkeypatch.chdir(tmp_path)
    assert main(["explain", "q.png", "--run", "copy/runs/a", "--out", "e"]) == 0
    (entry,) = json.loads(Path("e/explained.json").read_text())
    assert entry["prediction"] in ("cat", "dog")
    assert set(entry["probabilities"]) == {"cat", "dog"}
    assert load_trained("copy/runs/a").record.data.classes == ("cat", "dog")


def test_is_evaluated_from_another_folder(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A relative ``data.root`` is found from where the run was started, and from the present folder before that."""
    shutil.rmtree("runs")
    for label in ("cat", "dog"):
        for file in Path("s", label).iterdir():
            shutil.copy(file, picture(here / "masks" / label / file.name, 1))
    assert train(data__options="{size: 16, masks: masks}") == 0
    before = splits()
    assert read_record(Path("runs/a")).data.started == str(here)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert splits("../copy/runs/a") == before
    assert main(["evaluate", "../copy/runs/a", "--samples", "1"]) == 0
    assert read_evaluation(here / "runs/a").data.size == 2
    (here / "s").rename(here / "gone")
    capsys.readouterr()
    assert main(["evaluate", str(here / "runs/a")]) == 2
    told = capsys.readouterr().err
    assert f"looked for {tmp_path / 'elsewhere/s'} and {here / 's'}" in told.replace("\n", " ")
    assert "recipe.yaml" in told
    shutil.move(here / "gone", "s")
    assert splits(str(here / "runs/a")) == before, "images that were moved, and are where the command works"


@pytest.mark.parametrize("change", ["other images", "fewer images", "no images"])
def test_another_folder_of_the_same_name_is_told_from_that_of_the_run(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    other = tmp_path / "elsewhere"
    for label in ("cat", "dog"):
        (other / "s" / label).mkdir(parents=True)
        for k, file in enumerate(sorted(Path("s", label).iterdir())):
            if change == "other images":
                picture(other / "s" / label / file.name, 900 + k)
            elif change == "fewer images" and k > 2:
                shutil.copy(file, other / "s" / label)
    monkeypatch.chdir(other)
    began = Path(read_record(here / "runs/a").data.started)
    with pytest.raises(RegardError) as raised:
        splits(str(here / "runs/a"))
    taken = f"{other / 's'} was taken, as it is in the working directory; the run began with {began / 's'}"
    assert f". {taken}: work in {began}, or give the whole path" in str(raised.value)
    shutil.rmtree(other / "s")
    before = splits(str(here / "runs/a"))
    shutil.copytree(here / "s", other / "s")
    assert splits(str(here / "runs/a")) == before, "a copy of the images will do"


def test_generated_data_have_no_place(tmp_path: Path) -> None:
    recipe = tiny()
    assert record_run(recipe, build_data(recipe)).data.started == ""


def test_is_not_judged_on_training_images(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    shutil.copy(in_split("train"), "mine/elsewhere.png")
    picture(Path("mine/other.png"), 980)
    picture(Path("mine/third.png"), 981)
    judged = ["judge", "--model", "runs/a", "--data", "mine", "--methods", "attention", "--metrics", "drop"]
    assert main([*judged, "--images", "3", "--json"]) == 2
    assert "1 of 3 images were trained on by runs/a, such as mine/elsewhere.png" in capsys.readouterr().err
    Path("mine/elsewhere.png").unlink()
    assert main([*judged, "--images", "2", "--json"]) == 0


def test_is_not_judged_on_training_images_of_a_named_set(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of the catalog opens a set with a split of its own: another one, as images were added or left out."""
    judged = ["judge", "--model", "runs/a", "--methods", "uniform", "--metrics", "drop", "--images", "2", "--json"]
    monkeypatch.setenv("REGARD_DATA", str(here / "s"))
    assert main([*judged, "--data", "folder", "--out", "same"]) == 0, "the same folder, and so the same split"
    for name in ("train", "test"):
        for k, label in enumerate(("cat", "dog")):
            for i in range(3):
                picture(here / "other" / name / label / f"{i}.png", 1000 + 100 * k + i + 10 * (name == "test"))
    shutil.copy(in_split("train"), "other/test/cat/known.png")
    monkeypatch.setenv("REGARD_DATA", str(here / "other"))
    assert main([*judged, "--data", "folder", "--out", "o"]) == 2
    assert "folder: 1 of 7 images were trained on by runs/a, such as " in (told := capsys.readouterr().err)
    assert "known.png" in told
    assert not Path("o").exists()
    Path("other/test/cat/known.png").unlink()
    assert main([*judged, "--data", "folder", "--out", "o"]) == 0
    rows = [
        f"{name}/{label}/{i}.png,{label},{name}"
        for name in ("train", "test")
        for label in ("cat", "dog")
        for i in range(3)
    ]
    Path("other/table.csv").write_text(
        "\n".join(["path,label,split", *rows, f"{Path(in_split('train')).resolve()},cat,test"])
    )
    monkeypatch.setenv("REGARD_DATA", str(here / "other/table.csv"))
    assert main([*judged, "--data", "csv", "--out", "c"]) == 2
    assert "csv: 1 of 7 images were trained on by runs/a" in capsys.readouterr().err


def test_run_without_a_record_says_so(here: Path) -> None:
    Path("runs/a/data.json").unlink()
    before = splits()
    (remark,) = open_run("runs/a").data.remarks
    assert "no data.json" in remark
    assert "cannot be checked" in remark
    assert main(["explain", "s/cat/00.png", "--run", "runs/a", "--out", "e"]) == 0
    shutil.rmtree("s")
    Path("q.png").write_bytes(picture(Path("p.png"), 3).read_bytes())
    assert main(["explain", "q.png", "--run", "runs/a", "--out", "f"]) == 0
    (entry,) = json.loads(Path("f/explained.json").read_text())
    assert set(entry["probabilities"]) == {"cat", "dog"}, "the model knows its classes, too"
    config = json.loads(Path("runs/a/model/config.json").read_text())
    del config["arguments"]["classes"]
    Path("runs/a/model/config.json").write_text(json.dumps(config))
    assert main(["explain", "q.png", "--run", "runs/a", "--out", "g"]) == 0
    (entry,) = json.loads(Path("g/explained.json").read_text())
    assert set(entry["probabilities"]) == {"0", "1"}, "a run of an earlier version, without its data"
    assert sum(map(len, before.values())) == 20


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "data": {"schema": 1, "name": 3}}', _ODD]
)
def test_damaged_record_is_named(here: Path, content: str) -> None:
    Path("runs/a/data.json").write_text(content)
    with pytest.raises(RegardError, match=r"runs/a/data.json: .*"):
        open_run("runs/a")


def unfinish(folder: Path) -> None:
    """As a run that was killed after its last epoch."""
    (folder / "environment.json").unlink()
    shutil.rmtree(folder / "model")


def test_a_resumed_run_keeps_its_split(here: Path) -> None:
    before = splits()
    unfinish(Path("runs/a"))
    add_many_before_all_others()
    assert train() == 0
    assert splits() == before


def test_a_run_is_not_resumed_on_other_images(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unfinish(Path("runs/a"))
    picture(in_split("train"), 991)
    assert train() == 2
    assert "1 of the 20 items of the run are missing or changed: changed" in capsys.readouterr().err


def test_a_run_that_never_began_takes_the_images_as_they_are(here: Path) -> None:
    Path("runs/b").mkdir()
    shutil.copy("runs/a/recipe.yaml", "runs/b/recipe.yaml")
    shutil.copy("runs/a/data.json", "runs/b/data.json")
    run = PreparedRun(load_recipe(Path("runs/a/recipe.yaml")), Path("runs/b"))
    assert len(run.data.train) == 16
    Path("s/cat/00.png").unlink()
    again = PreparedRun(run.recipe, Path("runs/b"))
    assert sum(again.record.data.counts.values()) == 19


def test_a_twin_has_the_record_of_its_run(here: Path) -> None:
    recipe = load_recipe(Path("runs/a/recipe.yaml"))
    add_many_before_all_others()
    twin = PreparedRun(plain_twin(recipe), Path("runs/a/twin"))
    assert twin.record == read_record(Path("runs/a"))
    assert [Path(p).name for p in twin.data.train.paths] == [name.split(":")[0] for name in splits()["train"]]


def test_the_same_command_again_evaluates_on_the_recorded_split(here: Path) -> None:
    assert main(["evaluate", "runs/a"]) == 0
    first = read_evaluation(Path("runs/a"))
    assert first.data.size == 2
    add_many_before_all_others()
    assert main(["evaluate", "runs/a"]) == 0
    again = read_evaluation(Path("runs/a"))
    assert [row.value for row in again.scores] == pytest.approx([row.value for row in first.scores], nan_ok=True)
    assert any("15 items of s not used, added after training" in warning for warning in again.warnings)


@pytest.mark.parametrize("command", [["shift", "--run"], ["evaluate"], ["judge", "--model"]])
def test_commands_that_need_the_data_say_what_is_missing(
    here: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    gone = in_split("test")
    gone.unlink()
    assert main([*command, "runs/a"]) == 2
    assert f"missing {gone.relative_to('s')} (test); restore" in " ".join(capsys.readouterr().err.split())


def test_transfer_and_score_need_no_data_of_the_run(here: Path) -> None:
    picture(Path("p/1.png"), 5)
    picture(Path("p/2.png"), 6)
    Path("f.csv").write_text("image,subject,x,y\n" + "".join(f"{i}.png,{w},3,{i}\n" for i in (1, 2) for w in "ab"))
    shutil.rmtree("s")
    options = {"size": 16, "train": 40, "val": 12, "test": 10, "cache": False}
    result = transfer(Path("runs/a"), "clutter", Path("t"), TransferOptions(shots=(1,), draws=1), data_options=options)
    assert result.data.test == 10
    assert main(["score", "--maps", "runs/a", "--images", "p", "--fixations", "f.csv", "--out", "sc"]) == 0
