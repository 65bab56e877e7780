"""The explanation methods of regard that are ranked in every world, on the network that holds one image's map."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from regard.explain import ZeroMapWarning, explain
from regard.truth.network import Held
from regard.types import RegardError

EXPLAINERS: Mapping[str, Mapping[str, Any]] = {
    "grad_cam": {},
    "grad_cam_pp": {},
    "hires_cam": {},
    "layer_cam": {},
    "input_gradient": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 20},
    "smooth_grad": {"samples": 20},
    "occlusion": {},
    "rise": {"samples": 128},
    "iba": {"samples": 5},
}
"""Method -> its options. Those of transformers do not apply; ``attention`` is the held map, which tells no order."""


def explained_map(held: Held, image: Float[Tensor, "C H W"], target: int, method: str) -> Float[Tensor, "1 1 H W"]:
    """The map of a method for a class, on the image's grid.

    Raises:
        RegardError: the method is not in `EXPLAINERS`.
    """
    if method not in EXPLAINERS:
        raise RegardError(f"method {method!r} is not ranked in worlds; one of {', '.join(EXPLAINERS)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZeroMapWarning)
        map = explain(held, image[None], method, target=torch.tensor([target]), **EXPLAINERS[method])
    return map.resize((image.shape[1], image.shape[2])).values.detach().float()
