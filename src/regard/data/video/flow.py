"""Optical flow between the frames of a clip, by OpenCV, as signed bytes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Int8, UInt8
from torch import Tensor

from regard.data.video.extra import opencv

VERSION = 1
"""Of the numbers that come out; part of every cache's key."""
REACH = 1 / 12
"""The fastest motion that is kept, pixels a frame as a share of the frame's longer side; faster ones count as that."""
_PYRAMID, _LEVELS, _ITERATIONS, _NEIGHBOURS, _SIGMA, _GAUSSIAN = 0.5, 3, 3, 5, 1.1, 0
_WINDOW = 11


def optical_flow(frames: UInt8[np.ndarray, "T H W 3"]) -> Int8[Tensor, "T2 H W"]:
    """Flow of consecutive frames (2(T-1),H,W): x (right), then y (down) of each step, by Farneback's polynomials.

    A value v says v/127 of ``REACH`` times the longer side, in pixels a frame; 0 is rest, and -128 does not occur, so
    that a mirrored clip has the same flow with another sign. Where a pixel of the first of two frames has gone to is
    said at its place in the first. G. Farneback: Two-Frame Motion Estimation Based on Polynomial Expansion, SCIA 2003.
    """
    cv2 = opencv()
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    fastest = REACH * max(frames.shape[1:3])
    steps = []
    for before, after in pairwise(grey):
        moved = cv2.calcOpticalFlowFarneback(
            before, after, None, _PYRAMID, _LEVELS, _WINDOW, _ITERATIONS, _NEIGHBOURS, _SIGMA, _GAUSSIAN
        )
        steps.append(np.clip(np.rint(moved * (127 / fastest)), -127, 127).astype(np.int8).transpose(2, 0, 1))
    return torch.from_numpy(np.concatenate(steps))
