"""Sharing a run: what is uploaded, what stays here, and the card with the run's own numbers."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from tests.hub import Hub, local_hub

from regard.cli import main
from regard.models import AttentiveClassifier, open_saved
from regard.report import read_run
from regard.runs import share_run
from regard.training import load_run
from regard.types import RegardError

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<:DeprecationWarning")  # of the hub's client itself


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with local_hub(monkeypatch, tmp_path / "cache") as hub:
        yield hub


def own(run: Path, folder: Path) -> Path:
    """A copy of the run that says it was trained on a folder of one's own."""
    shutil.copytree(run, folder)
    content = json.loads((folder / "evaluation.json").read_text())
    content["data"] |= {"name": "folder", "source": f"images in {folder}", "licence": "yours"}
    (folder / "evaluation.json").write_text(json.dumps(content))
    return folder


def test_a_run_goes_to_the_hub_and_explains_from_there(
    evaluated_run: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["share", str(evaluated_run), "someone/digits", "--licence", "mit"]) == 0
    files = hub.repositories["someone/digits"].files("main")[1]
    assert files.keys() == {".gitattributes", "README.md", "config.json", "model.safetensors", "maps.png"}
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{hub.address}/someone/digits/commit/")
    assert said[1] == "next: regard explain YOUR.jpg --model hf:someone/digits"
    with Image.open(io.BytesIO(files["maps.png"])) as picture:
        assert min(picture.size) > 300
    run = load_run(evaluated_run)
    images = run.data.test.batch([0, 1]).images
    again = AttentiveClassifier.from_pretrained("hf:someone/digits")
    assert torch.equal(again.predict(images), run.model.predict(images))
    assert again.classes == tuple(run.data.classes)
    Image.new("RGB", (20, 20), "grey").save("bird.png")
    assert main(["explain", "bird.png", "--model", "hf:someone/digits"]) == 0
    assert json.loads(Path("explained/explained.json").read_text())[0]["prediction"] in again.classes
    assert main(["predict", "bird.png", "--run", "hf:someone/digits"]) == 0


def test_the_card_has_the_runs_numbers_and_no_place_of_this_machine(evaluated_run: Path, tmp_path: Path) -> None:
    shared = share_run(evaluated_run, "someone/digits", out=tmp_path / "out", licence="mit")
    assert shared.address == ""
    assert set(shared.files) == {path.name for path in (tmp_path / "out").iterdir()}
    card = (tmp_path / "out" / "README.md").read_text()
    scores = {score.key: score for score in read_run(evaluated_run).evaluation.scores}
    (result,) = yaml.safe_load(card.split("---\n")[1])["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == pytest.approx(scores["accuracy_mean"].value, abs=5e-5)
    rows = [line for line in card.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(scores)
    assert "control: plain twin" in rows[0]
    assert "floor: most frequent class" in rows[0]
    assert any(row.startswith("| Gate price |") and " bits " in row for row in rows)
    assert "CC BY 4.0" in card.split("## Licences")[1]
    assert "(maps.png)" in card
    for place in (str(evaluated_run), str(Path.home()), str(tmp_path), "recipe.yaml"):
        assert place not in card
    assert torch.is_tensor(next(open_saved(tmp_path / "out").parameters()))


def test_data_of_ones_own_need_their_licence_and_leave_no_picture(evaluated_run: Path, tmp_path: Path) -> None:
    run = own(evaluated_run, tmp_path / "mine")
    with pytest.raises(RegardError, match=r"mine: was trained on folder, data of your own.*--data-licence"):
        share_run(run, "someone/mine", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    shared = share_run(run, "someone/mine", out=tmp_path / "out", data_licence="mine, all rights reserved")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "maps.png" not in card
    assert "--pictures" in shared.notes[0]
    assert card.splitlines()[-1] == "Data (the author's own data): mine, all rights reserved."
    assert str(tmp_path) not in card
    both = share_run(run, "someone/mine", out=tmp_path / "both", data_licence="mine", pictures=True)
    assert (tmp_path / "both" / "maps.png").is_file()
    assert both.notes == ()
    none = share_run(evaluated_run, "someone/digits", out=tmp_path / "none", pictures=False)
    assert "maps.png" not in none.files


def test_a_saved_model_has_a_card_without_scores(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = AttentiveClassifier("compact", 3, input_size=(16, 16), backbone_options={"widths": [4, 6, 8, 8]})
    model.save_pretrained(tmp_path / "saved")
    assert main(["share", str(tmp_path / "saved"), "someone/saved", "--private"]) == 0
    assert hub.repositories["someone/saved"].private
    assert "is no run, so the card has no scores" in capsys.readouterr().err
    assert b"was not made from a run" in hub.repositories["someone/saved"].files("main")[1]["README.md"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["absent", "someone/birds"],
            "absent: no such folder; give one of save_pretrained or a run's: regard runs list",
        ),
        (["empty", "someone/birds"], "empty: not a run folder"),
        (["saved", "a/b/c"], "no name of the hub, as owner/name"),
    ],
)
def test_bad_input_uploads_nothing(
    words: list[str], message: str, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    options = {"input_size": (16, 16), "backbone_options": {"widths": [4, 6, 8, 8]}}
    AttentiveClassifier("compact", 3, **options).save_pretrained("saved")
    assert main(["share", *words]) == 2
    assert message in capsys.readouterr().err
    assert hub.requests == []
