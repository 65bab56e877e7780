"""Attention on any network: ``attach`` puts it behind a named layer, ``record`` returns what it did.

``find_layout`` tells how a layer's output lies in memory, by running the network up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any, Literal

from torch import Tensor, nn

from regard.attention import NoiseGate, create_attention
from regard.backbones.attended import Attended, Cut, Layout, attended
from regard.backbones.cut import find_cut
from regard.backbones.exclusive import exclusive
from regard.backbones.inspect import eval_mode, image_shape, locate, output_at, probe_images, run_order
from regard.backbones.norms import wrap_norms
from regard.backbones.recorder import MapOverrides, Recorder, recording
from regard.types import RegardError

Statistics = Literal["two", "shared"]
"""Whether batch normalisation behind a gate keeps statistics of the mean path apart from those of the sampled one."""


def find_layout(
    model: nn.Module, name: str, shape: tuple[int, int, int], layout: str | Layout = "auto"
) -> tuple[Layout, int]:
    """Layout and number of channels of a layer's output for images (C,H,W).

    Four dimensions are told apart by what changes with a wider image, or, where the network takes one size only, by the
    channels of the last layer inside the module; never by two sides being equal. Three dimensions are tokens, whose
    prefix and grid come from the network's patch embedding.

    Raises:
        RegardError: no such layer, one that does not run exactly once or does not return one tensor, or whose layout
            cannot be told.
    """
    module = locate(model, name)[2]
    finished = run_order(model, shape, within=module)
    outputs = [out for part, out in finished if part is module]
    if len(outputs) != 1:
        raise RegardError(f"{name} runs {len(outputs)} times in one forward; attend at a layer that runs once")
    out = outputs[0]
    if not isinstance(out, Tensor):
        raise RegardError(f"{name} returns {type(out).__name__}; attend at a layer that returns one tensor")
    if out.ndim not in (3, 4):
        raise RegardError(f"{name} returns {tuple(out.shape)}; attend at a layer with positions")
    if isinstance(layout, Layout):
        layout.features(out, shape[1:])
        return layout, int(out.shape[{"NCHW": 1, "NHWC": 3, "tokens": 2}[layout.kind]])
    if layout not in ("auto", "NCHW", "NHWC", "tokens"):
        raise RegardError(f"layout={layout!r}: one of auto, NCHW, NHWC, tokens")
    if out.ndim != (3 if layout == "tokens" else 4) and not (out.ndim == 3 and layout == "auto"):
        raise RegardError(f"{name} returns {tuple(out.shape)}, which is not {layout}; attend at a layer with positions")
    told = Layout(layout) if layout in ("NCHW", "NHWC") else tell_layout(model, name, out, shape)  # type: ignore[arg-type]
    return told, int(out.shape[{"NCHW": 1, "NHWC": 3, "tokens": 2}[told.kind]])


def tell_layout(
    model: nn.Module,
    name: str,
    out: Tensor,
    shape: tuple[int, int, int],
    wide: Mapping[nn.Module, tuple[int, ...]] | None = None,
) -> Layout:
    """Layout of a layer whose output ``out`` of three or four dimensions is known; of tokens without a forward.

    Args:
        model: the network.
        name: of the layer.
        out: what it returns.
        shape: (C,H,W) of the images.
        wide: `wide_outputs` of several layers, where they are known.

    Raises:
        RegardError: it cannot be told.
    """
    if out.ndim == 3:
        return _token_layout(model, name, out, shape)
    module = locate(model, name)[2]
    wide = wide_outputs(model, [module], shape) if wide is None else wide
    kind = _by_width(out, wide.get(module)) or _by_channels(out, run_order(model, shape, within=module))
    if kind is None:
        raise RegardError(f"{name} returns {tuple(out.shape)}: give layout='NCHW' or 'NHWC'")
    return Layout(kind)  # type: ignore[arg-type]


def wide_outputs(
    model: nn.Module, modules: Iterable[nn.Module], shape: tuple[int, int, int]
) -> dict[nn.Module, tuple[int, ...]]:
    """Shapes of what some modules return for an image twice as wide; where the network takes one size only, of those
    that ran before it refused.
    """
    shapes: dict[nn.Module, tuple[int, ...]] = {}

    def keep(module: nn.Module, _args: Any, out: Any) -> None:
        if isinstance(out, Tensor):
            shapes[module] = tuple(out.shape)

    with ExitStack() as hooks, eval_mode(model):
        for module in modules:
            hooks.enter_context(module.register_forward_hook(keep))
        with suppress(Exception):  # any error of a network that is given an image of another size
            model(probe_images(model, (shape[0], shape[1], 2 * shape[2])))
    return shapes


def _by_width(out: Tensor, wider: tuple[int, ...] | None) -> str | None:
    """The layout by which dimension grows with the image's width; None where the network takes one size only."""
    if wider is None or len(wider) != 4:
        return None
    grown = [i for i in range(1, 4) if wider[i] != out.shape[i]]
    return {3: "NCHW", 2: "NHWC"}.get(grown[0]) if len(grown) == 1 else None


def _by_channels(out: Tensor, finished: list[tuple[nn.Module, Any]]) -> str | None:
    """The layout by the channels of the last layer that has some."""
    modules = [module for module, y in finished if isinstance(y, Tensor)]
    widths = [
        getattr(m, "out_channels", None)
        or getattr(m, "out_features", None)
        or getattr(m, "num_features", None)
        or (getattr(m, "normalized_shape", None) or (None,))[-1]
        for m in modules
    ]
    channels = next((width for width in reversed(widths) if width), None)
    kinds = [kind for kind, dim in (("NCHW", 1), ("NHWC", 3)) if out.shape[dim] == channels]
    return kinds[0] if len(kinds) == 1 else None


def _token_layout(model: nn.Module, name: str, out: Tensor, shape: tuple[int, int, int]) -> Layout:
    """Prefix and grid of a timm or torchvision vision transformer."""
    embed = getattr(model, "patch_embed", None)
    patch = getattr(embed, "patch_size", None) or getattr(model, "patch_size", None)
    if patch is None:
        return _token_grid(model, name, out, shape)
    patch = (patch, patch) if isinstance(patch, int) else tuple(patch)
    grid = (-(-shape[1] // patch[0]), -(-shape[2] // patch[1]))
    prefix = out.shape[1] - grid[0] * grid[1]
    known = getattr(model, "num_prefix_tokens", 1 if hasattr(model, "class_token") else 0)
    if prefix not in (0, known):
        with suppress(RegardError):  # a network that halves its grid on the way
            return _token_grid(model, name, out, shape)
        raise RegardError(
            f"{name} returns {out.shape[1]} tokens, neither {grid[0]}x{grid[1]} patches nor {known} more: "
            "give layout=Layout('tokens', prefix=, grid=)"
        )
    anysize = bool(getattr(model, "dynamic_img_size", False) or getattr(embed, "dynamic_img_pad", False))
    return Layout("tokens", prefix=prefix, grid=grid, patch=patch if anysize else None)


def _token_grid(model: nn.Module, name: str, out: Tensor, shape: tuple[int, int, int]) -> Layout:
    """A grid of the image's shape, where tokens in rows prove to lie: each of two corners changes its own most.

    Some networks keep tokens in another order (Hiera's windows), in which a map would be scrambled.
    """
    for prefix in (0, 1):
        n = out.shape[1] - prefix
        rows = round((n * shape[1] / shape[2]) ** 0.5)
        if rows < 2 or n % rows or abs(n / rows**2 - shape[2] / shape[1]) > 1e-6:
            continue
        layout = Layout("tokens", prefix=prefix, grid=(rows, n // rows))
        if all(_changes_most(model, name, layout, shape, corner) for corner in ((0, -1), (-1, 0))):
            return layout
    raise RegardError(
        f"{name} returns tokens {tuple(out.shape)}, whose places in the image are not known: "
        "give layout=Layout('tokens', prefix=, grid=), or another layer"
    )


def _changes_most(
    model: nn.Module, name: str, layout: Layout, shape: tuple[int, int, int], corner: tuple[int, int]
) -> bool:
    """Whether noise in one corner of the image changes the token of that corner most, or one beside it, since patches
    overlap in some networks.
    """
    assert layout.grid is not None
    h, w = layout.grid
    images, module = probe_images(model, shape), locate(model, name)[2]
    noise = probe_images(model, shape, seed=1)
    rows, columns = -(-shape[1] // h), -(-shape[2] // w)
    changed = images.clone()
    down = slice(0, rows) if corner[0] == 0 else slice(shape[1] - rows, None)
    across = slice(0, columns) if corner[1] == 0 else slice(shape[2] - columns, None)
    changed[:, :, down, across] = noise[:, :, down, across] * 4 - 2
    before, after = (layout.features(output_at(model, module, x), shape[1:]) for x in (images, changed))
    difference = (after - before).abs().sum(1)[0]
    row, column = divmod(int(difference.argmax()), w)
    return abs(row - corner[0] % h) <= 1 and abs(column - corner[1] % w) <= 1


def attach(
    model: nn.Module,
    at: str | Sequence[str],
    attention: str | Callable[[int], nn.Module] | nn.Module = "noise",
    *,
    layout: str | Layout = "auto",
    input_size: tuple[int, ...] = (224, 224),
    statistics: Statistics | None = None,
    **options: Any,
) -> nn.Module:
    """Replaces each named layer by the layer and attention on its output, in place.

    >>> import timm, torch
    >>> network = attach(timm.create_model("resnet10t", num_classes=10), "layer3", "noise", input_size=(64, 64))
    >>> network(torch.rand(2, 3, 64, 64)).shape
    torch.Size([2, 10])

    ``state_dict`` keys of a wrapped layer get ``module.`` put in (see ``Attended``). Afterwards ``cut_of(model)`` says
    whether everything passes through the gates.

    Args:
        model: any network from images to a tensor.
        at: names of layers, as in ``model.named_modules()`` before anything was attached.
        attention: a name for ``regard.attention.create_attention``; a function from the number of channels to a module;
            or, where ``at`` is one layer, a module.
        layout: ``auto``, ``NCHW``, ``NHWC``, ``tokens``, or a ``Layout`` where tokens have an unusual prefix or grid.
        input_size: (H, W), or (C, H, W), of the images that the network will see.
        statistics: of batch normalisation behind the gates: ``two`` keeps those of the sampled and of the mean path
            apart (see `regard.backbones.norms`), ``shared`` leaves the network's; by default ``two`` with a noise gate.
        options: of ``create_attention`` where ``attention`` is a name, such as ``anchors=4``.

    Returns:
        The same model.

    Raises:
        RegardError: unknown layer or attention, a layer without positions, or one whose layout cannot be told. After
            any error, also one that your attention raises, the model is as it was.
    """
    names = [at] if isinstance(at, str) else list(at)
    shape = image_shape(input_size)
    if not names or (isinstance(attention, nn.Module) and len(names) > 1):
        raise RegardError(f"at={names}: one layer per attention module; give a name or a function for several")
    if options and not isinstance(attention, str):
        raise RegardError(f"{', '.join(options)}: options are for an attention by name; set them in your own")
    places = []
    for name in names:
        module = locate(model, name)[2]
        if isinstance(module, Attended) or names.count(name) > 1:
            raise RegardError(f"{name} is attended twice")
        places.append((name, module, *find_layout(model, name, shape, layout)))
    wrappers = []
    for name, module, module_layout, channels in places:
        if isinstance(attention, str):
            built: nn.Module = create_attention(attention, channels, **options)
        else:
            built = attention if isinstance(attention, nn.Module) else attention(channels)
        weight = next(module.parameters(), next(model.parameters(), None))
        if weight is not None:
            built.to(weight.device)
        wrapped = Attended(module, built, name=name, layout=module_layout)
        wrapped.training = module.training
        wrappers.append((name, wrapped))
    with exclusive(model), _unchanged_by_errors(model):
        for name, wrapped in wrappers:
            parent, key, _ = locate(model, name)
            setattr(parent, key, wrapped)
        if statistics is None:
            statistics = default_statistics(model)
        if statistics == "two":
            wrap_norms(model, shape)
        cut = find_cut(model, shape)
    for layer in attended(model).values():
        layer.cut = cut
    return model


@contextmanager
def _unchanged_by_errors(model: nn.Module) -> Iterator[None]:
    """Puts every module back in its place if the block raises, as an attention of the user's may."""
    before = [(module._modules, dict(module._modules)) for module in model.modules()]
    try:
        yield
    except BaseException:
        for now, then in before:
            now.clear()
            now.update(then)
        raise


def default_statistics(model: nn.Module) -> Statistics:
    """``two`` where an attended layer replaces features by noise, else ``shared``."""
    gates = [getattr(layer.attention, "gate", None) for layer in attended(model).values()]
    return "two" if any(isinstance(gate, NoiseGate) for gate in gates) else "shared"


def cut_of(model: nn.Module) -> Cut:
    """Whether everything passes through the gates, as found when they were attached."""
    layers = list(attended(model).values())
    return layers[0].cut if layers else Cut(is_cut=False, bypasses=("nothing is attended",))


def recorder_for(
    model: nn.Module,
    *,
    samples: int = 0,
    map_override: MapOverrides = None,
    seeds: Sequence[int] | None = None,
    drop: bool | None = None,
) -> Recorder:
    """A recorder for one call of an attached model; samples expand at the first attended layer where that is a cut."""
    layers = attended(model)
    at_input = any(not layer.cut.is_cut for layer in layers.values())
    return Recorder(layers, samples=samples, map_override=map_override, at_input=at_input, seeds=seeds, drop=drop)


def record(
    model: nn.Module, *, samples: int = 0, map_override: MapOverrides = None, drop: bool | None = None
) -> AbstractContextManager[Recorder]:
    """Runs every call of the model inside the block with S samples, and keeps the last call's attention outputs.

    >>> import timm, torch
    >>> network = attach(timm.create_model("resnet10t", num_classes=10), "layer3", "noise", input_size=(64, 64))
    >>> with record(network, samples=4) as recorder:
    ...     logits = network(torch.rand(2, 3, 64, 64))  # (S*B, n), sample-major
    >>> logits.shape, recorder.outputs[0].map.shape  # (S*B, n), (S, B, 1, h, w)
    (torch.Size([8, 10]), torch.Size([4, 2, 1, 4, 4]))

    Nothing stays on the model, also after an exception; calls outside the block are unchanged.

    Args:
        model: a model after ``attach``.
        samples: 0, the mean without noise, or the number of random maps per image.
        map_override: maps to use instead of the learned ones: one tensor for all layers, one per layer, or by layer
            name; each (B,1,h,w), (S*B,1,h,w), (S,B,1,h,w) or (1,1,h,w).
        drop: whether tokens that are excluded are left out (default) or only masked; see ``exclude_tokens``.
    """
    return recording(model, recorder_for(model, samples=samples, map_override=map_override, drop=drop))
