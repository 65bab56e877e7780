"""Models on a hub: what is uploaded, by whom, what is fetched, and what a card says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import constants
from tests.hub import TOKEN, Hub, local_hub
from tests.models.test_sharing import small

from regard.judge import open_subject
from regard.models import AttentiveClassifier, CardFacts, Segmenter, TwoStream, fetch_model, open_saved
from regard.models.card import literal
from regard.report import Reference, Score
from regard.types import RegardError

pytestmark = [  # of the hub's client itself
    pytest.mark.filterwarnings("ignore:Use 'content=<:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning"),
]
FILES = {".gitattributes", "README.md", "config.json", "model.safetensors"}
IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with local_hub(monkeypatch, tmp_path / "cache") as hub:
        yield hub


def test_a_model_goes_to_the_hub_and_comes_back(hub: Hub) -> None:
    model = small(latent=4, classes=["hen", "owl", "jay"]).eval()
    address = model.push_to_hub("someone/birds")
    repository = hub.repositories["someone/birds"]
    commit, files = repository.files("main")
    assert address == f"{hub.address}/someone/birds/commit/{commit}"
    assert files.keys() == FILES
    assert not repository.private
    assert list(hub.objects.values()) == [files["model.safetensors"]], "weights are no part of the commit's text"
    for name in ("someone/birds", "hf:someone/birds", "hf:someone/birds@main", f"hf:someone/birds@{commit}"):
        again = AttentiveClassifier.from_pretrained(name)
        assert torch.equal(again.predict(IMAGES), model.predict(IMAGES))
        assert again.classes == ("hen", "owl", "jay")
        assert not again.training


def test_one_commit_is_read_whole_and_only_once(hub: Hub) -> None:
    first, second = small(), small()
    first.push_to_hub("someone/birds")
    old = hub.repositories["someone/birds"].branches["main"]
    second.push_to_hub("hf:someone/birds")
    for name, model in ((f"hf:someone/birds@{old}", first), ("hf:someone/birds", second)):
        read = open_saved(name)
        assert torch.equal(read.predict(IMAGES), model.eval().predict(IMAGES))
    assert torch.equal(
        AttentiveClassifier.from_pretrained("someone/birds", revision=old).predict(IMAGES), first.predict(IMAGES)
    )
    hub.requests.clear()
    fetch_model(f"hf:someone/birds@{old}")
    assert hub.requests == [], "a commit does not change, so its files are not fetched again"
    fetched = {path.name for path in fetch_model("hf:someone/birds").iterdir()}
    assert fetched == {"config.json", "model.safetensors"}, "nothing else is fetched"


@pytest.mark.parametrize(
    ("make", "kind", "task"),
    [
        (lambda: small(), AttentiveClassifier, "image-classification"),
        (lambda: Segmenter("compact", at="stage1", input_size=(32, 32)), Segmenter, "image-segmentation"),
        (lambda: TwoStream("compact", 3, length=2, input_size=(32, 32)), TwoStream, "video-classification"),
    ],
)
def test_every_kind_of_model_is_opened_by_its_name(make, kind: type, task: str, hub: Hub) -> None:
    model = make()
    model.push_to_hub("someone/net")
    again = open_saved("hf:someone/net")
    assert type(again) is kind
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in model.state_dict().items())
    card = hub.repositories["someone/net"].files("main")[1]["README.md"].decode()
    assert yaml.safe_load(card.split("---\n")[1])["pipeline_tag"] == task
    assert ("regard explain" in card) == (task == "image-classification")


def test_private_repositories_need_the_token(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    small().push_to_hub("someone/secret", private=True)
    assert hub.repositories["someone/secret"].private
    assert fetch_model("hf:someone/secret").is_dir()
    hub.repositories["someone/secret"].commit("main", {})
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    with pytest.raises(RegardError, match=r"hf:someone/secret@x is neither .* `hf auth login`"):
        fetch_model("hf:someone/secret@x")


def test_who_may_not_write_is_told_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for token in ("hf_another", None):
        with local_hub(monkeypatch, tmp_path / "cache", token=token) as hub:
            with pytest.raises(RegardError, match=r"nothing was uploaded \(.*`hf auth login`, or set HF_TOKEN"):
                small().push_to_hub("someone/birds")
            assert hub.repositories == {}
            assert small().push_to_hub("someone/birds", token=TOKEN).startswith(hub.address)


@pytest.mark.parametrize("name", ["a/b/c", "some one/birds", "someone/", "--", "someone/birds\n# mine"])
def test_names_that_no_hub_has(name: str, hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="no name of the hub, as owner/name"):
        small().push_to_hub(name)
    with pytest.raises(RegardError, match="no name of the hub"):
        small().write_shared(tmp_path / "out", name)
    assert not (tmp_path / "out").exists()
    assert hub.requests == []


def test_what_is_not_there_is_named(hub: Hub, tmp_path: Path) -> None:
    small().push_to_hub("someone/birds")
    hub.repositories["someone/birds"].commit("notes", {"README.md": b"no model"})
    for name in ("hf:someone/absent", "hf:someone/birds@absent", "hf:someone/birds@notes"):
        for opener in (AttentiveClassifier.from_pretrained, open_saved, open_subject):
            with pytest.raises(RegardError, match=f"{name} is neither a folder nor available from the hub"):
                opener(name)
    with pytest.raises(RegardError, match=r"nothing was uploaded \(RevisionNotFoundError"):
        small().push_to_hub("someone/birds", branch="absent")


def test_no_way_to_the_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the client's tries
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}")
    with pytest.raises(RegardError, match="nothing was uploaded"):
        small().push_to_hub("someone/birds")
    with pytest.raises(RegardError, match="neither a folder nor available"):
        fetch_model("hf:someone/birds")


def test_a_folder_is_never_taken_for_the_hub_nor_the_hub_for_a_folder(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here, there = small().eval(), small().eval()
    here.save_pretrained("someone/birds")
    there.push_to_hub("someone/birds")
    for name, model in (("someone/birds", here), ("hf:someone/birds", there)):
        assert torch.equal(AttentiveClassifier.from_pretrained(name).predict(IMAGES), model.predict(IMAGES))
        assert torch.equal(open_subject(name).model.predict(IMAGES), model.predict(IMAGES))


def test_a_model_of_strangers_is_read_as_strictly(hub: Hub) -> None:
    small().push_to_hub("someone/bad")
    repository = hub.repositories["someone/bad"]
    files = dict(repository.files("main")[1])
    for content, words in (
        (b'{"schema": 2, "class": "AttentiveClassifier", "arguments": {"pretrained": "http://x/y"}}', "pretrained"),
        (b"\x80\x04pickle", "does not describe a model"),
    ):
        repository.commit("main", {**files, "config.json": content})
        with pytest.raises(RegardError, match=words):
            open_subject("hf:someone/bad")
    repository.commit("main", {**files, "model.safetensors": b"\x80\x04" + b"pickle" * 9})
    with pytest.raises(RegardError, match="safetensors"):
        open_subject("hf:someone/bad")
    with pytest.raises(RegardError, match=r"weights=pretrained: hf:someone/bad has its own"):
        open_subject("hf:someone/bad", weights="pretrained")


def test_a_card_has_numbers_beside_their_controls_and_shows_text_literally(hub: Hub) -> None:
    score = Score(
        "accuracy_mean",
        "prediction",
        "Accuracy",
        0.75,
        low=0.7,
        high=0.8,
        n=40,
        references=(Reference("plain twin", "control", 0.7, 0.6, 0.78), Reference("chance | luck", "floor", 0.25)),
    )
    bits = Score("gate_bits", "information", "Gate price", 480.0, unit="bits")
    facts = CardFacts(
        summary="A network.\n# of *mine*",
        scores=(score, bits),
        warnings=("The gate is <b>no</b> cut",),
        data="photos, test split, 40 images",
        data_licence="mine | CC BY 4.0",
        licence="mit",
    )
    model = small(classes=["hen", "<script>alert(1)</script>", "a|b"])
    model.push_to_hub("someone/birds", facts=facts, files={"note.txt": b"hello"})
    files = hub.repositories["someone/birds"].files("main")[1]
    assert files["note.txt"] == b"hello"
    card = files["README.md"].decode()
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == "mit"
    assert head["library_name"] == "regard"
    (result,) = head["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "accuracy", "value": 0.75}]
    assert result["dataset"]["name"] == "photos"
    lines = card.splitlines()
    beside = "control: plain twin 0.700 (0.600 to 0.780); floor: chance \\| luck 0.250"
    assert f"| Accuracy | 0.750 (0.700 to 0.800) | 40 | {beside} |" in lines
    assert "| Gate price | 480 bits |  |  |" in lines
    assert "* **The gate is \\<b\\>no\\</b\\> cut**" in lines
    assert lines[-2:] == ["Weights: mit.", "Data (photos, test split, 40 images): mine \\| CC BY 4.0."]
    assert "regard explain bird.jpg --model hf:someone/birds" in lines
    assert [line for line in lines if line.startswith("# ")] == ["# someone/birds"]
    assert not re.search(r"(?<!\\)<", card.split("---\n", 2)[2])


def test_a_card_without_a_run_says_so(tmp_path: Path) -> None:
    model = small(attention="mask", at=["stage2"])
    model.write_shared(tmp_path, "someone/birds")
    card = (tmp_path / "README.md").read_text()
    assert "None: this card was not made from a run." in card
    parameters = sum(p.numel() for p in model.parameters())
    assert (
        literal(f"compact with mask attention at stage2 for images of 16x16 pixels, {parameters:,} parameters") in card
    )
    assert "license" not in yaml.safe_load(card.split("---\n")[1])
    assert "not stated" in card
    plain = small(attention=None)
    plain.write_shared(tmp_path / "plain", "someone/plain")
    assert "model.explain" not in (tmp_path / "plain" / "README.md").read_text()
    assert "model.explain" in card


def test_names_of_further_files_stay_in_the_folder(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="does not name a"):
        small().write_shared(tmp_path / "out", "someone/birds", files={"../up.txt": b""})
    assert not (tmp_path / "up.txt").exists()
