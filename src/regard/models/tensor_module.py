"""Any module as one from images to a tensor of logits."""

from __future__ import annotations

from torch import nn

from regard.models.prediction import Samples
from regard.models.sharing import Shareable


def as_tensor_module(model: nn.Module, samples: int | Samples | None = None) -> nn.Module:
    """A module from images to one tensor of logits, for captum, ``torch.export``, trainers and others.

    >>> import torch
    >>> from regard.models import AttentiveClassifier
    >>> model = AttentiveClassifier("resnet10t", 10, at="layer3", attention="noise", input_size=(64, 64)).eval()
    >>> as_tensor_module(model)(torch.rand(2, 3, 64, 64)).shape
    torch.Size([2, 10])

    Args:
        model: a model of regard (``model.plain()`` is the same), or any module, which is returned as it is: one with
            ``regard.attach`` returns what it returned before.
        samples: of every call of a model of regard, as in its ``forward``; by default one random map in training and
            the declared prediction in evaluation.

    Returns:
        `PlainModel`: logits (B,n), of a segmenter (B,1,H,W), averaged over samples: softmax and sigmoid of them are
        the mean probabilities, as ``predict`` returns them.
    """
    return model.plain(samples) if isinstance(model, Shareable) else model
