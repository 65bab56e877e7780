"""The recorder passes samples and map overrides to attended layers and collects their outputs; modules store nothing.

The active recorder is thread-local, so replicas in threads do not share it, and it is restored after an exception.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones.exclusive import exclusive
from regard.backbones.image_noise import ImageNoise
from regard.backbones.kept_tokens import KeptTokens
from regard.types import AttentionOutput, RegardError

MapOverrides = Tensor | Sequence[Tensor | None] | Mapping[str, Tensor] | None
"""Maps used in place of the learned ones: one for all layers, one per layer in order of attaching, or by layer name."""


class Recorder:
    """One call's samples and map overrides on their way in, attention outputs on their way out.

    Args:
        layers: the attended layers by name.
        samples: random maps per image; 0 is the mean, without noise.
        map_override: maps to use instead of the learned ones.
        at_input: repeat the images, not the features: needed where a path goes around the attention.
        seeds: of the images (``image_seeds``), where noise is a function of the image; None: the global generator.
        drop: leave excluded tokens out of the sequence; False only masks them, which gives the same result with fixed
            shapes. By default they are dropped, unless a graph is being traced.
    """

    def __init__(
        self,
        layers: Mapping[str, nn.Module],
        *,
        samples: int = 0,
        map_override: MapOverrides = None,
        at_input: bool = False,
        seeds: Sequence[int] | None = None,
        drop: bool | None = None,
    ) -> None:
        if samples < 0:
            raise RegardError(f"samples={samples}: 0 is the mean, n >= 1 draws n maps")
        self.layers = dict(layers)
        self.samples = samples
        self.map_override = overrides_by_layer(map_override, tuple(layers))
        self.at_input = at_input
        self.seeds = seeds
        self.drop = not torch.compiler.is_compiling() if drop is None else drop
        self.kept: KeptTokens | None = None
        """Tokens that are left behind the layers that exclude some in this call."""
        self.expanded = False
        self.image_size: tuple[int, int] | None = None
        self._outputs: dict[str, AttentionOutput] = {}

    @property
    def outputs(self) -> tuple[AttentionOutput, ...]:
        """One AttentionOutput per attended layer, in the order in which they ran."""
        return tuple(self._outputs.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The layers' names in the same order."""
        return tuple(self._outputs)

    def noise(self, stream: str, samples: int) -> AbstractContextManager[Any]:
        """Noise by image for so many samples of a layer or of another ``stream``, where the recorder has seeds."""
        return nullcontext() if self.seeds is None else ImageNoise(self.seeds, stream, max(samples, 1))

    def begin(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "SB C H W"]:
        """Starts a call: drops the last outputs; returns the images, repeated over samples if ``at_input``."""
        self._outputs, self.kept = {}, None
        self.image_size = (images.shape[-2], images.shape[-1])
        self.expanded = self.at_input and self.samples > 1
        return images.repeat(self.samples, 1, 1, 1) if self.expanded else images

    def add(self, name: str, output: AttentionOutput) -> None:
        """Called by an attended layer."""
        self._outputs[name] = output

    def clear(self) -> None:
        """Drops all outputs."""
        self._outputs, self.kept = {}, None


def overrides_by_layer(map_override: MapOverrides, layers: tuple[str, ...]) -> dict[str, Tensor]:
    """Map overrides by layer name, for attended layers in order of attaching.

    Raises:
        RegardError: a name or a number of maps that is not the layers'.
    """
    if map_override is None:
        return {}
    if isinstance(map_override, Tensor):
        return dict.fromkeys(layers, map_override)
    if isinstance(map_override, Mapping):
        unknown = [name for name in map_override if name not in layers]
        if unknown:
            raise RegardError(
                f"map_override: no attended layer {unknown[0]!r}; attended are {', '.join(layers) or 'none'}"
            )
        return dict(map_override)
    if len(map_override) != len(layers):
        raise RegardError(
            f"map_override: {len(map_override)} maps for {len(layers)} attended layers ({', '.join(layers)})"
        )
    return {name: map_ for name, map_ in zip(layers, map_override, strict=True) if map_ is not None}


class _Active(threading.local):
    recorder: Recorder | None = None


_ACTIVE = _Active()


def active() -> Recorder | None:
    """The recorder of the call that is running in this thread."""
    return _ACTIVE.recorder


class Moment:
    """The recorder of the call that is running, and the tokens that are left; inside ``with``, both are so again."""

    def __init__(self) -> None:
        self.recorder = _ACTIVE.recorder
        self.kept = None if self.recorder is None else self.recorder.kept

    def __enter__(self) -> None:
        self._later, _ACTIVE.recorder = _ACTIVE.recorder, self.recorder
        if self.recorder is not None:
            self._kept_later, self.recorder.kept = self.recorder.kept, self.kept

    def __exit__(self, *_: object) -> None:
        _ACTIVE.recorder = self._later
        if self.recorder is not None:
            self.recorder.kept = self._kept_later


def run(model: Callable[[Tensor], Any], recorder: Recorder, images: Float[Tensor, "B C H W"]) -> Any:
    """``model(images)`` under ``recorder``; compiles and exports."""
    previous = _ACTIVE.recorder
    _ACTIVE.recorder = recorder
    try:
        return model(recorder.begin(images))
    finally:
        _ACTIVE.recorder = previous


@contextmanager
def recording(model: nn.Module, recorder: Recorder) -> Iterator[Recorder]:
    """Every call of ``model`` inside the block runs under ``recorder``, which keeps the last call's outputs."""

    def begin(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (recorder.begin(args[0]), *args[1:])

    with exclusive(model):
        previous = _ACTIVE.recorder
        hook = model.register_forward_pre_hook(begin)
        _ACTIVE.recorder = recorder
        try:
            yield recorder
        except BaseException:
            recorder.clear()
            raise
        finally:
            _ACTIVE.recorder = previous
            hook.remove()
