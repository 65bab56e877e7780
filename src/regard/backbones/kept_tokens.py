"""The tokens of a vision transformer that a map keeps: mask of keys, pooling, and dropping the rest.

An excluded token is no key for others and no part of the pooled token, so its own values are unused. Dropping it from
the sequence therefore saves time and changes no result: the kept tokens have the same keys, in the same order, and are
pooled to the same mean. In a batch the longest sequence decides and shorter ones are padded with
excluded tokens, which are masked as they would have been.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Num
from torch import Tensor


@dataclass(frozen=True)
class KeptTokens:
    """Which tokens of N sequences remain.

    Attributes:
        weights: of the patches (N,P), or of the whole sequence where it has been shortened: 1 where kept, 0 where
            excluded, with the map's own gradient where kept.
        clean: whether tokens in front of the patches (class token, registers) do not depend on excluded patches, so
            that they may stay; else they are excluded too.
        prefix: how many such tokens are part of ``weights``.
        padded: whether any of ``weights`` is zero; False saves the mask.
    """

    weights: Float[Tensor, "N P"]
    clean: bool
    prefix: int = 0
    padded: bool = True

    def over(self, length: int) -> Float[Tensor, "N n"]:
        """Weights of all ``length`` tokens of a sequence."""
        front = length - self.weights.shape[1]
        prefix = self.weights.new_full((self.weights.shape[0], front), float(self.clean))
        return torch.cat([prefix, self.weights], 1) if front else self.weights

    def key_mask(self, length: int) -> Num[Tensor, "N 1 1 n"] | None:
        """Mask for ``scaled_dot_product_attention``: booleans, or log weights where the map gets a gradient."""
        if not self.padded:
            return None
        weights = self.over(length)
        kept = weights.detach() > 0
        if weights.requires_grad:
            # log 1 is 0: the same values as with booleans, and d log w / dw is 1
            logs = torch.where(kept, weights, 1.0).log().masked_fill(~kept, -torch.inf)
            return logs[:, None, None]
        return kept[:, None, None]

    def drop(self, x: Float[Tensor, "N n C"]) -> tuple[Float[Tensor, "N m C"], KeptTokens]:
        """Only the kept tokens, in their order, padded to the longest sequence of the batch."""
        weights = self.over(x.shape[1])
        kept = weights.detach() > 0
        counts = kept.sum(1)
        longest = int(counts.max())
        prefix = x.shape[1] - self.weights.shape[1] if self.clean else 0
        rest = replace(self, prefix=prefix, padded=int(counts.min()) < longest)
        if longest == x.shape[1]:
            return x, replace(rest, weights=weights)
        order = kept.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :longest]
        return x.gather(1, order[..., None].expand(-1, -1, x.shape[2])), replace(rest, weights=weights.gather(1, order))

    def pool(self, x: Float[Tensor, "N n C"], tokens: int) -> Float[Tensor, "N tokens C"]:
        """The mean of the kept patches, repeated ``tokens`` times, so that a network may read any of them."""
        front = max(self.prefix, x.shape[1] - self.weights.shape[1])
        weights = self.over(x.shape[1])[:, front:].to(x.dtype)
        mean = torch.einsum("nt,ntc->nc", weights, x[:, front:]) / weights.sum(1, keepdim=True)
        return mean[:, None].expand(-1, tokens, -1)


def kept_patches(
    map_: Float[Tensor, "N P"], raw: Float[Tensor, "N P"], earlier: Float[Tensor, "N P"] | None = None
) -> Float[Tensor, "N P"]:
    """Weights of the patches that a map keeps: 1 where it is above zero, at least one per image.

    Where nothing is kept, the patch with the highest value before the quantizer (``raw``) is kept, its content closed
    by the gate, so that there is something to pool and the output does not depend on the image. What an earlier layer
    excluded, by its weights, stays excluded.
    """
    candidates = torch.ones_like(map_) if earlier is None else (earlier.detach() > 0).to(map_)
    kept = (map_.detach() > 0) & (candidates > 0)
    highest = raw.detach().masked_fill(candidates == 0, -torch.inf).argmax(1, keepdim=True)
    alone = torch.zeros_like(kept).scatter(1, highest, ~kept.any(1, keepdim=True))
    kept = (kept | alone).to(map_.dtype)
    weights = kept + kept * (map_ - map_.detach())
    return weights if earlier is None else weights * torch.where(kept > 0, earlier, 1.0)
