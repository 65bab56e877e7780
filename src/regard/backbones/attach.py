"""Attention onto any network: ``attach`` puts it behind a named layer, ``record`` carries its output out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import nn

from regard.backbones.attended import Attended, Cut, attended
from regard.backbones.cut import find_cut
from regard.backbones.find import image_shape, locate
from regard.backbones.layout import Layout
from regard.backbones.probe import find_layout
from regard.backbones.recorder import Given, Recorder, recording
from regard.types import RegardError


def attach(
    model: nn.Module,
    at: str | Sequence[str],
    attention: Callable[[int], nn.Module] | nn.Module,
    *,
    layout: str | Layout = "auto",
    input_size: tuple[int, ...] = (224, 224),
) -> nn.Module:
    """Replaces each named layer by the layer and attention on its output, in place.

    ``state_dict`` keys of a wrapped layer get ``module.`` put in (see ``Attended``). Afterwards ``cut_of(model)`` says
    whether everything passes through the gates.

    Args:
        model: any network from images to a tensor.
        at: names of layers, as in ``model.named_modules()`` before anything was attached.
        attention: a function of the number of channels, or one module where ``at`` is one layer.
        layout: ``auto``, ``NCHW``, ``NHWC``, ``tokens``, or a ``Layout`` where tokens have an unusual prefix or grid.
        input_size: (H, W), or (C, H, W), of the images that the network will see.

    Returns:
        The same model.

    Raises:
        RegardError: unknown layer, a layer without positions, or one whose layout cannot be told.
    """
    names = [at] if isinstance(at, str) else list(at)
    shape = image_shape(input_size)
    if not names or (isinstance(attention, nn.Module) and len(names) > 1):
        raise RegardError(f"at={names}: one layer an attention module; give a function of the channels for several")
    found = []
    for name in names:
        module = locate(model, name)[2]
        if isinstance(module, Attended) or names.count(name) > 1:
            raise RegardError(f"{name} is attended twice")
        found.append((name, module, *find_layout(model, name, module, shape, layout)))
    for name, module, where, channels in found:
        parent, key, _ = locate(model, name)
        built = attention if isinstance(attention, nn.Module) else attention(channels)
        weight = next(module.parameters(), next(model.parameters(), None))
        if weight is not None:
            built.to(weight.device)
        wrapped = Attended(module, built, name=name, layout=where)
        wrapped.training = module.training
        setattr(parent, key, wrapped)
    cut = find_cut(model, shape)
    for layer in attended(model).values():
        layer.cut = cut
    return model


def cut_of(model: nn.Module) -> Cut:
    """Whether everything passes through the gates, as found when they were attached."""
    layers = list(attended(model).values())
    return layers[0].cut if layers else Cut(is_cut=False, bypasses=("nothing is attended",))


def recorder_for(model: nn.Module, *, samples: int = 0, given: Given = None, drop: bool | None = None) -> Recorder:
    """A recorder for one call of an attached model; samples expand at the first attended layer where that is a cut."""
    layers = attended(model)
    at_input = any(not layer.cut.is_cut for layer in layers.values())
    return Recorder(layers, samples=samples, given=given, at_input=at_input, drop=drop)


@contextmanager
def record(model: nn.Module, *, samples: int = 0, given: Given = None, drop: bool | None = None) -> Iterator[Recorder]:
    """Runs the model's calls with so many samples, or with given maps, and keeps the last call's attention outputs.

        with record(model, samples=4) as recorder:
            logits = model(images)          # (4 B, n), sample-major
        recorder.outputs[0].map             # (4, B, 1, h, w)

    Nothing stays on the model, also after an exception; calls outside the block return as ever.

    Args:
        model: a model after ``attach``.
        samples: 0, the mean without noise, or the number of random maps an image.
        given: maps to use instead of the learned ones: one tensor for all layers, one a layer, or by layer name; each
            (B,1,h,w), (S*B,1,h,w), (S,B,1,h,w) or (1,1,h,w).
        drop: whether tokens that are excluded are left out (default) or only masked; see ``exclude_tokens``.
    """
    with recording(model, recorder_for(model, samples=samples, given=given, drop=drop)) as recorder:
        yield recorder
