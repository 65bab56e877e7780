"""Attaching: keys, errors, samples, map overrides, and that no state remains."""

import copy

import pytest
import timm
import torch
from tests.backbones.toys import Chain, Half
from torch import nn

from regard.backbones import attach, attended, cut_of, layer_names, record
from regard.types import RegardError

SIZE = (8, 8)


def chain(at: str | list[str] = "second", **options) -> nn.Module:
    return attach(Chain(**options), at, Half, input_size=SIZE).eval()


def test_keys_are_the_layers_own_with_module_put_in() -> None:
    plain = Chain()
    before = set(plain.state_dict())
    after = set(attach(plain, "second", Half, input_size=SIZE).state_dict())
    moved = {key.replace("second.", "second.module.", 1) for key in before}
    assert after == moved | {"second.attention.scale"}


def test_layers_go_by_their_first_names() -> None:
    model = timm.create_model("resnet18", num_classes=2)
    names = layer_names(model)
    attach(model, "layer3", Half, input_size=(32, 32))
    assert layer_names(model) == names
    attach(model, "layer3.0.conv2", Half, input_size=(32, 32))
    assert set(attended(model)) == {"layer3", "layer3.0.conv2"}
    assert "layer3.module.0.conv2.module.weight" in model.state_dict()


def test_the_function_gets_the_number_of_channels() -> None:
    model = attach(timm.create_model("resnet18"), ["layer2", "layer3"], Half, input_size=(32, 32))
    assert [layer.attention.channels for layer in attended(model).values()] == [128, 256]


def test_an_unknown_layer_lists_the_nearest() -> None:
    with pytest.raises(RegardError, match=r"no layer 'secnod' in Chain; nearest: second"):
        attach(Chain(), "secnod", Half, input_size=SIZE)
    with pytest.raises(RegardError, match=r"layer3\.0\.conv1"):
        attach(timm.create_model("resnet18"), "layer3.0.conf1", Half)


@pytest.mark.parametrize("at", ["fc", [], ["second", "second"]])
def test_invalid_layers_are_errors(at) -> None:
    with pytest.raises(RegardError):
        attach(Chain(), at, Half, input_size=SIZE)


def test_twice_and_repeated_layers() -> None:
    with pytest.raises(RegardError, match="attended twice"):
        attach(chain(), "second", Half, input_size=SIZE)
    model = Chain()
    model.third = model.second
    with pytest.raises(RegardError, match="runs 2 times"):
        attach(model, "second", Half, input_size=SIZE)


def test_a_module_serves_one_layer() -> None:
    half = Half(4)
    assert attended(attach(Chain(), "second", half, input_size=SIZE))["second"].attention is half
    with pytest.raises(RegardError, match="one layer per attention"):
        attach(Chain(), ["first", "second"], half, input_size=SIZE)


def test_a_failed_attach_does_not_change_the_network() -> None:
    model = Chain().train()
    model.third.eval()
    keys = list(model.state_dict())
    with pytest.raises(RegardError):
        attach(model, ["second", "fc"], Half, input_size=SIZE)
    assert list(model.state_dict()) == keys
    assert model.training
    assert not model.third.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_attaching_keeps_modes_gradients_and_weights() -> None:
    model = Chain().train()
    model.third.eval()
    before = copy.deepcopy(model.state_dict())
    attach(model, "second", Half, input_size=SIZE)
    assert model.training
    assert not model.third.training
    assert model.second.training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items() if k in before)
    assert all(p.grad is None for p in model.parameters())


def test_without_a_recorder_the_mean_in_evaluation_and_a_draw_in_training() -> None:
    model, images = chain(), torch.rand(2, 3, *SIZE)
    assert torch.equal(model(images), model(images))
    model.train()
    assert not torch.equal(model(images), model(images))


def test_samples_expand_at_the_first_attended_layer() -> None:
    model, images = chain(["second", "third"]), torch.rand(2, 3, *SIZE)
    batch_sizes: list[int] = []
    for name in ("first", "second", "third"):
        model.get_submodule(name).register_forward_hook(lambda _m, args, _o: batch_sizes.append(args[0].shape[0]))
    with record(model, samples=3) as recorder:
        logits = model(images)
    assert batch_sizes == [2, 2, 6]
    assert logits.shape == (6, 2)
    assert recorder.names == ("second", "third")
    assert all(output.map.shape == (3, 2, 1, *SIZE) for output in recorder.outputs)
    assert all(output.mean.shape == (2, 1, *SIZE) for output in recorder.outputs)


def test_a_later_layers_moments_are_the_mixtures() -> None:
    model = chain(["second", "third"])
    with record(model, samples=4) as recorder:
        model(torch.rand(1, 3, *SIZE))
    later = recorder.outputs[1]
    assert torch.allclose(later.mean, torch.full_like(later.mean, 0.5))
    assert torch.allclose(later.std, torch.full_like(later.std, 0.1))


def test_samples_are_sample_major() -> None:
    model, images = chain(), torch.rand(3, 3, *SIZE)
    map_override = torch.rand(2, 3, 1, *SIZE)
    with record(model, samples=2, map_override=map_override):
        both = model(images).unflatten(0, (2, 3))
    for s in range(2):
        with record(model, map_override=map_override[s]):
            assert torch.allclose(model(images), both[s], atol=1e-6)


def test_with_a_bypass_the_images_are_repeated() -> None:
    model, images = chain(skip=True), torch.rand(3, 3, *SIZE)
    assert not cut_of(model).is_cut
    map_override = torch.rand(2, 3, 1, *SIZE)
    with record(model, samples=2, map_override=map_override):
        both = model(images).unflatten(0, (2, 3))
    with record(model, map_override=map_override[1]) as recorder:
        assert torch.allclose(model(images), both[1], atol=1e-6)
    assert recorder.outputs[0].map.shape == (1, 3, 1, *SIZE)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, *SIZE), (3, 1, *SIZE), (6, 1, *SIZE), (2, 3, 1, *SIZE)])
def test_given_maps_of_every_shape(shape: tuple[int, ...], skip: bool) -> None:
    model = chain(skip=skip)
    map_override = torch.rand(shape)
    with record(model, samples=2, map_override=map_override) as recorder:
        model(torch.rand(3, 3, *SIZE))
    expected = (
        map_override
        if len(shape) == 5
        else map_override.unflatten(0, (2, 3))
        if shape[0] == 6
        else map_override.expand(2, 3, 1, *SIZE)
    )
    assert torch.equal(recorder.outputs[0].map, expected)


@pytest.mark.parametrize("samples", [0, 2])
@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize(
    "shape", [(2, 1, *SIZE), (4, 1, *SIZE), (3, 2, *SIZE), (5, 3, 1, *SIZE), (2, 4, 1, *SIZE), (3, *SIZE), (1,) * 6]
)
def test_a_given_map_that_does_not_fit_is_named(shape: tuple[int, ...], skip: bool, samples: int) -> None:
    model, map_override = chain(skip=skip), torch.rand(shape)
    message = rf"map_override \({', '.join(map(str, shape))}\) for second: .*\(3,1,h,w\).* is needed for 3 images"
    with pytest.raises(RegardError, match=message), record(model, samples=samples, map_override=map_override):
        model(torch.rand(3, 3, *SIZE))


def test_maps_given_by_layer() -> None:
    model, images = chain(["second", "third"]), torch.rand(1, 3, *SIZE)
    one = torch.ones(1, 1, *SIZE)
    for map_override in ([None, one], {"third": one}):
        with record(model, map_override=map_override) as recorder:
            model(images)
        first, second = recorder.outputs
        assert (first.map == 0.5).all()
        assert (second.map == 1).all()
    with pytest.raises(RegardError, match="no attended layer 'fourth'"), record(model, map_override={"fourth": one}):
        pass
    with pytest.raises(RegardError, match="1 maps for 2"), record(model, map_override=[one]):
        pass
    with pytest.raises(RegardError, match="samples=-1"), record(model, samples=-1):
        pass


def test_no_state_remains_after_a_call_or_an_exception() -> None:
    model, images = chain(), torch.rand(1, 3, *SIZE)
    before = model(images)
    state = {name: dict(vars(module)) for name, module in model.named_modules()}
    with record(model, samples=2) as recorder:
        model(images)
    failed = record(model, samples=2)
    inside = failed.__enter__()
    model(images)
    with pytest.raises(RuntimeError) as error:
        model(torch.rand(1, 5, *SIZE))
    assert not failed.__exit__(RuntimeError, error.value, None)
    assert inside.outputs == ()
    assert len(recorder.outputs) == 1
    assert {name: dict(vars(module)) for name, module in model.named_modules()} == state
    assert torch.equal(model(images), before)


def test_a_recorder_records_only_its_own_model() -> None:
    model, other, images = chain(), chain(), torch.rand(1, 3, *SIZE)
    with record(model, samples=4) as recorder:
        assert other(images).shape == (1, 2)
        assert recorder.outputs == ()
        with record(other, samples=2) as inner:
            other(images)
        assert len(inner.outputs) == 1
        assert model(images).shape == (4, 2)
        assert model(images).shape == (4, 2)
    assert len(recorder.outputs) == 1


def test_copies_are_independent() -> None:
    model, images = chain(), torch.rand(1, 3, *SIZE)
    twin = copy.deepcopy(model)
    with record(twin) as recorder:
        model(images)
        assert recorder.outputs == ()
        twin(images)
    assert len(recorder.outputs) == 1
    assert torch.equal(twin(images), model(images))


def test_attributes_of_the_wrapped_layer_stay_reachable() -> None:
    model = chain()
    assert model.second.out_channels == 4
    with pytest.raises(AttributeError):
        _ = model.second.no_such_thing
