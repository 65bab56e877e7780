"""Transforms of a user: a function, a class with options, and some that do not work."""

import random
from typing import Any

import numpy as np
import torch


def darker(sample: dict[str, Any]) -> dict[str, Any]:
    return sample | {"image": sample["image"] // 2}


class Noise:
    """Draws from all three generators."""

    def __init__(self, size: float = 0.1, kind: str = "torch") -> None:
        self.size, self.kind = size, kind

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        draws = {"torch": lambda: float(torch.rand(())), "numpy": np.random.rand, "python": random.random}
        return sample | {"image": sample["image"].float() / 255 * 0 + self.size * draws[self.kind]()}


def smaller(sample: dict[str, Any]) -> dict[str, Any]:
    return sample | {"image": sample["image"][:, 1:]}


def image_alone(sample: dict[str, Any]) -> Any:
    return sample["image"]


def forgetful(sample: dict[str, Any]) -> Any:
    return {"image": sample["image"]}


def broken(sample: dict[str, Any]) -> Any:
    raise ZeroDivisionError("no luck")


NOT_CALLABLE = 5
