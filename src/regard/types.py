"""The few types that cross rooms; each is frozen and states its shapes.

S samples, B images, C channels, (H, W) features, (h, w) map grid, n classes, K latent dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from regard.errors import RegardError as RegardError
from regard.pytrees import register_output

Unit = Literal["gate", "bits", "relevance"]
Images = Float[Tensor, "B C H W"]
Classes = Int[Tensor, " B"]
PerImage = Float[Tensor, " B"]
Predict = Callable[[Tensor], Tensor]
"""images (B,3,H,W) in [0,1] -> probabilities (B,n): all that a metric knows about a model."""
Explain = Callable[[Tensor, Tensor], "Map"]
"""images (B,3,H,W) in [0,1] and classes (B,) -> Map: all that a metric knows about an explanation method."""

NATS_PER_BIT = 0.6931471805599453


@register_output
@dataclass(frozen=True)
class Map:
    """A spatial map on its own grid.

    Attributes:
        values: (B,1,h,w).
        unit: of a value. ``gate`` is a multiplier in [0,1], ``bits`` is information per position, ``relevance`` is the
            score of an explanation method, without a unit.

    >>> map = Map(torch.tensor([[[[0.0, 1.0]]]]), "bits")
    >>> map.resize((1, 4)).values.tolist()
    [[[[0.0, 0.25, 0.75, 1.0]]]]
    """

    values: Float[Tensor, "B 1 h w"]
    unit: Unit

    def resize(self, size: tuple[int, int]) -> Map:
        """The same map on another grid: bilinear up, area average down. Nothing else in regard resizes a map.

        Values keep their meaning per position *of the original grid*; they are not redistributed.
        """
        h, w = self.values.shape[-2:]
        if (h, w) == size:
            return self
        if (h, w) == (1, 1):  # exact, where interpolation would round
            return Map(self.values.expand(-1, 1, *size), self.unit)
        if size[0] <= h and size[1] <= w:
            return Map(F.interpolate(self.values, size=size, mode="area"), self.unit)
        return Map(F.interpolate(self.values, size=size, mode="bilinear", align_corners=False), self.unit)


def as_map(maps: Map | Tensor) -> Map:
    """The map, or a tensor (B,1,h,w) as a map of relevance.

    Raises:
        RegardError: a tensor of another shape.
    """
    if isinstance(maps, Map):
        return maps
    if maps.ndim != 4 or maps.shape[1] != 1:
        raise RegardError(f"maps must be (B,1,h,w), not {tuple(maps.shape)}: one channel for each image")
    return Map(maps, "relevance")


@register_output
@dataclass(frozen=True)
class AttentionOutput:
    """What one attended layer did.

    Attributes:
        features: modulated features (S*B,C,H,W), sample-major.
        map: what this layer shows (S,B,1,h,w): the gate as applied, quantized where there are anchors, unless ``unit``
            says otherwise.
        mean: mean of the map's distribution (B,1,h,w).
        std: its standard deviation (B,1,h,w); None where the map is not random.
        raw: the map before the quantizer (S,B,1,h,w).
        index: index of the nearest anchor (S,B,1,h,w); None without anchors.
        price: nats per position (S,B,1,h,w) that the gate lets through; None where the gate has no finite price.
        anchors: the codebook in ascending order (Q,); None without anchors.
        log_prior: log probability of each anchor under the learned prior (Q,); None without anchors.
        code: expected code length of the map under that prior, nats per map (B,); None unless the map is both random
            and quantized.
        kept: expected share of positions that are not closed (B,); None unless the map is random and has an anchor
            pinned at zero.
        unit: of ``map``. Only a ``gate`` multiplies features, and only a gate can be given from outside.
        logits: class scores (S,B,n) that the layer makes on its way to a map and that have to learn the label too;
            None where it makes none.
        log_prob: log probability of the map that was drawn (S,B), nats, where it is one of finitely many choices that
            learn by the score function; None where the gradient goes through the map.
    """

    features: Float[Tensor, "SB C H W"]
    map: Float[Tensor, "S B 1 h w"]
    mean: Float[Tensor, "B 1 h w"]
    raw: Float[Tensor, "S B 1 h w"]
    std: Float[Tensor, "B 1 h w"] | None = None
    index: Int[Tensor, "S B 1 h w"] | None = None
    price: Float[Tensor, "S B 1 h w"] | None = None
    anchors: Float[Tensor, " Q"] | None = None
    log_prior: Float[Tensor, " Q"] | None = None
    code: Float[Tensor, " B"] | None = None
    kept: Float[Tensor, " B"] | None = None
    unit: Unit = "gate"
    logits: Float[Tensor, "S B n"] | None = None
    log_prob: Float[Tensor, "S B"] | None = None


@register_output
@dataclass(frozen=True)
class LatentOutput:
    """What the bottleneck let pass.

    Attributes:
        z: the latent as used (S*B,K).
        mean: (S*B,K).
        std: (S*B,K).
        rate: exact KL(p(z|x,a) || r(z)) per image (S*B,), nats.
        penalty: what the objective multiplies by beta (S*B,), nats-like; equals ``rate`` unless ``kl="released"``.
    """

    z: Float[Tensor, "SB K"]
    mean: Float[Tensor, "SB K"]
    std: Float[Tensor, "SB K"]
    rate: Float[Tensor, " SB"]
    penalty: Float[Tensor, " SB"]


@register_output
@dataclass(frozen=True)
class ModelOutput:
    """What an attentive classifier returns.

    Attributes:
        logits: (S,B,n).
        attention: one AttentionOutput per attended layer, in the order in which they ran; empty for a plain network.
        latent: the bottleneck's output, flattened over samples; None without a bottleneck.
        average: what is averaged over samples: ``probabilities`` or, in the paper's preset, ``logits``.
    """

    logits: Float[Tensor, "S B n"]
    attention: tuple[AttentionOutput, ...] = ()
    latent: LatentOutput | None = None
    average: Literal["probabilities", "logits"] = "probabilities"

    @property
    def auxiliary(self) -> tuple[Float[Tensor, "S B n"], ...]:
        """Class scores (S,B,n) of attended layers that make some of their own, as an Attention Branch Network does."""
        return tuple(layer.logits for layer in self.attention if layer.logits is not None)

    @property
    def rate(self) -> Float[Tensor, "S B"] | None:
        """Exact latent rate in nats (S,B)."""
        return None if self.latent is None else self.latent.rate.reshape(self.logits.shape[:2])

    def probabilities(self, multi_label: bool = False) -> Float[Tensor, "B n"]:
        """Class probabilities (B,n), averaged over samples: a softmax; sigmoids of independent classes or one logit."""
        squash = torch.sigmoid if multi_label or self.logits.shape[-1] == 1 else lambda x: x.softmax(-1)
        logits = self.logits.float()
        return squash(logits.mean(0)) if self.average == "logits" else squash(logits).mean(0)


@register_output
@dataclass(frozen=True)
class SegmenterOutput:
    """What an attentive segmenter returns.

    Attributes:
        logits: of the object, at every pixel of the image (S,B,1,H,W).
        attention: one AttentionOutput per attended layer, in the order in which they ran; empty for a plain network.
    """

    logits: Float[Tensor, "S B 1 H W"]
    attention: tuple[AttentionOutput, ...] = ()

    @property
    def latent(self) -> None:
        """A segmenter has no bottleneck besides its gates."""
        return None

    @property
    def probabilities(self) -> Float[Tensor, "B 1 H W"]:
        """Probability of object at every pixel, averaged over samples."""
        return self.logits.float().sigmoid().mean(0)


@dataclass(frozen=True)
class Batch:
    """Images and their annotations.

    Attributes:
        images: (B,3,H,W) float in [0,1]; a model normalises for itself.
        labels: class index (B,) or, for multi-label sets, 0/1 targets (B,n).
        index: position of each image in its split (B,): the key of its randomness and of its results.
        masks: object masks (B,1,H,W), or None.
        boxes: object boxes (B,4) as x0, y0, x1, y1; x right, y down, pixel i covers [i, i+1); or None.
        parts: named points of the object (B,P,3): x, y in the same pixels, and 1 where visible, else 0; or None.
        fixations: where people looked (B,n,2), x, y in the same pixels, NaN beyond an image's last; or None. An image
            without any is one that nobody was asked about.
        weights: share of each image in the task's loss (B,); None: all alike. 0 where the label is not known.
        stem: what a frozen stem made of the images (B,...), where that is kept; in training ``images`` are then empty
            (B,3,0,0).
        stem_size: (H, W) of the images that the stem saw; None where the images are at hand.
        split: name of the split that ``index`` counts in, or None.
        moved: what augmentation did (B,3): pixels by which the window went down and right, then 1 where what it shows
            was mirrored; None: nothing.
        map_override: a map that attended layers take in place of their own, or None.
        flow: how the pixels of a clip move around the time of its image (B,2L,H,W): L steps, x then y of each, in
            [-1,1] as a share of the fastest motion that is kept; 0 is rest. None for photographs.
        mixture: share of each class in images that were mixed (B,n), which the task's loss takes for the labels; None
            where none were.
    """

    images: Float[Tensor, "B 3 H W"]
    labels: Num[Tensor, "B *n"]
    index: Int[Tensor, " B"]
    masks: Bool[Tensor, "B 1 Hm Wm"] | None = None
    boxes: Float[Tensor, "B 4"] | None = None
    parts: Float[Tensor, "B P 3"] | None = None
    stem: Float[Tensor, "B ..."] | None = None
    fixations: Float[Tensor, "B p 2"] | None = None
    weights: Float[Tensor, " B"] | None = None
    stem_size: tuple[int, int] | None = None
    split: str | None = None
    moved: Int[Tensor, "B 3"] | None = None
    map_override: Float[Tensor, "B 1 h w"] | None = None
    flow: Float[Tensor, "B F H W"] | None = None
    mixture: Float[Tensor, "B K"] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the images, also where only their stem is at hand."""
        return self.stem_size or (self.images.shape[-2], self.images.shape[-1])

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        tensors = {k: v for k, v in vars(self).items() if isinstance(v, Tensor)}
        moved: dict[str, Any] = {k: v.to(device, non_blocking=True) for k, v in tensors.items()}
        return replace(self, **moved)


@dataclass(frozen=True)
class Scores:
    """A metric's per-item values, their mean and its interval.

    Attributes:
        values: (N,) float64, NaN where undefined.
        mean: mean over the defined items; NaN if there is none.
        low: lower end of the bootstrap interval over items.
        high: its upper end.
        undefined: reason -> number of items, for the NaN among the values.
    """

    values: Float[Tensor, " N"]
    mean: float
    low: float
    high: float
    undefined: Mapping[str, int] = field(default_factory=dict)
