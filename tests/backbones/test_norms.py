"""Batch normalisation behind a gate keeps statistics of the sampled and of the mean path, each used on its own."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from tests.backbones.toys import Half
from torch import Tensor, nn

from regard.attention import create_attention
from regard.backbones import (
    TwoPathNorm,
    attach,
    attended,
    calibrate_norms,
    default_statistics,
    original_keys,
    record,
    two_path_norms,
)
from regard.models import AttentiveClassifier, to_onnx

SIZE = (8, 8)


class Normed(nn.Module):
    """first -> gate here -> norm -> second -> norm2 -> pool -> fc, and a normalisation before the gate."""

    def __init__(self, norm: type[nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.norm0 = nn.BatchNorm2d(3)
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = norm(6)
        self.second = nn.Conv2d(6, 4, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        x = self.norm(self.first(self.norm0(images))).relu()
        return self.fc(self.norm2(self.second(x)).relu().mean((2, 3)))


def gated(model: nn.Module | None = None, at: str = "first", seed: int = 0, **options) -> nn.Module:
    torch.manual_seed(seed)
    model = Normed() if model is None else model
    return attach(model, at, "noise", input_size=SIZE, initial=0.3, **options)


def batches(count: int = 4, seed: int = 0, size: int = 8) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(16, 3, size, size, generator=generator) for _ in range(count)]


def passes(model: nn.Module):
    """The mean pass and the sampled one."""

    def run(images: Tensor, samples: int) -> Tensor:
        with record(model, samples=samples):
            return model(images)

    return partial(run, samples=0), partial(run, samples=1)


def run(model: nn.Module, images: Tensor, samples: int) -> Tensor:
    torch.manual_seed(7)
    with torch.no_grad(), record(model, samples=samples):
        return model(images)


def train_a_little(model: nn.Module) -> nn.Module:
    """Ten sampled passes in training mode, so that the sampled path's statistics are those of its features."""
    model.train()
    for images in batches(10, seed=1):
        run(model, images, 1)
    return model.eval()


def test_what_normalises_behind_the_gate_gets_two_statistics_and_nothing_before_it() -> None:
    model = gated()
    names = [name for name, module in model.named_modules() if isinstance(module, TwoPathNorm)]
    assert names == ["norm", "norm2"]
    assert len(two_path_norms(model)) == 2


def test_keys_are_the_normalisations_own_with_module_put_in_and_two_of_the_mean_path() -> None:
    before, model = Normed().state_dict(), gated()
    keys = {key for key in model.state_dict() if ".attention." not in key}
    moved = {}
    for key in before:
        place, name = key.rsplit(".", 1)
        moved[f"{place}.module.{name}" if place in ("norm", "norm2", "first") else key] = key
    added = {
        f"{norm}.mean_path_{which}": f"{norm}.running_{which}"
        for norm in ("norm", "norm2")
        for which in ("mean", "var")
    }
    assert keys == moved.keys() | added.keys()
    originals = original_keys(model)
    assert {key: originals[key] for key in keys} == moved | added


def test_both_statistics_start_as_those_of_the_network() -> None:
    network = Normed()
    with torch.no_grad():
        network.norm.running_mean.uniform_(-1, 1)
        network.norm.running_var.uniform_(1, 2)
    mean, var = network.norm.running_mean.clone(), network.norm.running_var.clone()
    model = gated(network)
    state = model.state_dict()
    for key, expected in (("mean", mean), ("var", var)):
        assert torch.equal(state[f"norm.module.running_{key}"], expected)
        assert torch.equal(state[f"norm.mean_path_{key}"], expected)


@pytest.mark.parametrize(
    ("samples", "changes", "stays"),
    [(1, "norm.module.running_", "norm.mean_path_"), (0, "norm.mean_path_", "norm.module.running_")],
)
def test_a_training_pass_updates_the_statistics_of_its_path_alone(samples: int, changes: str, stays: str) -> None:
    model = gated().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    features: list[Tensor] = []
    hook = model.norm.register_forward_pre_hook(lambda _, args: features.append(args[0]))
    run(model, batches(1)[0], samples)
    hook.remove()
    after = model.state_dict()
    for name in ("mean", "var"):
        assert torch.equal(after[f"{stays}{name}"], before[f"{stays}{name}"])
    var, mean = torch.var_mean(features[0], (0, 2, 3))
    torch.testing.assert_close(after[f"{changes}mean"], 0.1 * mean)
    torch.testing.assert_close(after[f"{changes}var"], 0.9 + 0.1 * var)


def test_without_a_recorder_the_mode_chooses_the_path() -> None:
    model = gated().train()
    images = batches(1)[0]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model(images)
    after = {key: value.clone() for key, value in model.state_dict().items()}
    assert not torch.equal(after["norm.module.running_mean"], before["norm.module.running_mean"])
    assert torch.equal(after["norm.mean_path_mean"], before["norm.mean_path_mean"])
    model.eval()
    assert torch.equal(model(images), run(model, images, 0))


def test_in_evaluation_each_path_uses_its_own_statistics() -> None:
    model = train_a_little(gated())
    images = batches(1)[0]
    mean, sampled = run(model, images, 0), run(model, images, 1)
    with torch.no_grad():
        for norm in two_path_norms(model):
            norm.mean_path_mean += 0.5
    assert torch.equal(run(model, images, 1), sampled)
    assert not torch.allclose(run(model, images, 0), mean)
    mean = run(model, images, 0)
    with torch.no_grad():
        for norm in two_path_norms(model):
            norm.module.running_var *= 3
    assert torch.equal(run(model, images, 0), mean)
    assert not torch.allclose(run(model, images, 1), sampled)


def normalised(model: nn.Module, samples: int, images: list[Tensor]) -> dict[str, Tensor]:
    """Mean and variance per channel of what the two normalisations behind the gate give, (2, C) each."""
    seen: dict[str, list[Tensor]] = {}
    hooks = [
        getattr(model, name).register_forward_hook(lambda _m, _a, out, name=name: seen.setdefault(name, []).append(out))
        for name in ("norm", "norm2")
    ]
    for each in images:
        run(model, each, samples)
    for hook in hooks:
        hook.remove()
    return {name: torch.stack(torch.var_mean(torch.cat(each), (0, 2, 3))) for name, each in seen.items()}


def test_calibration_changes_nothing_else_and_repeats() -> None:
    model = train_a_little(gated())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modes = [(module.training, getattr(module, "momentum", None)) for module in model.modules()]
    torch.manual_seed(0)
    calibrate_norms(model, batches(), *passes(model))
    assert [(module.training, getattr(module, "momentum", None)) for module in model.modules()] == modes
    assert not any(module._forward_pre_hooks for module in two_path_norms(model))
    after = {key: value.clone() for key, value in model.state_dict().items()}
    changed = {key for key in after if not torch.equal(after[key], before[key])}
    assert changed == {f"{norm}.mean_path_{which}" for norm in ("norm", "norm2") for which in ("mean", "var")}
    torch.manual_seed(0)
    calibrate_norms(model, batches(), *passes(model))
    assert all(torch.equal(value, after[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("kind", ["followed", "frozen", "shifted"])
def test_normalised_the_mean_path_has_the_moments_of_the_sampled_one(kind: str) -> None:
    """Also where running statistics are not those of samples: frozen pretrained ones, or far from any feature's."""
    model = gated() if kind == "frozen" else train_a_little(gated())
    if kind == "shifted":
        with torch.no_grad():
            for norm in two_path_norms(model):
                norm.module.running_mean += 1.5
                norm.module.running_var *= 4
    model.eval()
    many = [torch.cat(batches(16))]
    sampled = normalised(model, 1, many)
    torch.manual_seed(7)  # the same noise as `run`
    calibrate_norms(model, many, *passes(model))
    mean = normalised(model, 0, many)
    for name, moments in sampled.items():
        torch.testing.assert_close(mean[name], moments, rtol=1e-4, atol=1e-5)


def test_where_running_statistics_are_those_of_samples_the_mean_path_has_its_own_moments() -> None:
    model, images = gated().eval(), torch.cat(batches(16))
    features: dict[int, Tensor] = {}
    for samples in (1, 0):
        hook = model.norm.register_forward_pre_hook(lambda _m, args, n=samples: features.update({n: args[0]}))
        run(model, images, samples)
        hook.remove()
    with torch.no_grad():
        model.norm.module.running_mean.copy_(features[1].mean((0, 2, 3)))
        model.norm.module.running_var.copy_(features[1].var((0, 2, 3)))
    torch.manual_seed(7)
    calibrate_norms(model, [images], *passes(model))
    torch.testing.assert_close(model.norm.mean_path_mean, features[0].mean((0, 2, 3)), rtol=1e-4, atol=1e-6)
    var = features[0].var((0, 2, 3))
    torch.testing.assert_close(model.norm.mean_path_var, var, rtol=1e-4, atol=2e-5)  # up to eps


def test_a_channel_that_is_constant_on_either_path_is_no_division_by_zero() -> None:
    model = train_a_little(gated())
    with torch.no_grad():
        model.second.weight[0] = 0  # norm2 is given a constant
    calibrate_norms(model, batches(), *passes(model))
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
    assert (model.norm2.mean_path_var >= 0).all()
    assert torch.isfinite(run(model, batches(1)[0], 0)).all()


def test_one_value_a_channel_is_enough() -> None:
    model = train_a_little(gated())
    calibrate_norms(model, [torch.rand(1, 3, 1, 1)], *passes(model))
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def test_a_normalisation_used_twice_counts_both_uses() -> None:
    class Twice(Normed):
        def forward(self, images: Tensor) -> Tensor:
            x = self.norm(self.norm(self.first(self.norm0(images))).relu() + 1)
            return self.fc(self.norm2(self.second(x)).relu().mean((2, 3)))

    model = train_a_little(gated(Twice()))
    calibrate_norms(model, batches(), *passes(model))
    assert torch.isfinite(run(model, batches(1)[0], 0)).all()


def test_the_mean_path_has_less_variance_than_the_sampled_one() -> None:
    """What was measured on birds: statistics of samples expect more variance than the mean path has."""
    model = train_a_little(gated())
    calibrate_norms(model, batches(), *passes(model))
    norm = two_path_norms(model)[0]
    assert (norm.mean_path_var < 0.5 * norm.module.running_var).all()


@pytest.mark.parametrize(
    ("second", "expected", "head"),
    [
        ("norm0", {"norm", "norm2"}, "first.attention.proposal.head"),
        ("norm", {"norm.module", "norm2"}, "norm.attention.proposal.head"),
    ],
)
def test_attaching_again_wraps_no_normalisation_twice(second: str, expected: set[str], head: str) -> None:
    """The head of the second of the two gates to run is behind the first."""
    model = gated()
    gated(model, second)
    assert set(attended(model)) == {"first", second}
    wrapped = {name for name, module in model.named_modules() if isinstance(module, TwoPathNorm)}
    assert wrapped == expected | {f"{head}.norm_in", f"{head}.norm_out"}
    run(model, batches(1)[0], 1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, 2), ({"statistics": "two"}, 2), ({"statistics": "shared"}, 0)],
)
def test_statistics_are_chosen(options: dict, expected: int) -> None:
    assert len(two_path_norms(gated(**options))) == expected


def test_by_default_only_a_gate_that_puts_noise_in_gets_two() -> None:
    for name, kind in (("noise", "two"), ("mask", "shared"), ("aib", "shared"), ("uniform+noise", "two")):
        model = attach(Normed(), "first", name, input_size=SIZE)
        assert default_statistics(model) == kind
        assert bool(two_path_norms(model)) == (kind == "two")
    assert not two_path_norms(attach(Normed(), "first", Half, input_size=SIZE))
    assert two_path_norms(attach(Normed(), "first", Half, input_size=SIZE, statistics="two"))


class Grouped(nn.GroupNorm):
    def __init__(self, channels: int) -> None:
        super().__init__(2, channels)


class Untracked(nn.BatchNorm2d):
    def __init__(self, channels: int) -> None:
        super().__init__(channels, track_running_stats=False)


@pytest.mark.parametrize("norm", [Grouped, nn.InstanceNorm2d, Untracked])
def test_what_keeps_no_statistics_of_batches_stays_as_it_is(norm: type[nn.Module]) -> None:
    model = gated(Normed(norm))
    assert [name for name, module in model.named_modules() if isinstance(module, TwoPathNorm)] == ["norm2"]


def test_a_transformer_has_nothing_to_keep_apart() -> None:
    options = {"img_size": 32, "depth": 2, "embed_dim": 16, "num_heads": 2, "num_classes": 2}
    model = timm.create_model("vit_tiny_patch16_224", **options)
    attach(model, "blocks.0", "noise", input_size=(32, 32))
    assert two_path_norms(model) == []
    calibrate_norms(model, batches(), *[lambda images: pytest.fail("nothing to run")] * 2)


def test_synchronised_normalisations_are_put_inside() -> None:
    model = nn.SyncBatchNorm.convert_sync_batchnorm(gated())
    assert [type(norm.module) for norm in two_path_norms(model)] == [nn.SyncBatchNorm] * 2
    assert model.state_dict().keys() == gated().state_dict().keys()


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "mobilenetv3_small_050"])
def test_timms_normalisation_with_activation(name: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=2)
    attach(model, "blocks.3", "noise", input_size=(32, 32), initial=0.3).eval()
    norms = two_path_norms(model)
    assert norms
    assert {type(norm.module).__name__ for norm in norms} == {"BatchNormAct2d"}
    images = torch.cat(batches(2, size=32))
    before = run(model, images, 1)
    torch.manual_seed(7)  # the same noise as `run`
    calibrate_norms(model, [images], *passes(model))
    assert torch.equal(run(model, images, 1), before)
    outputs: list[Tensor] = []
    norms[0].module.drop.register_forward_hook(lambda _m, _a, out: outputs.append(out.clone()))  # then an activation
    run(model, images, 0)
    run(model, images, 1)
    mean, sampled = (out.var((0, 2, 3)) for out in outputs)
    torch.testing.assert_close(mean, sampled, rtol=1e-3, atol=1e-4)


def classifier() -> AttentiveClassifier:
    torch.manual_seed(0)
    model = AttentiveClassifier(
        "resnet18", 3, at="layer3", attention_options={"initial": 0.3, "budget": 500.0}, input_size=(32, 32)
    )
    model.train()
    for images in batches(3, size=32):
        model(images, samples=1)
    calibrate_norms(model, batches(2, size=32), *(partial(model, samples=n) for n in (0, 1)))
    return model.eval()


def test_a_saved_model_has_both_statistics(tmp_path: Path) -> None:
    model = classifier()
    assert len(two_path_norms(model)) == 5
    model.save_pretrained(tmp_path)
    loaded = AttentiveClassifier.from_pretrained(tmp_path)
    assert loaded.config["statistics"] == "two"
    images = batches(1, size=32)[0]
    for samples in (0, 1):
        outputs = []
        for each in (model, loaded):
            torch.manual_seed(3)
            outputs.append(each.predict(images, samples=samples))
        assert torch.equal(*outputs)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_an_export_has_the_mean_paths_statistics_and_the_threshold(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model = classifier()
    to_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for count in (1, 5):
        images = torch.rand(count, 3, 32, 32)
        logits, map_ = session.run(None, {"images": images.numpy()})
        output = model(images)
        np.testing.assert_allclose(logits, output.logits[0].detach(), atol=1e-4)
        np.testing.assert_allclose(map_, output.attention[0].map[0].detach(), atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_a_compiled_model_agrees_with_eager_on_both_paths() -> None:
    model = classifier()
    images = batches(1, size=32)[0]
    compiled = torch.compile(model.forward, backend="aot_eager")
    for samples in (0, 1):
        outputs = []
        for forward in (model.forward, compiled):
            torch.manual_seed(3)
            with torch.no_grad():
                outputs.append(forward(images, samples=samples).logits)
        torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)


def test_a_mechanism_of_its_own_may_be_built_and_attached() -> None:
    model = attach(Normed(), "first", lambda channels: create_attention("noise", channels), input_size=SIZE)
    assert len(two_path_norms(model)) == 2
