"""Maps of known worth: the truth, the same degraded by known doses, and maps that know nothing of network or image.

Every map of an image has exactly the values of its truth, only at other places (`controls.rank_matched`), so that
neither sparseness nor scale tells maps apart. A *ladder* is the truth and four worse maps:

noise      the truth plus d of smooth noise       center   plus d of a Gaussian in the middle
other      plus d of another image's truth        edges    plus d of an edge detector
patches    d of the patches that were bought lose their value to patches that were not
shift      moved by d of half the side            blur     blurred, standard deviation d of a quarter of the side

"plus d": (1 - d) truth + d other, each at standard deviation 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.metrics import controls, gaussian_blur
from regard.types import Map

LADDER_DOSES = (0.1, 0.3, 0.6, 1.0)
LADDERS = ("noise", "other", "center", "edges", "patches", "shift", "blur")
KNOWS_NOTHING = {"noise_0": 0.0, "noise_1": 1.0, "noise_2": 2.0, "noise_4": 4.0}
"""Name -> standard deviation, in pixels, of the blur of maps of noise, which are drawn without image or network."""
CONTROLS = ("other", "center", "edges")
"""Ladders whose last map does not depend on the network, but may agree with it for other reasons."""
FLOOR = "floor:"
"""In front of a map's name: its values rearranged at random, equally smooth (`controls.random_like`)."""
TRUTH = "truth"


@dataclass(frozen=True)
class TrueMap:
    """The true relevance of one image.

    Attributes:
        patches: Shapley values (h,w), 0 where nothing was bought.
        bought: (h,w).
    """

    patches: Float[Tensor, "h w"]
    bought: Bool[Tensor, "h w"]

    def pixels(self, size: tuple[int, int]) -> Float[Tensor, "1 1 H W"]:
        """The same for every pixel: a patch has one value everywhere."""
        h, w = self.patches.shape
        return self.patches.repeat_interleave(size[0] // h, 0).repeat_interleave(size[1] // w, 1)[None, None]


def dosed(ladder: str, dose: float) -> str:
    """The name of a ladder's map."""
    return f"{ladder} {dose:g}"


def ladder_names(ladder: str) -> tuple[str, ...]:
    """Names of a ladder's maps, the truth first."""
    return (TRUTH, *(dosed(ladder, dose) for dose in LADDER_DOSES))


def map_names() -> tuple[str, ...]:
    """Names of all maps that `graded_maps` makes, in its order."""
    controls_ = [dosed(ladder, 1.0) for ladder in CONTROLS]
    floors = [FLOOR + name for name in (TRUTH, *KNOWS_NOTHING, *controls_)]
    return (TRUTH, *(dosed(ladder, dose) for ladder in LADDERS for dose in LADDER_DOSES), *KNOWS_NOTHING, *floors)


def graded_maps(
    truth: TrueMap, other: TrueMap, image: Float[Tensor, "C H W"], *, index: int, seed: int
) -> Float[Tensor, "M 1 H W"]:
    """The maps of `map_names` for one image.

    Args:
        truth: of the image.
        other: of another image.
        image: for the edge detector.
        index: of the image, which with the seed decides all that is random.
        seed: see index.
    """
    size = (image.shape[1], image.shape[2])
    exact, number = truth.pixels(size), torch.tensor([index])
    maps = {TRUTH: exact}
    patch = size[0] // truth.patches.shape[0]
    mixed = {
        "noise": controls.blurred_noise(size, float(patch), index=number, seed=seed).values,
        "other": other.pixels(size),
        "center": controls.center_map(1, size).values,
        "edges": edge_map(image)[None],
    }

    def placed(order: Tensor) -> Tensor:
        return controls.rank_matched(order, exact, index=number, seed=seed)

    for ladder in LADDERS:
        for dose in LADDER_DOSES:
            if ladder in mixed:
                order = (1 - dose) * _standard(exact) + dose * _standard(mixed[ladder])
            elif ladder == "patches":
                order = TrueMap(moved_patches(truth, dose, index=index, seed=seed), truth.bought).pixels(size)
            elif ladder == "shift":
                order = exact.roll((round(dose * size[0] / 2), round(dose * size[1] / 2)), (2, 3))
            else:
                order = gaussian_blur(exact, dose * size[0] / 4)
            maps[dosed(ladder, dose)] = placed(order)
    for k, (name, sigma) in enumerate(KNOWS_NOTHING.items()):
        maps[name] = placed(controls.blurred_noise(size, sigma, index=number, seed=seed + 101 + k).values)
    for k, name in enumerate(name for name in map_names() if name.startswith(FLOOR)):
        own = Map(maps[name.removeprefix(FLOOR)], "relevance")
        maps[name] = controls.random_like(own, index=number, seed=seed + 201 + k).values
    return torch.cat([maps[name] for name in map_names()])


def moved_patches(truth: TrueMap, dose: float, *, index: int, seed: int) -> Float[Tensor, "h w"]:
    """The truth with a share of the bought patches' values moved to patches that were not bought.

    Which patches is drawn once for an image, so that a higher dose moves all that a lower one does.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
    values, bought = truth.patches.flatten().clone(), truth.bought.flatten()
    inside, outside = bought.nonzero()[:, 0], (~bought).nonzero()[:, 0]
    inside = inside[torch.randperm(len(inside), generator=generator)]
    outside = outside[torch.randperm(len(outside), generator=generator)]
    count = min(max(1, round(dose * len(inside))), len(outside))
    values[outside[:count]] = values[inside[:count]]
    values[inside[:count]] = 0
    return values.view_as(truth.patches)


def edge_map(image: Float[Tensor, "C H W"]) -> Float[Tensor, "1 H W"]:
    """Strength of the grey image's gradient, smoothed by a Gaussian of one pixel."""
    y, x = torch.gradient(gaussian_blur(image.mean(0)[None, None], 1.0)[0, 0])
    return gaussian_blur((y.square() + x.square()).sqrt()[None, None], 1.0)[0]


def _standard(values: Tensor) -> Tensor:
    return (values - values.mean()) / values.std().clamp_min(1e-12)
