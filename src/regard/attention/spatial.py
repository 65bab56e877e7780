"""Spatial attention: a map proposal, a quantizer and a gate in one module.

features -> proposal -> distribution -> S maps -> quantizer (optional) -> gate -> features', price

With a budget, a projection between the proposal's logits and its distribution subtracts the threshold at which the
maps, as they are drawn and quantized, pay what was asked.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention.gates import Gate, Gated, Pricing
from regard.attention.maps import LearnedMap, MapDistribution, MapProposal
from regard.attention.projection import Projection
from regard.attention.quantizer import AnchorQuantizer, TopShare, expected_code_length, midpoints
from regard.types import AttentionOutput, Map, RegardError

MapOverride = Float[Tensor, "... 1 h w"] | None
"""A map used in place of an attention's own, as `override_map` takes it."""


class SpatialAttention(nn.Module):
    """Features (B,C,H,W) -> AttentionOutput.

    Args:
        proposal: features -> distribution of the map.
        gate: features and map -> gated features and their price.
        quantizer: anchors for the map; None leaves it continuous.
        top: opens the same share of every map instead, and closes the rest; not with anchors.
        projection: keeps a budget; None leaves the map as it is.

    Raises:
        RegardError: a budget on something that this map or gate does not have.
    """

    def __init__(
        self,
        proposal: MapProposal,
        gate: Gate,
        quantizer: AnchorQuantizer | None = None,
        top: TopShare | None = None,
        projection: Projection | None = None,
    ) -> None:
        super().__init__()
        self.proposal, self.gate, self.quantizer, self.top, self.projection = proposal, gate, quantizer, top, projection
        if projection is not None:
            _check_projection(projection, proposal, gate, quantizer, top)

    def forward(
        self, features: Float[Tensor, "B C H W"], samples: int = 0, map_override: MapOverride = None
    ) -> AttentionOutput:
        """Gates features by the map.

        Args:
            features: (B,C,H,W).
            samples: number of random maps, each with gate noise of its own; 0 is the mean, without any noise.
            map_override: (1,h,w), (B,1,h,w) or (S,B,1,h,w), S and B may be 1: used in place of the learned map,
                unquantized and unlimited; resized to the grid of the features.

        Raises:
            RegardError: a ``map_override`` of another shape.
        """
        if self.training:
            self.gate.observe(features)
        S, (B, _, H, W) = max(samples, 1), features.shape
        anchors = None if self.quantizer is None else self.quantizer.anchors
        distribution, eps, pricing = self._distribution(features, samples, anchors)
        draws = distribution.sample(samples, eps) if samples else distribution.mean[None]
        raw = draws.clamp(0, self.gate.upper)
        a, index = raw, None
        if map_override is not None:
            raw = a = override_map(map_override, (S, B, H, W))
        elif self.quantizer is not None and anchors is not None:
            a, index = self.quantizer(raw, anchors)
        elif self.top is not None:
            a = self.top(draws)  # clamping first would make ties at the bounds
        repeated, flat, noisy = repeat_samples(features, S), a.reshape(S * B, 1, H, W), samples > 0
        if pricing is None:
            gated = self.gate(repeated, flat, noisy=noisy)
        else:  # the features are standardised once
            price = pricing(a).clamp(min=0).reshape(S * B, 1, H, W)
            gated = Gated(self.gate.mix(repeated, flat, noisy=noisy), price)
        return AttentionOutput(
            features=gated.features,
            map=a,
            mean=distribution.mean,
            raw=raw,
            std=distribution.std,
            index=index,
            price=None if gated.price is None else gated.price.reshape(S, B, 1, H, W),
            anchors=anchors,
            log_prior=None if self.quantizer is None else self.quantizer.log_prior,
            code=self._code(distribution, anchors),
            kept=self._kept(distribution, anchors),
        )

    def _distribution(
        self, features: Tensor, samples: int, anchors: Tensor | None
    ) -> tuple[MapDistribution, Tensor | None, Pricing | None]:
        """The map's distribution, at the threshold of the budget, the noise that it was solved for, and the price."""
        if self.projection is None or not isinstance(self.proposal, LearnedMap):
            return self.proposal(features), None, None
        proposal, projection, upper = self.proposal, self.projection, self.gate.upper
        logits = proposal.logits(features)
        eps = torch.randn(samples, *logits.shape, device=logits.device) if samples else None
        priced = self.gate.pricing(features) if projection.of == "bits" else None

        def price(shifted: Tensor) -> Tensor:
            distribution = proposal.distribution(shifted, upper)
            if projection.of == "kept":
                kept = self._kept(distribution, anchors)
                assert kept is not None, "checked when the module was built"
                return kept
            if projection.of == "code":
                assert anchors is not None
                return _ideal_code_length(distribution, anchors)
            assert priced is not None
            draws = distribution.sample(samples, eps) if samples else distribution.mean[None]
            a = draws.clamp(0, upper)
            if self.quantizer is not None and anchors is not None:
                a = self.quantizer(a, anchors.detach()).map
            return priced(a).flatten(2).sum(2).mean(0)

        return proposal.distribution(logits - projection(logits, price), upper), eps, priced

    def _code(self, distribution: MapDistribution, anchors: Tensor | None) -> Float[Tensor, " B"] | None:
        if self.quantizer is None or anchors is None or distribution.std is None:
            return None
        boundaries = midpoints(anchors.detach())
        return expected_code_length(distribution.mean, distribution.std, boundaries, self.quantizer.log_prior.detach())

    def _kept(self, distribution: MapDistribution, anchors: Tensor | None) -> Float[Tensor, " B"] | None:
        """Expected share of open positions: k / N of ``top``, else the mean of Phi((mu - t) / sd), t the first
        boundary.
        """
        if self.top is not None and self.gate.pinned:
            positions = distribution.mean[0].numel()
            return distribution.mean.new_full((len(distribution.mean),), self.top.count(positions) / positions)
        if self.quantizer is None or not self.quantizer.pinned or anchors is None or distribution.std is None:
            return None
        first = midpoints(anchors.detach())[0]
        return torch.special.ndtr((distribution.mean - first) / distribution.std).flatten(1).mean(1)


def _check_projection(
    projection: Projection,
    proposal: MapProposal,
    gate: Gate,
    quantizer: AnchorQuantizer | None,
    top: TopShare | None,
) -> None:
    budget = f"budget={projection.budget:g} ({projection.of})"
    if not isinstance(proposal, LearnedMap) or top is not None:
        raise RegardError(f"{budget}: it needs a learned map without keep, which is a budget itself")
    if projection.of == "bits" and type(gate).pricing is Gate.pricing:
        raise RegardError(f"{budget}: it needs a gate with a price; take attention='noise'")
    if projection.of in ("kept", "code") and (quantizer is None or not proposal.is_random):
        raise RegardError(f"{budget}: it needs anchors and a random map, such as attention='noise' with anchors=4")
    if projection.of == "kept" and not gate.pinned:
        raise RegardError(f"{budget}: it needs a gate that closes; take attention='mask' or 'noise'")


def _ideal_code_length(distribution: MapDistribution, anchors: Tensor) -> Float[Tensor, " B"]:
    """Expected code length, nats per map (B,), under the prior that fits these maps best: their own mean.

    The learned prior follows that one, but a uniform prior, its start, makes every map equally long.
    """
    assert distribution.std is not None, "a map that is not random has no code length"
    boundaries = midpoints(anchors.detach())
    with torch.no_grad():
        std = distribution.std.clamp(min=1e-6)
        above = torch.stack([torch.special.ndtr((distribution.mean - t) / std).mean() for t in boundaries])
        ends = torch.cat([above.new_ones(1), above, above.new_zeros(1)])
        log_prior = (ends[:-1] - ends[1:]).clamp(min=1e-9).log()
    return expected_code_length(distribution.mean, distribution.std, boundaries, log_prior)


def repeat_samples(features: Float[Tensor, "B C H W"], S: int) -> Float[Tensor, "SB C H W"]:
    """Features once per sample, sample-major."""
    return features if S == 1 else features.expand(S, *features.shape).flatten(0, 1)


def override_map(
    map_override: Float[Tensor, "... 1 h w"], shape: tuple[int, int, int, int]
) -> Float[Tensor, "S B 1 H W"]:
    """A map (1,h,w), (B,1,h,w) or (S,B,1,h,w), where S and B may be 1, for ``shape`` (S,B,H,W); float32.

    Raises:
        RegardError: a map of another shape.
    """
    S, B, H, W = shape
    maps = map_override[(None,) * (5 - map_override.ndim)]
    if maps.ndim != 5 or maps.shape[0] not in (1, S) or maps.shape[1] not in (1, B) or maps.shape[2] != 1:
        raise RegardError(
            f"map_override {tuple(map_override.shape)}: (1,h,w), ({B},1,h,w) or ({S},{B},1,h,w) was expected"
        )
    flat = Map(maps.flatten(0, 1).float(), "gate").resize((H, W)).values
    return flat.reshape(*maps.shape[:2], 1, H, W).expand(S, B, 1, H, W)
