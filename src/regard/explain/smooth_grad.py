"""SmoothGrad (Smilkov et al. 2017): the gradient, averaged over noisy copies of the image.

    mean_k d f_t / d x (x + noise (max x - min x) eps_k),   eps_k ~ N(0,1)

Written here rather than through captum's NoiseTunnel because that draws anew for every image and chunk: here all images
meet the same eps_k, so that an image's map depends neither on the others in its batch nor on ``batch``.
"""

from __future__ import annotations

import torch

from regard.explain.chunks import sample_major
from regard.explain.gradients import Channels, over_channels
from regard.explain.question import Question
from regard.types import Map, RegardError


def smooth_grad(
    question: Question,
    *,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
    batch: int = 16,
    channels: Channels = "largest",
) -> Map:
    """The averaged gradient of the target's logit.

    Args:
        question: what is asked.
        samples: noisy copies an image.
        noise: standard deviation, as a share of the image's range.
        seed: of the noise.
        batch: images in one forward, at least one copy of all: bounds the memory.
        channels: as in `input_gradient`, taken of the average.
    """
    if samples < 1 or noise < 0:
        raise RegardError(f"samples={samples}, noise={noise}: at least one sample and no negative noise")
    images, target = question.images, question.classes
    span = images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True)
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(images)
    for count in sample_major(samples, len(images), batch):
        # one draw an image's copy, so that the chunks do not change the numbers
        eps = torch.stack([torch.randn(images.shape[1:], generator=generator) for _ in range(count)]).to(images)
        noisy = (images + noise * span * eps[:, None]).flatten(0, 1).requires_grad_()
        logits = question.linked_logits(noisy).gather(1, target.repeat(count)[:, None])
        (gradient,) = torch.autograd.grad(logits.sum(), noisy)
        total += gradient.unflatten(0, (count, -1)).sum(0)
    return over_channels(total / samples, channels)
