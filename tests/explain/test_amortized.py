"""Amortised IBA: where the class is decided, what it costs, what it keeps; the network and its files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.explain.toys import Corner, Deep, Pooled, deep
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from regard.attention import floored_std
from regard.backbones import create_backbone
from regard.cli import main
from regard.explain import AmortizedIba, explain, learn_amortized_iba, learner
from regard.explain.context import ExplainContext
from regard.explain.split import SplitNetwork
from regard.models import AttentiveClassifier
from regard.types import RegardError


def corner_images(count: int, seed: int = 0) -> Tensor:
    """Noise, whose upper left corner is clearly bright or clearly dark."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 1, 8, 8, generator=generator)
    dark = torch.rand(count, generator=generator) < 0.5
    images[:, :, :2, :2] = torch.where(dark, 0.1, 0.9)[:, None, None, None] + 0.1 * (images[:, :, :2, :2] - 0.5)
    return images


@pytest.fixture(scope="module")
def corner() -> AmortizedIba:
    return learn_amortized_iba(Corner(), corner_images(64), layer="same", bits=12.0, steps=120, lr=1e-2)


@pytest.mark.parametrize("target", ["probabilities", "class"])
def test_bits_are_where_the_class_is_decided_and_keep_it(target: str) -> None:
    model, images = Corner(), corner_images(32, seed=1)
    learned = learn_amortized_iba(model, corner_images(64), layer="same", bits=12.0, steps=120, lr=1e-2, target=target)
    map = explain(model, images, "amortized_iba", learned=learned)
    assert map.unit == "bits"
    assert (map.values[:, :, :2, :2].sum((1, 2, 3)) / map.values.sum((1, 2, 3))).mean() > 0.7, "4 of 64 positions"
    assert learned.facts.kept >= 0.9
    assert learned.facts.kept_open == 1
    assert learned.facts.uniform < learned.facts.kept - 0.1, "12 bits spread over 64 positions tell little"


@pytest.mark.parametrize("bits", [5.0, 12.0, 60.0])
def test_it_costs_what_is_asked(bits: float) -> None:
    model, images = Corner(), corner_images(64)
    learned = learn_amortized_iba(model, images, layer="same", bits=bits, steps=30, held_out=0.5)
    assert learned.facts.bits == pytest.approx(bits, rel=2e-3)
    assert (learned.facts.images, learned.facts.held_out) == (32, 32)
    generator = torch.random.get_rng_state()
    torch.manual_seed(0)
    held = torch.randperm(64)[:32]
    torch.random.set_rng_state(generator)
    totals = explain(model, images[held], "amortized_iba", learned=learned).values.sum((1, 2, 3))
    assert totals.mean().item() == pytest.approx(bits, rel=2e-3)


def test_a_position_costs_the_divergence_of_what_passes() -> None:
    model, images = Pooled().eval(), torch.rand(16, 3, 6, 5)
    learned = learn_amortized_iba(model, images, layer="conv", bits=40.0, steps=10)
    features = model.conv(images).detach()
    mean, std = features.mean((0, 2, 3))[:, None, None], features.var((0, 2, 3), correction=0)
    r = (features - mean) / floored_std(std)[:, None, None]
    with torch.no_grad():
        a = learned.attention(features).map[0]
    nats = kl_divergence(Normal(a * r, 1 - a), Normal(torch.zeros(()), torch.ones(()))).sum(1, keepdim=True)
    shown = explain(model, images, "amortized_iba", learned=learned).values
    torch.testing.assert_close(shown, nats / torch.tensor(2.0).log(), rtol=1e-3, atol=1e-4)


def test_without_a_budget_it_takes_the_fewest_bits_that_keep_the_class() -> None:
    model, images = Corner(), corner_images(80)
    bits = {}
    for keep in (0.8, 1.0):
        facts = learn_amortized_iba(model, images, layer="same", keep=keep, steps=120, lr=1e-2).facts
        assert min(facts.kept, facts.kept_mean) >= keep
        bits[keep] = facts.bits
    assert bits[0.8] < bits[1.0] < 200, "an open map costs about 400"


def test_what_cannot_be_kept_is_said() -> None:
    class Fragile(Corner):
        def forward(self, images: Tensor) -> Tensor:
            return (1e6 * self.same(images).sum((1, 2, 3))).sin()[:, None] * torch.tensor([1.0, -1.0])

    with pytest.raises(RegardError, match="even an open map keeps the class"):
        learn_amortized_iba(Fragile(), corner_images(40), layer="same", keep=1.0, steps=4)


@pytest.mark.parametrize("model", [deep(), Pooled()], ids=["deep", "pooled"])
def test_the_network_and_the_random_state_are_left_as_they_are(model: nn.Module) -> None:
    model.train()
    first, images = next(model.parameters()), torch.rand(12, 3, 12, 10)
    first.requires_grad_(False)
    before, state = {key: value.clone() for key, value in model.state_dict().items()}, torch.random.get_rng_state()
    layer = "norm" if isinstance(model, Deep) else "conv"
    learn_amortized_iba(model, images, layer=layer, bits=20.0, steps=3)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(module.training for module in model.modules())
    assert [p.requires_grad for p in model.parameters()] == [p is not first for p in model.parameters()]
    assert all(p.grad is None and "forward" not in vars(m) for m in model.modules() for p in m.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    first.requires_grad_(True)


def test_a_seed_decides_and_features_that_do_not_fit_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model, images = deep().eval(), torch.rand(14, 3, 12, 10)

    def values(seed: int) -> Tensor:
        torch.rand(seed + 1)
        learned = learn_amortized_iba(model, images, layer="norm", bits=30.0, steps=4, seed=seed, batch=4)
        return explain(model, images, "amortized_iba", learned=learned).values

    kept = values(1)
    assert not torch.equal(values(2), kept)
    monkeypatch.setattr(learner, "_MEMORY", 0)
    torch.testing.assert_close(values(1), kept)


@pytest.mark.parametrize(
    ("name", "layer"),
    [("resnet10t", None), ("mobilenetv3_small_050", None), ("vit_tiny_patch16_224", "blocks.1"), ("swin", None)],
)
def test_any_network(name: str, layer: str | None) -> None:
    options = {"depth": 3, "embed_dim": 16, "num_heads": 2} if name.startswith("vit") else {}
    size = (64, 64)
    if name == "swin":
        name, options = "swin_tiny_patch4_window7_224", {"embed_dim": 16, "depths": (1, 1, 1, 1), "window_size": 2}
    model = create_backbone(name, 5, img_size=size, **options).eval()
    images = torch.rand(10, 3, *size)
    learned = learn_amortized_iba(model, images, layer=layer, bits=200.0, steps=3)
    assert learned.facts.bits == pytest.approx(200, rel=1e-2)
    alone = explain(model, images[:1], "amortized_iba", learned=learned, layer=learned.facts.layer)
    together = explain(model, images[:3], "amortized_iba", learned=learned)
    torch.testing.assert_close(alone.values, together.values[:1], rtol=1e-3, atol=1e-3)
    iba = explain(model, images[:1], "iba", layer=layer, steps=1, samples=1)
    assert alone.values.shape == iba.values.shape


def test_of_regards_own_classifier_images_are_normalised() -> None:
    torch.manual_seed(0)
    norm = ((0.3, 0.4, 0.5), (0.2, 0.2, 0.2))
    own = AttentiveClassifier("compact", 4, attention=None, input_size=(16, 16), normalize=norm).eval()

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = own.trunk

        def forward(self, images: Tensor) -> Tensor:
            return self.network((images - torch.tensor(norm[0])[:, None, None]) / 0.2)

    images = torch.rand(12, 3, 16, 16)
    first = learn_amortized_iba(own, images, layer="stage2", bits=100.0, steps=3)
    second = learn_amortized_iba(Plain().eval(), images, layer="network.stage2", bits=100.0, steps=3)
    maps = [explain(m, images, "amortized_iba", learned=x).values for m, x in ((own, first), (Plain(), second))]
    torch.testing.assert_close(maps[0], maps[1])


def test_the_second_part_gives_the_logits_of_the_whole() -> None:
    model, images = deep().eval(), torch.rand(3, 3, 12, 10)
    split = SplitNetwork(model, "last", (3, 12, 10))
    torch.testing.assert_close(split.logits(split.features(split.output(images))), model(images))


def test_prefix_tokens_tell_nothing() -> None:
    options = {"depth": 3, "embed_dim": 16, "num_heads": 2}
    model = create_backbone("vit_tiny_patch16_224", 5, img_size=(32, 32), **options).eval()
    split = SplitNetwork(model, "blocks.1", (3, 32, 32))
    outputs = split.output(torch.rand(2, 3, 32, 32))
    swapped = outputs.clone()
    swapped[:, 0] = outputs.flip(0)[:, 0]
    assert not torch.equal(swapped, outputs)
    assert torch.equal(split.logits(split.features(swapped)), split.logits(split.features(outputs)))
    images = torch.rand(12, 3, 32, 32)
    learned = learn_amortized_iba(model, images, layer="blocks.1", bits=50.0, steps=2)
    assert learned.prefix is not None
    torch.testing.assert_close(learned.prefix, split.output(images)[:, :1].mean(0))


def test_a_layer_that_a_path_goes_around_is_refused() -> None:
    with pytest.raises(
        RegardError, match=r"amortized_iba: layer='body' does not split the network in two: a path goes around body"
    ):
        explain(deep(), torch.rand(1, 3, 12, 10), "amortized_iba", layer="body", learn_from=torch.rand(12, 3, 12, 10))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.rand(5, 3, 8, 8)}, "5 images, 1 of them held out: at least 8"),
        ({"held_out": 0.0}, "12 images, 0 of them held out"),
        ({"keep": 1.2}, "keep=1.2"),
        ({"bits": -3.0}, "bits=-3.0"),
        ({"target": "labels"}, "target='labels'"),
        ({"layer": "cnov"}, "nearest: conv"),
    ],
)
def test_what_is_asked_wrongly_is_named(change: dict[str, object], message: str) -> None:
    arguments = {"images": torch.rand(12, 3, 8, 8), "layer": "conv", "bits": 20.0, "steps": 1} | change
    with pytest.raises(RegardError, match=message):
        learn_amortized_iba(Pooled(), **arguments)  # type: ignore[arg-type]


def test_a_multi_label_network_has_no_class_to_keep() -> None:
    model = AttentiveClassifier("compact", 3, attention=None, input_size=(16, 16), multi_label=True)
    with pytest.raises(RegardError, match="no single predicted class"):
        learn_amortized_iba(model, torch.rand(12, 3, 16, 16), layer="stage2", bits=50.0, steps=1)


def test_files_give_the_same_maps(corner: AmortizedIba, tmp_path: Path) -> None:
    corner.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["amortized_iba.json", "amortized_iba.safetensors"]
    model, images = Corner(), corner_images(5, seed=2)
    loaded = AmortizedIba.load(tmp_path)
    assert loaded.facts == corner.facts
    assert loaded.asked == corner.asked
    first, second, third = (
        explain(model, images, "amortized_iba", learned=x).values for x in (corner, loaded, str(tmp_path))
    )
    assert torch.equal(first, second)
    assert torch.equal(first, third)


@pytest.mark.parametrize(
    "fault", ["no json", "half a json", "schema", "no weights", "half the weights", "other weights"]
)
def test_damaged_files_are_named(corner: AmortizedIba, tmp_path: Path, fault: str) -> None:
    corner.save(tmp_path)
    facts, weights = tmp_path / "amortized_iba.json", tmp_path / "amortized_iba.safetensors"
    if fault == "no json":
        facts.unlink()
    elif fault == "half a json":
        facts.write_text(facts.read_text()[:60])
    elif fault == "schema":
        facts.write_text(json.dumps(json.loads(facts.read_text()) | {"schema": 99}))
    elif fault == "no weights":
        weights.unlink()
    elif fault == "half the weights":
        weights.write_bytes(weights.read_bytes()[:100])
    else:
        state = load_file(weights)
        save_file(dict(list(state.items())[1:]), weights)
    with pytest.raises(RegardError, match="amortized_iba"):
        AmortizedIba.load(tmp_path)


def test_another_network_layer_or_setting_is_refused(corner: AmortizedIba, tmp_path: Path) -> None:
    corner.save(tmp_path)
    images, other = corner_images(3), Corner()
    nn.init.constant_(other.same.weight, 2.0)
    with pytest.raises(RegardError, match="a network of other weights"):
        explain(other, images, "amortized_iba", learned=tmp_path)
    with pytest.raises(RegardError, match=r"layer='relu': it was learned at 'same'"):
        explain(Corner(), images, "amortized_iba", learned=corner, layer="relu")
    with pytest.raises(RegardError, match=r"holds what was learned with keep=0.98, not 0.5"):
        explain(Corner(), images, "amortized_iba", learned=tmp_path, learn_from=images, bits=12.0, keep=0.5)
    with pytest.raises(RegardError, match="learn_from"):
        explain(Corner(), images, "amortized_iba")
    with pytest.raises(RegardError, match="holds nothing learned"):
        explain(Corner(), images, "amortized_iba", learned=tmp_path / "empty")
    context = ExplainContext(deep().eval(), torch.rand(1, 3, 12, 10))
    moved = AmortizedIba(
        corner.attention, corner.layout, corner.facts.__class__(**vars(corner.facts) | {"layer": "body"})
    )
    with pytest.raises(RegardError, match="body of Deep has 8 channels, the map learned from 1"):
        moved(context)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for k in range(10):
        path = tmp_path / "photos" / "ab"[k % 2] / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (20, 24, 3), dtype=np.uint8)).save(path)
    return tmp_path / "photos"


def test_the_command_learns_once(photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = AttentiveClassifier("compact", 4, attention=None, input_size=(16, 16))
    model.save_pretrained(tmp_path / "model")
    image = str(photographs / "a" / "0.png")
    command = ["explain", image, "--run", str(tmp_path / "model"), "--out", str(tmp_path / "out")]
    command += ["--method", "amortized_iba", "--layer", "stage2"]
    quick = ["--option", "amortized_iba.steps=3", "--option", "amortized_iba.bits=60"]
    assert main(command) == 2
    assert "--learn-from" in capsys.readouterr().err
    assert main([*command, *quick, "--learn-from", str(photographs)]) == 0
    kept = tmp_path / "out" / "amortized_iba" / "amortized_iba.safetensors"
    before = kept.stat().st_mtime_ns
    with np.load(tmp_path / "out" / "0.npz") as arrays:
        first = arrays["amortized_iba"]
    assert main([*command, *quick, "--learn-from", str(photographs)]) == 0
    assert main([*command, "--learned", str(kept.parent)]) == 0, "what is kept needs no images"
    assert kept.stat().st_mtime_ns == before
    with np.load(tmp_path / "out" / "0.npz") as arrays:
        assert np.array_equal(arrays["amortized_iba"], first)


def test_judged_beside_others(photographs: Path, tmp_path: Path) -> None:
    model = AttentiveClassifier("compact", 4, attention=None, input_size=(16, 16))
    model.save_pretrained(tmp_path / "model")
    out = tmp_path / "judged"
    command = ["judge", "--model", str(tmp_path / "model"), "--data", str(photographs), "--out", str(out)]
    command += ["--methods", "amortized_iba,grad_cam", "--metrics", "drop,sanity", "--layer", "stage2"]
    command += ["--images", "4", "--again", "2", "--steps", "2", "--learn-from", str(photographs), "--json"]
    command += ["--option", "amortized_iba.steps=3", "--option", "amortized_iba.bits=60"]
    assert main(command) == 0
    results = json.loads((out / "judge.json").read_text())
    assert [method["name"] for method in results["methods"]] == ["amortized_iba", "grad_cam"]
    assert results["methods"][0]["unit"] == "bits"
    assert results["methods"][0]["forwards_an_image"] == 1.25, "and one for the number of classes"
    assert (out / "amortized_iba" / "amortized_iba.json").is_file()
