"""Attention on pixels, decided before they are computed: a small network glances at the image and buys patches.

    low = area average of the image,   l = glance(low)  (one logit a patch),   x' = x where bought, else 0

What is bought is a fixed share of the patches, the budget, kept by construction:

    patches   the k patches with the highest logits, k = max(1, round(budget h w))
    window    the window of rows x columns patches with the highest sum of logits, rows = round(h sqrt(budget)) and
              columns alike

A choice has no derivative, so the glance learns in one of two ways, on random choices (logits plus Gumbel noise):

    straight  the gradient of a soft map, a = sigmoid(l + noise - b), b solved so that mean(a) is the budget
              (`regard.attention.projection`), is taken in place of the hard map's, which it stands for
    score     the score function (REINFORCE, Williams 1992): the objective multiplies ``log_prob`` of each choice by how
              much better it did than the image's other choices (`regard.objectives.information_loss`)

Choosing k by perturbed logits is sampling without replacement (Plackett-Luce; Kool et al., *Stochastic Beams and Where
to Find Them*, ICML 2019), whose probability in the order of drawing is in closed form. Pixels that were not bought are
replaced by zero with ``where``, so that not even a NaN there gets past. Caveat: the glance has seen the whole image in
low resolution, so *where* it looks says something of the image (``code``, in nats, is that bound: the logarithm of the
number of choices); what those pixels hold can change the output through that alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention.projection import Projection
from regard.attention.spatial import override_map, repeat_samples
from regard.types import AttentionOutput, RegardError

Bought = Literal["patches", "window"]
Places = Literal["learned", "random", "center", "grid"]
"""Where patches are bought: where the glance says, or, as a control, at random, from the middle out, spread evenly."""


class GlanceAttention(nn.Module):
    """Images (B,C,H,W) -> AttentionOutput: the same images with zeros where nothing was bought.

    Args:
        glance: low-resolution images (B,C,gh,gw) -> logits (B,1,h,w), and class scores (B,n) or None.
        grid: (h, w), patches of the image.
        glance_size: (gh, gw).
        budget: share of the patches that is bought.
        bought: single ``patches``, or one ``window``.
        straight: learn by the straight-through gradient; else by the score function.
        schedule: of single patches, the shares of training between which the budget falls from all of them to what is
            asked.
        places: ``learned``, or a control without a glance.

    Raises:
        RegardError: a share outside (0,1], or a straight-through window.
    """

    chooses_pixels = True
    """What is computed depends on the map; see `regard.backbones.Attended`."""

    def __init__(
        self,
        glance: nn.Module | None,
        grid: tuple[int, int],
        glance_size: tuple[int, int],
        budget: float,
        *,
        bought: Bought = "patches",
        straight: bool = True,
        schedule: tuple[float, float] = (0.0, 0.4),
        places: Places = "learned",
    ) -> None:
        super().__init__()
        for name, value, known in (("bought", bought, Bought), ("places", places, Places)):
            if value not in get_args(known):
                raise RegardError(f"{name}={value!r}: one of {', '.join(get_args(known))}")
        if not 0 < budget <= 1:
            raise RegardError(f"budget={budget}: the share of the pixels that is bought is above 0 and at most 1")
        if bought == "window" and straight:
            raise RegardError("bought='window' learns by the score function: a window has no soft map of its own")
        if (glance is None) != (places != "learned"):
            raise RegardError(f"places={places!r}: a glance goes with learned places, and with those only")
        self.glance, self.grid, self.glance_size = glance, grid, glance_size
        self.budget, self.bought, self.straight, self.places = float(budget), bought, straight, places
        h, w = grid
        self.count, self.window = self.count_of(self.budget), self._window_of(self.budget)
        self.projection: Projection | None = None
        if straight and places == "learned" and self.count < h * w:
            self.projection = Projection(
                self.count / (h * w), "kept", per_image=True, begin=schedule[0], end=schedule[1]
            )
            self.projection.opening.fill_(1.0)

    @property
    def code(self) -> float:
        """Nats that name one choice among all that the budget allows."""
        return self.code_of(self.budget)

    def code_of(self, share: float) -> float:
        """Nats that name one choice among all that a budget allows."""
        h, w = self.grid
        if self.bought == "window":
            window = self._window_of(share)
            return math.log((h - window[0] + 1) * (w - window[1] + 1))
        count = self.count_of(share)
        return math.lgamma(h * w + 1) - math.lgamma(count + 1) - math.lgamma(h * w - count + 1)

    def count_of(self, share: float) -> int:
        """Number of patches that a budget buys."""
        if self.bought == "window":
            return math.prod(self._window_of(share))
        return max(1, round(share * math.prod(self.grid)))

    def forward(
        self, features: Float[Tensor, "B C H W"], samples: int = 0, map_override: Tensor | None = None
    ) -> AttentionOutput:
        """The images with what was bought.

        Args:
            features: images (B,C,H,W).
            samples: number of random choices; 0 is the best one, without noise.
            map_override: as in `SpatialAttention`: patches above zero are bought, whatever the budget.
        """
        S, B, (h, w) = max(samples, 1), features.shape[0], self.grid
        scores: Tensor | None = None
        if map_override is not None:
            a = override_map(map_override, (S, B, h, w))
            soft, log_prob = a, None
        else:
            logits, scores = self._logits(features)
            a, soft, log_prob = self._choose(logits, samples)
        opened = a.detach().reshape(S * B, 1, h, w) > 0
        repeated = repeat_samples(features, S)
        zero = torch.zeros((), dtype=features.dtype, device=features.device)
        # .where takes the values, and the product the gradient of a straight-through map
        kept = torch.where(_enlarged(opened, features.shape[-2:]), repeated, zero)
        if a.requires_grad and self.straight:
            carried = (a - a.detach()).reshape(S * B, 1, h, w)
            kept = kept + repeated.detach() * _enlarged(carried, features.shape[-2:])
        return AttentionOutput(
            features=kept,
            map=a,
            mean=soft.detach().mean(0),
            raw=soft,
            kept=(a.detach() > 0).float().flatten(2).mean((0, 2)),
            code=None if map_override is not None else features.new_full((B,), self.code, dtype=torch.float32),
            logits=None if scores is None else scores.expand(S, *scores.shape),
            log_prob=log_prob,
        )

    @torch.no_grad()
    def choices(self, features: Float[Tensor, "B C H W"], shares: Sequence[float]) -> Float[Tensor, "K B 1 h w"]:
        """What the same glance would buy of images under other budgets: maps of 0 and 1, without noise.

        Single patches are those with the highest logits, so that a larger budget holds a smaller one; a larger window
        may lie elsewhere.

        Args:
            features: images.
            shares: of the patches, each above 0 and at most 1.
        """
        logits, (h, w) = self._logits(features)[0], self.grid
        maps = []
        for share in shares:
            if self.bought == "window":
                window = self._window_of(share)
                places = self._windows(logits, window).flatten(1)
                chosen = torch.zeros_like(places).scatter(1, places.argmax(1, keepdim=True), 1.0)
                rows, columns = h - window[0] + 1, w - window[1] + 1
                maps.append(self._covered(chosen.view(1, -1, 1, rows, columns), window)[0])
            else:
                order = _highest(logits.flatten(1)[None], self.count_of(share))[0]
                maps.append(torch.zeros_like(logits).flatten(1).scatter(1, order, 1.0).view_as(logits))
        return torch.stack(maps)

    def _window_of(self, share: float) -> tuple[int, int]:
        """Rows and columns of the window that a budget buys."""
        h, w = self.grid
        return max(1, round(h * share**0.5)), max(1, round(w * share**0.5))

    def _logits(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        B, (h, w) = features.shape[0], self.grid
        if self.glance is not None:
            low = F.interpolate(features, size=self.glance_size, mode="area")
            logits, scores = self.glance(low)
            return logits.float(), scores if self.training else None
        if self.places == "random":
            return torch.rand_like(features[:, :1, :h, :w], dtype=torch.float32), None
        y = (torch.arange(h, device=features.device) + 0.5) / h - 0.5
        x = (torch.arange(w, device=features.device) + 0.5) / w - 0.5
        if self.places == "center":
            fixed = -(y[:, None].square() + x.square())
        else:
            step = max(1, round((h * w / self.count) ** 0.5))
            rows, columns = torch.arange(h, device=features.device), torch.arange(w, device=features.device)
            on = ((rows % step)[:, None] == step // 2) & ((columns % step) == step // 2)
            fixed = on.float() - 1e-3 * (y[:, None].square() + x.square())
        return fixed.float().expand(B, 1, h, w), None

    def _choose(self, logits: Tensor, samples: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Hard maps (S,B,1,h,w), what has their gradient and is their mean, and log probabilities (S,B)."""
        S, B = max(samples, 1), logits.shape[0]
        scores = logits if self.bought == "patches" else self._windows(logits, self.window)
        scores = scores.expand(S, *scores.shape)
        noisy = scores
        if samples and self.places == "learned":
            noisy = scores - (-torch.rand_like(scores).clamp(1e-9, 1 - 1e-7).log()).log()
        log_prob: Tensor | None = None
        if self.bought == "window":
            best = noisy.flatten(2).argmax(2, keepdim=True)
            chosen = torch.zeros_like(noisy).flatten(2).scatter(2, best, 1.0).view_as(noisy)
            if self.places == "learned":
                log_prob = scores.flatten(2).log_softmax(2).gather(2, best)[..., 0]
            a = self._covered(chosen, self.window)
            soft = self._covered(scores.flatten(2).softmax(2).view_as(scores), self.window)
            return a, soft, log_prob
        count = self.count
        soft = noisy
        if self.projection is not None and self.training:
            flat = noisy.reshape(S * B, *noisy.shape[2:])
            count = min(max(round(float(self.projection.target()) * flat[0].numel()), self.count), flat[0].numel())
            b = self.projection(flat, lambda shifted: shifted.sigmoid().flatten(1).mean(1))
            soft = (flat - b).sigmoid().view_as(noisy)
        order = _highest(noisy.detach().flatten(2), count)
        a = torch.zeros_like(noisy).flatten(2).scatter(2, order, 1.0).view_as(noisy)
        if self.projection is not None and self.training:
            a = a + (soft - soft.detach())
        else:
            soft = a
        if self.places == "learned" and not self.straight:
            log_prob = _ordered_log_prob(scores.flatten(2), order)
        return a, soft, log_prob

    @staticmethod
    def _windows(logits: Tensor, window: tuple[int, int]) -> Tensor:
        """One score for each place of a window (B,1,h',w'): the sum of its logits over the root of their number."""
        return F.avg_pool2d(logits, window, stride=1) * (window[0] * window[1]) ** 0.5

    def _covered(self, chosen: Tensor, window: tuple[int, int]) -> Tensor:
        """Weights of window places (S,B,1,h',w') -> of patches (S,B,1,h,w): the sum of the windows that cover each."""
        S, B = chosen.shape[:2]
        kernel = chosen.new_ones(1, 1, *window)
        return F.conv_transpose2d(chosen.flatten(0, 1), kernel).clamp(max=1).view(S, B, 1, *self.grid)


def _highest(scores: Float[Tensor, "S B N"], count: int) -> Tensor:
    """Numbers of the highest scores (S,B,count), falling; of equal ones the first, as in uniform parts of an image."""
    if torch.compiler.is_exporting():  # a graph has no stable sort, and its TopK takes the first of equal ones
        return scores.topk(count, dim=2).indices
    return scores.argsort(dim=2, descending=True, stable=True)[..., :count]


def _ordered_log_prob(scores: Float[Tensor, "S B N"], order: Tensor) -> Float[Tensor, "S B"]:
    """Log probability of drawing these, in this order, without replacement (Plackett-Luce)."""
    taken = scores.gather(2, order)
    everything = scores.logsumexp(2, keepdim=True)
    gone = taken.logcumsumexp(2) - everything  # log share of what is drawn, up to and with each
    before = torch.cat([torch.full_like(gone[..., :1], -torch.inf), gone[..., :-1]], 2)
    left = torch.log1p(-before.exp().clamp(max=1 - 1e-6))
    return (taken - everything - left).sum(2)


def _enlarged(map_: Tensor, size: tuple[int, ...]) -> Tensor:
    """A map of patches (N,1,h,w) on the image's pixels, whose sides are multiples of the grid's."""
    rows, columns = size[0] // map_.shape[2], size[1] // map_.shape[3]
    return map_.repeat_interleave(rows, 2).repeat_interleave(columns, 3)
