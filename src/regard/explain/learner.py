"""The training of an amortised IBA (`regard.explain.learn`): images as the network sees them, and the head that learns.

    minimise  mean over images, eps of  KL( p(y | R) || p(y | Z) )   at  mean bits = budget

or the cross-entropy with the likeliest class. Only the part of the network after the layer runs in training, on
features that are computed once and kept where they fit into memory. The budget falls geometrically from an open map to
what is asked. Where nothing is asked it falls to an eighth, where most networks lose classes and the head learns which
positions count. That map is then opened until held-out images keep their class, by one sample of the noise and by the
mean: its logits are multiplied by a contrast and the threshold is lowered, and of several contrasts that with the
smallest budget is taken. (Observed: a budget that follows the kept share in training stays near the open map, where
hardly anything is learned; and a lower threshold alone leaves the background closed, and keeps fewer classes than a
uniform map.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn

from regard.attention import ContextHead, LearnedMap, NoiseGate, Projection, SpatialAttention, solve_threshold
from regard.data import cover, read_image, to_bytes
from regard.explain.amortized import START, LearnedFacts
from regard.explain.iba import Moments
from regard.explain.split import SplitNetwork
from regard.types import NATS_PER_BIT, RegardError

Target = Literal["probabilities", "class"]
"""What a sample is to keep: the network's probabilities (KL), or its likeliest class (cross-entropy)."""
_OPEN_UNTIL, _CLOSED_FROM = 0.1, 0.6
"""Shares of the steps between which a budget that is asked for is reached."""
_CLOSED = 1 / 8
"""Share of the open map's price to which the budget falls where none is asked for."""
_HALVINGS = 7
"""Of the range of budgets, in the search for the smallest that keeps the class."""
_CONTRASTS = (1.0, 0.5, 0.25, 0.125)
"""Factors of the logits that are tried in it."""
_WARMUP, _DECAY = 20, 0.6
"""Steps in which the learning rate rises, and the share of the steps from which it falls to zero."""
_MEMORY = 2 << 30
"""Bytes of features that are kept."""
_TOLERANCE = 1e-3
"""Largest relative error of a budget."""
_ALWAYS_OPEN = -25.0
"""A threshold at which every map is open."""


@dataclass(frozen=True)
class ImageFiles:
    """Image files, resized to just cover ``size`` (H, W) and cut to its centre."""

    paths: tuple[Path, ...]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Int[Tensor, " n"]) -> Float[Tensor, "n 3 H W"]:
        files = (self.paths[i] for i in rows.tolist())
        pixels = [to_bytes(cover(read_image(path), self.size, Image.Resampling.BILINEAR)) for path in files]
        return torch.stack(pixels).float() / 255


class Seen:
    """Images as the network sees them: features, kept or computed again where they do not fit, and its own logits."""

    def __init__(self, split: SplitNetwork, images: Tensor | ImageFiles, batch: int) -> None:
        self.split, self.images = split, images
        self.device = next((p.device for p in split.model.parameters()), torch.device("cpu"))
        moments, prefixes, logits, kept = Moments(), [], [], []
        for rows in torch.arange(len(images)).split(batch):
            output, own = split.whole(images[rows].to(self.device))
            features = split.features(output).float()
            moments.add(features)
            logits.append(own.float())
            prefixes.append(output[:, : split.layout.prefix].sum(0) if split.prefix is not None else output[:0])
            if features[0].nbytes * len(images) <= _MEMORY:
                kept.append(features)
        if split.prefix is not None:
            split.prefix = torch.stack(prefixes).sum(0) / len(images)
        self.statistics, self.logits = moments.statistics(), torch.cat(logits)
        self._kept = torch.cat(kept) if kept else None

    def features(self, rows: Int[Tensor, " B"]) -> Float[Tensor, "B C h w"]:
        """Of the images with these numbers."""
        if self._kept is not None:
            return self._kept[rows.to(self.device)]
        return self.split.features(self.split.output(self.images[rows].to(self.device))).float()


class Learner:
    """A head that learns on some images and is measured on others."""

    def __init__(
        self, split: SplitNetwork, seen: Seen, attention: SpatialAttention, train: Tensor, held: Tensor, batch: int
    ) -> None:
        gate, proposal, projection = attention.gate, attention.proposal, attention.projection
        assert isinstance(gate, NoiseGate)
        assert isinstance(proposal, LearnedMap)
        assert isinstance(projection, Projection)
        self.attention = attention.to(seen.device)
        self.gate, self.proposal, self.projection = gate, proposal, projection
        self.split, self.seen, self.train, self.held, self.batch = split, seen, train, held, batch
        gate.mean.copy_(seen.statistics.mean)
        gate.var.copy_(seen.statistics.var)

    def learn(self, bits: float | None, target: Target, steps: int, lr: float) -> None:
        """Trains the head while the budget falls to ``bits``."""
        optimizer = torch.optim.Adam(self.attention.parameters(), lr=lr)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
        opened = self._uniform_bits(START)
        closed = _CLOSED * opened if bits is None else bits
        batches = self._batches()
        for step in range(steps):
            fallen = (step / steps - _OPEN_UNTIL) / (_CLOSED_FROM - _OPEN_UNTIL)
            self.projection.budget = opened * (closed / opened) ** min(max(fallen, 0.0), 1.0)
            rows = next(batches)
            self.attention.eval()  # the gate's statistics stay
            self.proposal.train()
            self.projection.train()
            gated = self.attention(self.seen.features(rows), samples=1).features
            loss = _loss(self.split.logits(gated).float(), self.seen.logits[rows.to(self.seen.device)], target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        self._solve(closed)

    @torch.no_grad()
    def settle(self, keep: float) -> None:
        """Sets the contrast and threshold that keep the class at the smallest budget, to a few per cent."""
        logit = self._last_of_head()
        weight, found = logit.weight.clone(), []
        for contrast in _CONTRASTS:
            logit.weight.copy_(contrast * weight)
            found.append((self._smallest(keep), contrast))
        budget, contrast = min(found)
        logit.weight.copy_(contrast * weight)
        self._solve(budget)

    def _smallest(self, keep: float) -> float:
        """The smallest budget that keeps the class."""
        low, high = _CLOSED * self._uniform_bits(START), self._most_bits()
        if not self._keeps(high, keep):
            raise RegardError(
                f"keep={keep}: at {self.split.layer} even an open map keeps the class of {self.kept(1):.3f} of "
                f"{len(self.held)} held-out images only; ask for less, or for another layer"
            )
        while low > 1 and self._keeps(low, keep):
            low, high = low / 4, low
        for _ in range(_HALVINGS):
            middle = (low * high) ** 0.5
            low, high = (low, middle) if self._keeps(middle, keep) else (middle, high)
        return high

    def _last_of_head(self) -> nn.Conv2d:
        """The convolution that gives the logits; its bias is the threshold's business."""
        head = self.proposal.head
        assert isinstance(head, ContextHead)
        return head.logit

    def facts(self, network: str) -> LearnedFacts:
        """What the map in its present state does."""
        threshold = self.projection.threshold.clone()
        bits, kept, mean = float(self._bits_at()(threshold.reshape(1))), self.kept(1), self.kept(0)
        uniform = self.kept(1, self._uniform(bits))
        self.projection.threshold.fill_(_ALWAYS_OPEN)
        opened = self.kept(1)
        self.projection.threshold.copy_(threshold)
        return LearnedFacts(
            self.split.layer, network, len(self.train), len(self.held), bits, kept, mean, opened, uniform
        )

    @torch.no_grad()
    def kept(self, samples: int, map_override: Tensor | None = None) -> float:
        """Share of held-out images that keep their class, always with the same noise."""
        self.attention.eval()
        same = 0
        devices = [self.seen.device] if self.seen.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(0)
            for rows in self.held.split(self.batch):
                gated = self.attention(self.seen.features(rows), samples=samples, map_override=map_override).features
                own = self.seen.logits[rows.to(self.seen.device)].argmax(1)
                same += int((self.split.logits(gated).argmax(1) == own).sum())
        return same / len(self.held)

    def _keeps(self, budget: float, keep: float) -> bool:
        self._solve(budget)
        return self.kept(1) >= keep and self.kept(0) >= keep

    def _solve(self, budget: float) -> None:
        threshold, target = self.projection.threshold, self.projection.threshold.new_tensor(budget)
        solved = solve_threshold(self._bits_at(), target, threshold.reshape(1), tolerance=_TOLERANCE)
        threshold.copy_(solved[0])

    def _most_bits(self) -> float:
        """Of an open map."""
        return float(self._bits_at()(self.projection.threshold.new_tensor([_ALWAYS_OPEN])))

    @torch.no_grad()
    def _bits_at(self) -> Callable[[Tensor], Tensor]:
        """A function from thresholds (n,) to the mean bits of held-out images (n,), in evaluation mode."""
        self.attention.eval()
        parts = []
        for rows in self.held.split(self.batch):
            features = self.seen.features(rows)
            parts.append((self.proposal.logits(features), self.gate.pricing(features)))

        def bits(thresholds: Tensor) -> Tensor:
            maps = [[(self.gate.upper * (logits - b).sigmoid(), price) for logits, price in parts] for b in thresholds]
            nats = [sum(float(price(a).sum()) for a, price in each) / len(self.held) for each in maps]
            return thresholds.new_tensor(nats) / NATS_PER_BIT

        return bits

    def _uniform_bits(self, value: float) -> float:
        """What held-out images pay for a map of one value, the mean in bits."""
        nats = 0.0
        for rows in self.held.split(self.batch):
            features = self.seen.features(rows)
            nats += float(self.gate.pricing(features)(torch.full_like(features[:, :1], value)).sum())
        return nats / len(self.held) / NATS_PER_BIT

    def _uniform(self, bits: float) -> Float[Tensor, "1 1 1"]:
        """The map of one value that pays as many bits."""
        low, high = 0.0, self.gate.upper
        for _ in range(20):
            middle = (low + high) / 2
            low, high = (middle, high) if self._uniform_bits(middle) < bits else (low, middle)
        return torch.full((1, 1, 1), low, device=self.seen.device)

    def _batches(self) -> Iterator[Int[Tensor, " B"]]:
        """Rows of training images, each epoch in another order; without a last small batch, where there is another."""
        while True:
            parts = self.train[torch.randperm(len(self.train))].split(self.batch)
            yield from parts[:-1] if len(parts) > 1 and len(parts[-1]) < self.batch else parts


def _rate(step: int, steps: int) -> float:
    """Share of the learning rate at a step: it rises linearly, stays, and falls linearly to nearly zero."""
    return min(1.0, (step + 1) / _WARMUP, max(steps - step, 1) / ((1 - _DECAY) * steps))


def _loss(logits: Float[Tensor, "B n"], own: Float[Tensor, "B n"], target: Target) -> Tensor:
    if target == "class":
        return F.cross_entropy(logits, own.argmax(1))
    if target == "probabilities":
        return F.kl_div(logits.log_softmax(1), own.log_softmax(1), log_target=True, reduction="batchmean")
    raise RegardError(f"target={target!r}: probabilities or class")
