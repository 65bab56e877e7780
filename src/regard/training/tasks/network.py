"""A recipe's network as arguments: what the networks of all tasks take, and what those take besides that say a label.

Not here: what one task's network alone takes (that task's own file).
"""

from __future__ import annotations

from typing import Any

from regard.data import DataSplits
from regard.training.recipe import ModelRecipe
from regard.types import Batch


def network_arguments(model: ModelRecipe, data: DataSplits, first: Batch) -> dict[str, Any]:
    """What sees, where it attends, and the images that it sees, with the data's normalisation unless pretrained.

    Args:
        model: part of the recipe.
        data: whose normalisation it is.
        first: a batch of the images, whose size they all have.
    """
    own_statistics = (tuple(data.mean.tolist()), tuple(data.std.tolist()))
    return {
        "backbone": model.backbone,
        "backbone_options": model.backbone_options,
        "pretrained": model.pretrained,
        "at": model.at if model.attention else None,
        "attention": model.attention,
        "anchors": model.anchors,
        "attention_options": model.attention_options,
        "input_size": tuple(first.images.shape[1:]),
        "normalize": None if model.pretrained else own_statistics,
    }


def label_arguments(model: ModelRecipe, data: DataSplits) -> dict[str, Any]:
    """Which labels there are, one or several an item, and the latent that they are read from."""
    return {
        "num_classes": len(data.classes),
        "multi_label": data.train.labels.ndim == 2,
        "latent": model.latent,
        "decoder": model.decoder,
        "kl": model.kl,
        "prior": model.prior,
    }
