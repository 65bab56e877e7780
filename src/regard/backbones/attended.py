"""``Attended``: a module with attention on its output, in the module's place; ``Layout``: its output as (B,C,H,W)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones.kept_tokens import KeptTokens, kept_patches
from regard.backbones.recorder import Recorder, active
from regard.types import AttentionOutput, RegardError


@dataclass(frozen=True)
class Layout:
    """Where channels and positions are in a module's output.

    Attributes:
        kind: ``NCHW``, ``NHWC`` (Swin) or ``tokens`` (B,N,C).
        prefix: tokens before the patches (class token, registers), which pass unattended.
        grid: rows and columns of the patches, for images of the size seen at attaching.
        patch: pixels per patch, where the network takes images of other sizes too; the grid then follows the image.
    """

    kind: Literal["NCHW", "NHWC", "tokens"]
    prefix: int = 0
    grid: tuple[int, int] | None = None
    patch: tuple[int, int] | None = None

    def features(self, y: Tensor, image_size: tuple[int, int] | None = None) -> Float[Tensor, "B C H W"]:
        """The module's output as features; prefix tokens left out."""
        if self.kind == "NCHW":
            return y
        if self.kind == "NHWC":
            return y.permute(0, 3, 1, 2)
        h, w = self.grid_of(image_size)
        if y.shape[1] != self.prefix + h * w:
            raise RegardError(
                f"{y.shape[1]} tokens, but {self.prefix} prefix and {h}x{w} patches were expected; "
                "attach with the input_size of your images"
            )
        return y[:, self.prefix :].transpose(1, 2).unflatten(2, (h, w))

    def output(self, features: Float[Tensor, "SB C H W"], y: Tensor) -> Tensor:
        """Modulated features in the layout of the module's output ``y``, whose prefix tokens are kept."""
        if self.kind == "NCHW":
            return features
        if self.kind == "NHWC":
            return features.permute(0, 2, 3, 1)
        patches = features.flatten(2).transpose(1, 2)
        if not self.prefix:
            return patches
        prefix = y[:, : self.prefix]
        samples = features.shape[0] // y.shape[0]
        return torch.cat([prefix if samples == 1 else prefix.repeat(samples, 1, 1), patches], dim=1)

    def grid_of(self, image_size: tuple[int, int] | None) -> tuple[int, int]:
        """Rows and columns of the patches of an image (H, W); of tokens only."""
        assert self.grid is not None
        if self.patch is None:
            return self.grid
        if image_size is None:
            raise RegardError(
                "this network takes images of any size, so its grid of tokens depends on the image: "
                "run it inside record(model), or in an AttentiveClassifier"
            )
        return -(-image_size[0] // self.patch[0]), -(-image_size[1] // self.patch[1])


@dataclass(frozen=True)
class Cut:
    """Whether everything passes through the attention, and the paths around it.

    Attributes:
        is_cut: no path goes around; with several attended layers, around all of them together.
        bypasses: the paths around, in words; empty where ``is_cut``.
    """

    is_cut: bool
    bypasses: tuple[str, ...] = ()


class Wrapper(nn.Module):
    """A module in another one's place. Attributes that are not found here are looked up on that, since some networks
    use more of their children than the forward; keys of its state get ``module.`` put in.

    Args:
        module: the original module.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.training = module.training

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "module" or name.startswith("__"):
                raise
            return getattr(super().__getattr__("module"), name)


class Attended(Wrapper):
    """``module``, then ``attention`` on its output.

    Keys of the wrapped module's state are its own with ``module.`` put in: ``layer3.0.conv1.weight`` becomes
    ``layer3.module.0.conv1.weight``; those of the attention begin with ``layer3.attention.``.

    Args:
        module: the original module.
        attention: features (B,C,H,W) -> AttentionOutput.
        name: the module's name in its network, for the recorder.
        layout: of the module's output.
    """

    def __init__(self, module: nn.Module, attention: nn.Module, *, name: str, layout: Layout) -> None:
        super().__init__(module)
        self.attention = attention
        self.layer_name = name
        self.layout = layout
        self.cut = Cut(is_cut=False, bypasses=("not tested",))
        self.excludes = False
        """Whether closed tokens leave the sequence: see ``exclude_tokens``."""

    @property
    def holds_map(self) -> bool:
        """Whether the cut test holds the map fixed: what is computed depends on it, and so it may on the image."""
        return self.excludes or bool(getattr(self.attention, "chooses_pixels", False))

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The module's output, attended, in its own layout.

        Without a recorder the attention draws one map in training and takes the mean in evaluation.
        """
        y = self.module(*args, **kwargs)
        recorder = active()
        if recorder is None or recorder.layers.get(self.layer_name) is not self:
            if self.excludes:
                raise RegardError(
                    f"{self.layer_name} excludes tokens, which the later blocks must know: run the network "
                    "inside record(model), or in an AttentiveClassifier"
                )
            output = self.attention(self.layout.features(y), samples=int(self.training))
        else:
            with recorder.noise(self.layer_name, recorder.samples):
                output = self._recorded(recorder, self.layout.features(y, recorder.image_size))
            recorder.add(self.layer_name, output)
            if self.excludes:
                earlier = None if recorder.kept is None else recorder.kept.weights
                patches = kept_patches(
                    output.map.flatten(0, 1).flatten(1), output.raw.flatten(0, 1).flatten(1), earlier
                )
                recorder.kept = KeptTokens(patches, clean=not self.layout.prefix)
        return self.layout.output(output.features, y)

    def _recorded(self, recorder: Recorder, features: Tensor) -> AttentionOutput:
        S = max(recorder.samples, 1)
        first = not recorder.expanded
        B = features.shape[0] if first else features.shape[0] // S
        map_override = recorder.map_override.get(self.layer_name)
        if map_override is not None:
            map_override = _override_map(map_override, S, B, self.layer_name)
        if first:
            recorder.expanded = S > 1
            return self.attention(features, samples=recorder.samples, map_override=map_override)
        if map_override is not None:
            map_override = map_override.expand(S, B, *map_override.shape[2:]).flatten(0, 1)
        return _regroup(self.attention(features, samples=1, map_override=map_override), S)


def _override_map(map_override: Tensor, S: int, B: int, name: str) -> Tensor:
    """A map for S samples of B images as (S or 1, B or 1, 1, h, w)."""
    whole = map_override.ndim == 4 and map_override.shape[0] == S * B
    maps = map_override.unflatten(0, (S, B)) if whole else map_override[(None,) * (5 - map_override.ndim)]
    if maps.ndim != 5 or maps.shape[0] not in (1, S) or maps.shape[1] not in (1, B) or maps.shape[2] != 1:
        wanted = dict.fromkeys((f"({B},1,h,w)", f"({S * B},1,h,w)", f"({S},{B},1,h,w)", "(1,1,h,w)"))
        raise RegardError(
            f"map_override {tuple(map_override.shape)} for {name}: one of {', '.join(wanted)} is "
            f"needed for {B} images and {S} samples"
        )
    return maps


def _regroup(output: AttentionOutput, S: int) -> AttentionOutput:
    """Output for S*B features as S samples of B images; moments are those of the mixture."""

    def split(x: Tensor | None) -> Any:
        return None if x is None else x.reshape(S, -1, *x.shape[2:])

    def mixed(x: Tensor | None) -> Tensor | None:
        return None if x is None else x.unflatten(0, (S, -1)).mean(0)

    means = output.mean.unflatten(0, (S, -1))
    variance = mixed(None if output.std is None else output.std.square())
    return replace(
        output,
        mean=means.mean(0),
        std=None if variance is None else torch.sqrt(variance + means.var(0, correction=0)),
        code=mixed(output.code),
        kept=mixed(output.kept),
        **{name: split(getattr(output, name)) for name in ("map", "raw", "index", "price", "logits")},
    )


def attended(model: nn.Module) -> dict[str, Attended]:
    """Attended layers of a network by the name that each had when it was attached."""
    return {module.layer_name: module for module in model.modules() if isinstance(module, Attended)}
