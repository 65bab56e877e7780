"""Somebody else's ``config.json``: exactly what ``save_pretrained`` writes, nothing that fetches, sizes that fit."""

import json
import time
import tracemalloc

import pytest
import torch

from regard.models import AttentiveClassifier
from regard.types import RegardError


@pytest.fixture
def folder(tmp_path):
    model = AttentiveClassifier("compact", 3, at="stage1", anchors=4, latent=4, input_size=(16, 16))
    model.save_pretrained(tmp_path)
    return tmp_path


def change(folder, change):
    path = folder / "config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content)))


def argument(name, value):
    return lambda content: content | {"arguments": content["arguments"] | {name: value}}


WRONG = {
    "pretrained weights": (argument("pretrained", True), "arguments.pretrained is none"),
    "an address": (
        argument("backbone_options", {"pretrained_cfg": {"url": "http://x"}}),
        r"pretrained_cfg loads or fetches",
    ),
    "an address below": (argument("backbone_options", {"a": [{"hf_hub_id": "x"}]}), r"hf_hub_id loads or fetches"),
    "a checkpoint": (
        argument("backbone_options", {"checkpoint_path": "/etc/passwd"}),
        "checkpoint_path loads or fetches",
    ),
    "weights of torchvision": (argument("backbone_options", {"weights": "DEFAULT"}), "weights loads or fetches"),
    "images that fit nowhere": (argument("input_size", [3, 200000, 200000]), "input_size is .*each 1 to 4096"),
    "images without a side": (argument("input_size", [16]), "input_size is"),
    "images of no number": (argument("input_size", ["16", "16"]), "input_size is"),
    "negative images": (argument("input_size", [-16, 16]), "input_size is"),
    "too many classes": (argument("num_classes", 10**9), "num_classes is 1000000000, expected a number of at most"),
    "classes that are no number": (argument("num_classes", "3"), "num_classes is 3, expected int"),
    "classes that are a truth": (argument("num_classes", True), "num_classes is True, expected int"),
    "classes that are half": (argument("num_classes", 2.5), "num_classes is 2.5, expected int"),
    "a list as backbone": (argument("backbone", ["compact"]), "backbone is"),
    "attention that is code": (argument("attention", {"__reduce__": "x"}), "attention is"),
    "an unknown argument": (argument("trust_remote_code", True), "trust_remote_code is none that AttentiveClassifier"),
    "an infinite option": (lambda c: argument("normalize", [[0.0], [float("inf")]])(c), "normalize"),
    "no arguments": (lambda content: content | {"arguments": {}}, "arguments.* is missing"),
    "null arguments": (lambda content: content | {"arguments": None}, "arguments is None"),
    "listed arguments": (lambda content: content | {"arguments": [1]}, r"arguments is \[1\]"),
    "another class": (lambda content: content | {"class": "os.system"}, "schema 2 of os.system"),
    "a class that is a list": (lambda content: content | {"class": []}, "schema 2 of"),
    "another schema": (lambda content: content | {"schema": 3}, "schema 3"),
    "a further key": (lambda content: content | {"auto_map": "x.py"}, "does not describe a model"),
    "a list": (lambda _: [], "does not describe a model"),
    "a text": (lambda _: "x", "does not describe a model"),
    "a wide network": (
        argument("backbone_options", {"widths": [10**6, 10**6]}),
        "out of proportion|no model can",
    ),
    "an option of none": (argument("backbone_options", {"banana": 1}), "banana"),
    "widths of no numbers": (argument("backbone_options", {"widths": "abc"}), "config.json"),
    "another latent": (argument("latent", 5), "does not fit"),
    "a latent below 1": (argument("latent", -1), "negative dimension"),
    "anchors below 2": (argument("anchors", 0), "anchors"),
    "an unknown layer": (argument("at", ["nowhere"]), "nowhere"),
    "a network of the hub": (argument("backbone", "hf-hub:me/net"), "no backbone 'hf-hub:me/net'"),
    "a folder as network": (argument("backbone", "local-dir:/etc"), "no backbone"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_configuration_that_was_not_written_is_refused(folder, monkeypatch, what):
    def fetched(*_args, **_options):
        raise AssertionError("something was fetched")

    monkeypatch.setattr("timm.models._hub.load_state_dict_from_hf", fetched)
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", fetched)
    monkeypatch.setattr("socket.socket.connect", fetched)
    changed, says = WRONG[what]
    change(folder, changed)
    begin = time.perf_counter()
    with pytest.raises(RegardError, match=says) as raised:
        AttentiveClassifier.from_pretrained(folder)
    assert "config.json" in str(raised.value) or "safetensors" in str(raised.value)
    assert time.perf_counter() - begin < 30


def test_a_model_comes_back_and_its_building_is_not_hindered(folder):
    model = AttentiveClassifier.from_pretrained(folder)
    x = torch.rand(2, 3, 16, 16)
    assert torch.equal(model.predict(x), AttentiveClassifier.from_pretrained(folder).predict(x))
    assert torch.rand(2**10).numel() == 2**10


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 5000, b'{"schema": ' + b"1" * 9999 + b"}"])
def test_a_damaged_configuration_is_named(folder, content):
    (folder / "config.json").write_bytes(content)
    with pytest.raises(RegardError, match=r"config\.json: .*save_pretrained"):
        AttentiveClassifier.from_pretrained(folder)


def test_weights_behind_a_link_out_of_the_folder_are_refused(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "model.safetensors"
    (folder / "model.safetensors").rename(outside)
    (folder / "model.safetensors").symlink_to(outside)
    with pytest.raises(RegardError, match=r"model\.safetensors: is a link that leads out"):
        AttentiveClassifier.from_pretrained(folder)


@pytest.mark.parametrize("length", [2**24 + 1, 2**40, 2**63])
def test_a_header_of_safetensors_is_bounded(folder, length):
    path = folder / "model.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + path.read_bytes()[8:])
    tracemalloc.start()
    with pytest.raises(RegardError, match=rf"its header has {length:,} bytes"):
        AttentiveClassifier.from_pretrained(folder)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


@pytest.mark.parametrize("average", ["probabilities", "logits"])
@pytest.mark.parametrize("samples", [0, 3])
def test_one_logit_predicts_its_sigmoid(average, samples):
    torch.manual_seed(0)
    model = AttentiveClassifier("compact", 1, at="stage1", latent=4, input_size=(16, 16), average=average).eval()
    x = torch.rand(5, 3, 16, 16)
    torch.manual_seed(1)
    logits = model(x, samples=samples).logits
    torch.manual_seed(1)
    p = model.predict(x, samples=samples)
    wanted = logits.mean(0).sigmoid() if average == "logits" else logits.sigmoid().mean(0)
    assert p.shape == (5, 1)
    assert torch.allclose(p, wanted)
    assert p.std() > 0
    assert not torch.allclose(p, torch.ones(5, 1))
