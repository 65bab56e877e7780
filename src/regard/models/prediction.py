"""How a model predicts: what is random in a forward, and the path that a model declares as its prediction.

    mean     no noise: the mean map, the mean latent
    seeded   one sampled map with the gate's noise, the mean latent; the noise is a function of the image

Both are deterministic per image. Behind a noise gate the mean path has features of less variance than any that the
network learned from; the seeded path has those that it learned from. `Samples` chooses anything between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from regard.types import RegardError

PredictionPath = Literal["mean", "seeded"]


@dataclass(frozen=True)
class Samples:
    """What is random in one forward.

    Raises:
        RegardError: negative numbers, or two different ones above 1.
    """

    gate: int = 0
    """Random maps per image, each with noise of the gate; 0: the mean map, without noise."""
    latent: int = 0
    """Random latents per image; 0: the mean. As many as maps: one for each; else maps or latents are repeated."""
    by_image: bool = False
    """Whether the noise is a function of the image's pixels, and not of the global generator."""

    def __post_init__(self) -> None:
        if min(self.gate, self.latent) < 0 or (min(self.gate, self.latent) > 1 and self.gate != self.latent):
            raise RegardError(
                f"samples: {self.gate} maps and {self.latent} latents; 0 is the mean, n >= 1 draws n; as many of both, "
                "or 0 or 1 of either"
            )

    @property
    def count(self) -> int:
        """S of the outputs (S,B,...)."""
        return max(self.gate, self.latent, 1)


PATHS: Mapping[PredictionPath, Samples] = {"mean": Samples(), "seeded": Samples(gate=1, by_image=True)}
"""``prediction`` -> what is random in it."""
PATH_MEANINGS: Mapping[PredictionPath, str] = {
    "mean": "the mean map and latent, without noise",
    "seeded": "one sampled map and the mean latent, noise seeded by the image",
}
"""``prediction`` -> what it is, for people."""


def check_prediction(prediction: str) -> None:
    """Raises RegardError for a path that is none."""
    if prediction not in PATHS:
        raise RegardError(f"prediction={prediction!r}: one of {', '.join(get_args(PredictionPath))}")


def samples_of(samples: int | Samples | None, prediction: PredictionPath, *, training: bool) -> Samples:
    """What a forward draws.

    Args:
        samples: as a caller gave it. A number n is n maps with one latent each; 0 the mean of both. None is one of
            each in training, and the declared path in evaluation.
        prediction: the declared path.
        training: the model's mode.

    Raises:
        RegardError: a negative number.
    """
    if isinstance(samples, Samples):
        return samples
    if samples is None and not training:
        return PATHS[prediction]
    number = 1 if samples is None else samples
    return Samples(number, number)


def averaged_logits(logits: Float[Tensor, "K B ..."], *, independent: bool) -> Float[Tensor, "B ..."]:
    """Logits whose probabilities are the mean of the K sets' probabilities.

    softmax(log mean_k p_k) = mean_k p_k; with independent classes the same of p and 1 - p, in logarithms throughout.

    >>> import torch
    >>> two = torch.tensor([[[4.0, 0.0]], [[0.0, 0.0]]])
    >>> mean = two.softmax(-1).mean(0)
    >>> torch.allclose(averaged_logits(two, independent=False).softmax(-1), mean)
    True

    Args:
        logits: of the K samples or streams; classes in the last dimension. One set is returned as it is.
        independent: probabilities are sigmoids, as they always are of a single class.
    """
    if len(logits) == 1:
        return logits[0]
    logits = logits.float()
    if not independent and logits.shape[-1] > 1:
        return logits.log_softmax(-1).logsumexp(0) - math.log(len(logits))
    return F.logsigmoid(logits).logsumexp(0) - F.logsigmoid(-logits).logsumexp(0)
