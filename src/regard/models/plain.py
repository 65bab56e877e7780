"""A model of regard as what other libraries take: a module from images to one tensor of logits.

captum, ``torch.export``, ``torch.compile``, counters of operations, hooks for class activation maps and trainers all
expect a module that returns a tensor, where models of regard return logits, maps and latents by name.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.models.prediction import Samples, averaged_logits
from regard.types import ModelOutput, RegardError


class PlainModel(nn.Module):
    """Images (B,C,H,W) in [0,1] -> logits (B,n) of a classifier, (B,1,H,W) of a segmenter.

    It has the model's parameters and changes nothing in them. In evaluation it takes the prediction that the model
    declares, in training one random map; of several samples the logits are those of the averaged probabilities.

    Attributes:
        model: the model of regard, with its maps and latents.

    Args:
        model: an AttentiveClassifier, a Segmenter, or a TwoStream, which also takes flow.
        samples: of every call, as in the model's ``forward``.
    """

    def __init__(self, model: nn.Module, samples: int | Samples | None = None) -> None:
        super().__init__()
        self.model, self.samples = model, samples
        self.training = model.training

    def forward(
        self, images: Float[Tensor, "B C H W"], flow: Float[Tensor, "B F H W"] | None = None
    ) -> Float[Tensor, "B ..."]:
        """Logits; ``flow`` (B,2L,H,W) is the second input of a two-stream network.

        Raises:
            RegardError: while a graph is exported, a ``prediction`` whose noise is seeded by the image.
        """
        if torch.compiler.is_exporting():
            check_exportable(self.model, self.samples)
        inputs = {} if flow is None else {"flow": flow}
        output = self.model(images, samples=self.samples, **inputs)
        average = output.average if isinstance(output, ModelOutput) else "probabilities"
        if average == "logits":
            return output.logits.mean(0)
        return averaged_logits(output.logits, independent=not isinstance(output, ModelOutput) or self._independent)

    @property
    def _independent(self) -> bool:
        return bool(getattr(self.model, "multi_label", False))


def check_exportable(model: nn.Module, samples: int | Samples | None = None) -> None:
    """Raises RegardError where a forward does what no graph can: draw noise from the image's pixels."""
    seeded: Any = samples is None and getattr(model, "prediction", "mean") != "mean" and not model.training
    if seeded or (isinstance(samples, Samples) and samples.by_image):
        raise RegardError(
            "export: prediction='seeded' draws noise from the image's pixels, which a graph cannot; set "
            "model.prediction = 'mean' to export the mean, whose predictions differ"
        )
