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

With several ``looks`` the budget is shared out evenly: each look buys its part among what is left, by the glance's
logits plus what a second network, ``again``, makes of the pixels that were bought before it (`regard.attention.turns`).
They learn together, by the score function.

Choosing k by perturbed logits is sampling without replacement (Plackett-Luce; Kool et al., *Stochastic Beams and Where
to Find Them*, ICML 2019), whose probability in the order of drawing is in closed form. Pixels that were not bought are
replaced by zero with ``where``, so that not even a NaN there gets past. Caveat: the glance has seen the whole image in
low resolution, so *where* it looks says something of the image (``code``, in nats, is that bound: the logarithm of the
number of choices); what those pixels hold can change the output through that alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.attention.projection import Projection
from regard.attention.spatial import override_map, repeat_samples
from regard.attention.turns import chosen_in_turns, highest_first, shared_out, with_gumbel_noise
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
        again: with several looks: pixels that were bought (N,C,H,W), zeros elsewhere, which patches these are, and the
            glance's logits, both (N,1,h,w), -> what is added to the logits.
        looks: in how many turns single patches are bought.

    Raises:
        RegardError: a share outside (0,1], a straight-through window, or looks that cannot be.
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
        again: nn.Module | None = None,
        looks: int = 1,
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
        _check_looks(looks, bought, straight=straight)
        self.glance, self.grid, self.glance_size = glance, grid, glance_size
        self.budget, self.bought, self.straight, self.places = float(budget), bought, straight, places
        h, w = grid
        self.again, self.looks = again, looks
        self.count, self.window = self.count_of(self.budget), self._window_of(self.budget)
        self.counts = shared_out(self.count, looks)
        """Patches that each look buys."""
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
            a, soft, log_prob = self._choose(features, logits, samples)
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

        Single patches of one look are those with the highest logits, so that a larger budget holds a smaller one; a
        larger window may lie elsewhere, and so may what several looks buy, each with its part of the budget.

        Args:
            features: images.
            shares: of the patches, each above 0 and at most 1.
        """
        logits, seen_of = self._logits(features)[0], self._seen(features)
        maps = []
        for share in shares:
            if self.bought == "window":
                maps.append(self._window_map(logits, self._window_of(share)))
            else:
                count = self.count_of(share)
                order = self._in_turns(seen_of, logits, shared_out(count, min(self.looks, count)))[0][0]
                maps.append(torch.zeros_like(logits).flatten(1).scatter(1, order, 1.0).view_as(logits))
        return torch.stack(maps)

    def best(self, scores: Float[Tensor, "B 1 h w"]) -> Float[Tensor, "B 1 h w"]:
        """What the budget buys by other scores than the glance's: a map of 0 and 1."""
        if self.bought == "window":
            return self._window_map(scores, self.window)
        order = highest_first(scores.flatten(1)[None], self.count)[0]
        return torch.zeros_like(scores).flatten(1).scatter(1, order, 1.0).view_as(scores)

    def low(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C gh gw"]:
        """What the glance sees of images."""
        return F.interpolate(features, size=self.glance_size, mode="area")

    @torch.no_grad()
    def decide(
        self, low: Float[Tensor, "B C gh gw"], seen_of: Callable[[Bool[Tensor, "B 1 h w"]], Float[Tensor, "B C H W"]]
    ) -> Float[Tensor, "B 1 h w"]:
        """What is bought, as a map of 0 and 1, of images that are not at hand as a whole; without noise.

        Args:
            low: what `low` gives of them.
            seen_of: patches -> the images, zeros elsewhere; asked for what each look but the last has bought.

        Raises:
            RegardError: random places, which are drawn by the image's pixels.
        """
        if self.places == "random":
            raise RegardError("places='random' are drawn by all of the image's pixels; take learned, center or grid")
        B, (h, w) = len(low), self.grid
        logits = self.fixed_scores(self.places, low.device).expand(B, 1, h, w)
        if self.glance is not None:
            logits = self.glance(low)[0].float()
        if self.bought == "window":
            return self._window_map(logits, self.window)
        order = self._in_turns(seen_of, logits, self.counts)[0][0]
        return torch.zeros_like(logits).flatten(1).scatter(1, order, 1.0).view_as(logits)

    @torch.no_grad()
    def purchases(self, features: Float[Tensor, "B C H W"]) -> Int[Tensor, "B 1 h w"]:
        """When each patch is bought, without noise: 1 is the first; 0 is not bought. A window is bought at once."""
        logits = self._logits(features)[0]
        if self.bought == "window":
            return self._choose(features, logits, 0)[0][0].long()
        order = self._in_turns(self._seen(features), logits, self.counts)[0][0]
        number = torch.arange(1, order.shape[1] + 1, device=order.device).expand_as(order)
        empty = torch.zeros(logits.shape, dtype=torch.int64, device=logits.device)
        return empty.flatten(1).scatter(1, order, number).view_as(empty)

    @staticmethod
    def _seen(features: Tensor, samples: int = 0) -> Callable[[Tensor], Tensor]:
        """Patches (S*B,1,h,w) -> these of the images, zeros elsewhere."""
        zero = torch.zeros((), dtype=features.dtype, device=features.device)
        repeated = repeat_samples(features, max(samples, 1))
        return lambda opened: torch.where(_enlarged(opened, features.shape[-2:]), repeated, zero)

    def _in_turns(
        self, seen_of: Callable[[Tensor], Tensor], logits: Tensor, counts: tuple[int, ...], samples: int = 0
    ) -> tuple[Int[Tensor, "S B k"], Float[Tensor, "S B"]]:
        """Patches in the order of buying, look by look, and the log probability of that."""
        S, B, (h, w) = max(samples, 1), logits.shape[0], self.grid
        first = logits.expand(S, B, 1, h, w).reshape(S * B, 1, h, w)

        def scores_of(turn: int, taken: Bool[Tensor, "S B N"]) -> Float[Tensor, "S B N"]:
            scores = first
            if turn and self.again is not None:
                opened = taken.view(S * B, 1, h, w)
                seen = seen_of(opened)
                scores = first + self.again(seen.detach(), opened.to(seen.dtype), first.to(seen.dtype)).float()
            return scores.view(S, B, h * w)

        noise = samples > 0 and self.places == "learned"
        return chosen_in_turns(scores_of, counts, (S, B, h * w), logits.device, noise=noise)

    def _window_map(self, logits: Tensor, window: tuple[int, int]) -> Tensor:
        """The window with the highest sum of logits, as a map (B,1,h,w)."""
        places = self._windows(logits, window)
        best = places.flatten(1).argmax(1, keepdim=True)
        return self._covered(torch.zeros_like(places).flatten(1).scatter(1, best, 1.0).view_as(places)[None], window)[0]

    def _window_of(self, share: float) -> tuple[int, int]:
        """Rows and columns of the window that a budget buys."""
        h, w = self.grid
        return max(1, round(h * share**0.5)), max(1, round(w * share**0.5))

    def _logits(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        B, (h, w) = features.shape[0], self.grid
        if self.glance is not None:
            logits, scores = self.glance(self.low(features))
            return logits.float(), scores if self.training else None
        if self.places == "random":
            return torch.rand_like(features[:, :1, :h, :w], dtype=torch.float32), None
        return self.fixed_scores(self.places, features.device).expand(B, 1, h, w), None

    def fixed_scores(self, places: Places, device: torch.device | str = "cpu") -> Float[Tensor, "h w"]:
        """Scores of the patches by which ``center`` or ``grid`` buys."""
        h, w = self.grid
        y = (torch.arange(h, device=device) + 0.5) / h - 0.5
        x = (torch.arange(w, device=device) + 0.5) / w - 0.5
        from_middle = y[:, None].square() + x.square()
        if places == "center":
            return -from_middle.float()
        step = max(1, round((h * w / self.count) ** 0.5))
        rows, columns = torch.arange(h, device=device), torch.arange(w, device=device)
        on = ((rows % step)[:, None] == step // 2) & ((columns % step) == step // 2)
        return (on.float() - 1e-3 * from_middle).float()

    def _choose(self, features: Tensor, logits: Tensor, samples: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Hard maps (S,B,1,h,w), what has their gradient and is their mean, and log probabilities (S,B)."""
        S, B = max(samples, 1), logits.shape[0]
        if self.bought == "patches" and not self.straight:
            order, log_prob = self._in_turns(self._seen(features, samples), logits, self.counts, samples)
            a = logits.new_zeros(S, B, math.prod(self.grid)).scatter(2, order, 1.0).view(S, B, 1, *self.grid)
            return a, a, log_prob if self.places == "learned" else None
        scores = logits if self.bought == "patches" else self._windows(logits, self.window)
        scores = scores.expand(S, *scores.shape)
        noisy = scores
        if samples and self.places == "learned":
            noisy = with_gumbel_noise(scores)
        if self.bought == "window":
            best = noisy.flatten(2).argmax(2, keepdim=True)
            chosen = torch.zeros_like(noisy).flatten(2).scatter(2, best, 1.0).view_as(noisy)
            logs = scores.flatten(2).log_softmax(2).gather(2, best)[..., 0]
            a = self._covered(chosen, self.window)
            soft = self._covered(scores.flatten(2).softmax(2).view_as(scores), self.window)
            return a, soft, logs if self.places == "learned" else None
        count = self.count
        soft = noisy
        if self.projection is not None and self.training:
            flat = noisy.reshape(S * B, *noisy.shape[2:])
            count = min(max(round(float(self.projection.target()) * flat[0].numel()), self.count), flat[0].numel())
            b = self.projection(flat, lambda shifted: shifted.sigmoid().flatten(1).mean(1))
            soft = (flat - b).sigmoid().view_as(noisy)
        order = highest_first(noisy.detach().flatten(2), count)
        a = torch.zeros_like(noisy).flatten(2).scatter(2, order, 1.0).view_as(noisy)
        if self.projection is not None and self.training:
            a = a + (soft - soft.detach())
        else:
            soft = a
        return a, soft, None

    @staticmethod
    def _windows(logits: Tensor, window: tuple[int, int]) -> Tensor:
        """One score for each place of a window (B,1,h',w'): the sum of its logits over the root of their number."""
        return F.avg_pool2d(logits, window, stride=1) * (window[0] * window[1]) ** 0.5

    def _covered(self, chosen: Tensor, window: tuple[int, int]) -> Tensor:
        """Weights of window places (S,B,1,h',w') -> of patches (S,B,1,h,w): the sum of the windows that cover each."""
        S, B = chosen.shape[:2]
        kernel = chosen.new_ones(1, 1, *window)
        return F.conv_transpose2d(chosen.flatten(0, 1), kernel).clamp(max=1).view(S, B, 1, *self.grid)


def _check_looks(looks: int, bought: Bought, *, straight: bool) -> None:
    if looks < 1:
        raise RegardError(f"looks={looks}: at least 1")
    if looks > 1 and bought == "window":
        raise RegardError(
            f"looks={looks}: a window (view='crop') is bought at once; several looks buy single patches: take "
            "view='patches' or 'masked', or looks=1"
        )
    if looks > 1 and straight:
        raise RegardError(
            f"looks={looks}: several looks learn by the score function, since what a later one sees is a choice; leave "
            "straight out"
        )


def _enlarged(map_: Tensor, size: tuple[int, ...]) -> Tensor:
    """A map of patches (N,1,h,w) on the image's pixels, whose sides are multiples of the grid's."""
    rows, columns = size[0] // map_.shape[2], size[1] // map_.shape[3]
    return map_.repeat_interleave(rows, 2).repeat_interleave(columns, 3)
