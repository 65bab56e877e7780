"""Occlusion (Zeiler and Fergus 2014), through captum: what is lost when a window is covered."""

from __future__ import annotations

import torch
from captum.attr import Occlusion

from regard.explain.backdrop import Baseline, backdrop
from regard.explain.question import Question, Score
from regard.types import Map, RegardError


def occlusion(
    question: Question,
    *,
    window: int | None = None,
    stride: int | None = None,
    baseline: Baseline = "mean",
    score: Score = "logit",
    batch: int = 64,
) -> Map:
    """Score of the image less that with a window covered, averaged over the windows that cover a pixel.

    Args:
        question: what is asked.
        window: its side in pixels; by default an eighth of the image's shorter side.
        stride: pixels between windows; by default half a window.
        baseline: what covers: the image's mean colour, a value (0 is black), or images.
        score: the target's ``logit`` or ``probability``.
        batch: images in one forward, at least one window of all: bounds the memory.
    """
    images = question.images
    _, C, H, W = images.shape
    side = max(min(H, W) // 8, 1) if window is None else window
    step = max(side // 2, 1) if stride is None else stride
    if not 1 <= side <= min(H, W) or not 1 <= step <= side:
        raise RegardError(
            f"window={side}, stride={step}: a window inside {H}x{W} and a stride of at most the window are needed, "
            "so that every pixel is covered"
        )
    losses = Occlusion(lambda x: question.scores(x, score)).attribute(
        images,
        sliding_window_shapes=(C, side, side),
        strides=(C, step, step),
        baselines=backdrop(images, baseline),
        target=question.classes,
        perturbations_per_eval=max(batch // len(images), 1),
    )
    # one window covers all channels, so they all say the same
    return Map(torch.as_tensor(losses)[:, :1].detach(), "relevance")
