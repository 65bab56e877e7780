"""Late fusion: several streams' predictions averaged, and what each of them let through put together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from regard.types import LatentOutput, ModelOutput


@dataclass(frozen=True)
class TwoStreamOutput(ModelOutput):
    """What a two-stream network returns: the logits are those of the averaged probabilities.

    Attributes:
        streams: each stream's own logits (S,B,n), in the order of its layers' attention.
    """

    streams: tuple[Float[Tensor, "S B n"], ...] = ()


def fused_logits(streams: Sequence[Float[Tensor, "_ B n"]], multi_label: bool) -> Float[Tensor, "S B n"]:
    """Logits whose probabilities are the mean of the streams', sample by sample.

    softmax(log mean_k p_k) = mean_k p_k; with independent labels the same of p and 1 - p, in logarithms throughout.
    """
    most = max(len(logits) for logits in streams)
    whole = torch.stack([logits.float().expand(most, -1, -1) for logits in streams])
    if not multi_label:
        return whole.log_softmax(-1).logsumexp(0) - math.log(len(streams))
    return F.logsigmoid(whole).logsumexp(0) - F.logsigmoid(-whole).logsumexp(0)


def fused(outputs: Sequence[ModelOutput], multi_label: bool) -> TwoStreamOutput:
    """One output of all streams': attended layers one stream after the other, latents side by side."""
    return TwoStreamOutput(
        logits=fused_logits([output.logits for output in outputs], multi_label),
        attention=tuple(layer for output in outputs for layer in output.attention),
        latent=_side_by_side([output.latent for output in outputs if output.latent is not None]),
        streams=tuple(output.logits for output in outputs),
    )


def _side_by_side(latents: Sequence[LatentOutput]) -> LatentOutput | None:
    """One latent of all dimensions; independent given the clip, so that its exact rate is the sum."""
    if not latents:
        return None
    return LatentOutput(
        z=torch.cat([latent.z for latent in latents], 1),
        mean=torch.cat([latent.mean for latent in latents], 1),
        std=torch.cat([latent.std for latent in latents], 1),
        rate=torch.stack([latent.rate for latent in latents]).sum(0),
        penalty=torch.stack([latent.penalty for latent in latents]).sum(0),
    )
