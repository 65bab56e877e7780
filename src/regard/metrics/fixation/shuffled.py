"""Shuffled AUC: fixated pixels against those that people fixated on other images."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from regard.metrics.fixation.inputs import Convention, Maps, Points, check_convention, check_maps, dot, pixels, wide
from regard.metrics.fixation.order import fixated_codes
from regard.metrics.fixation.sampled import sauc_sampled
from regard.types import RegardError


def sauc(
    maps: Maps,
    fixations: Points,
    others: Maps,
    *,
    own_included: bool = True,
    convention: Convention = "tuebingen",
    seed: tuple[int, ...] = (0,),
) -> Float[Tensor, " B"]:
    """Shuffled AUC: fixations of the image against those of other images.

    What only says "people look at the centre" scores .5. ``tuebingen``: all fixations of all other images, at the same
    relative position, midranks for ties, exact, without sampling. ``mit``: a hundred samples of the pixels fixated on
    ten other images (`regard.gaze.ten_others` chooses them), at eleven thresholds; see `sauc_sampled`.

    Args:
        maps: (B,1,h,w).
        fixations: (B,n,2).
        others: (1 or B,1,h,w) how many fixations fell on each pixel, over all images of the set scaled to this grid
            (`regard.gaze.fixation_counts`); whole numbers.
        own_included: whether ``others`` holds this image's fixations too; they are then taken out.
        convention: see above.
        seed: of ``mit``'s samples, with the image's place in the batch.

    Returns:
        (B,), NaN without fixations or without others; for ``mit`` also for a constant map.
    """
    check_convention(convention)
    if convention == "mit":
        maps = check_maps(maps.detach())
        index, known = pixels(maps, fixations)
        check_others(others, index, known, own_included, maps.shape[-2] * maps.shape[-1])
        return sauc_sampled(maps, index, known, others, own_included, seed)
    code, index, known = fixated_codes(maps, fixations)
    check_others(others, index, known, own_included, code.shape[1])
    return shuffled_area(code, index, known, others, own_included)


def shuffled_area(code: Tensor, index: Tensor, known: Tensor, others: Maps, own_included: bool) -> Float[Tensor, " B"]:
    """Sum of codes weighted by the other images' fixations: by all counts, less the codes of the image's own."""
    total, standing = wide(others).flatten(1), wide(code)
    ranks = standing @ total[0] if len(total) == 1 else dot(standing, total)
    weight = total.sum(1)
    if own_included:
        ranks = ranks - (code.gather(1, index) * known).sum(1)
        weight = weight - known.sum(1)
    return 1 - ranks / (2 * wide(known.sum(1)) * weight)


def check_others(others: Maps, index: Tensor, known: Tensor, own_included: bool, hw: int) -> None:
    """Raise unless ``others`` are counts on a grid of ``hw`` pixels, the image's own among them if they should be."""
    if others.ndim != 4 or len(others) not in (1, len(index)) or others.shape[-2] * others.shape[-1] != hw:
        raise RegardError(
            f"others must be counts (1 or {len(index)},1,h,w) on the maps' grid, not {tuple(others.shape)}"
        )
    if own_included and (others.flatten(1).expand(len(index), -1).gather(1, index) < known.int()).any():
        raise RegardError("others lacks fixations of the image itself: pass own_included=False if they are left out")
