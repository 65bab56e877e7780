"""Human maps: densities of fixations on a grid, as targets of alignment and as maps of a split's images.

Fixations -> Gaussian density at the image's size -> divided by its maximum -> averaged by area to the attention's grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.data import ClipSplit, FileSplit, Split, TensorSplit, move_points
from regard.gaze import blur
from regard.metrics import batch_masks
from regard.objectives import HumanMap, alignment_loss
from regard.training.recipe_model import AlignRecipe
from regard.types import AttentionOutput, Batch, Map, RegardError

_CHUNK = 32
"""Images whose densities are made at once."""


def human_map(
    fixations: Float[Tensor, "B p 2"], *, size: tuple[int, int], grid: tuple[int, int], sigma: float
) -> tuple[HumanMap, Bool[Tensor, " B"]]:
    """The human map (B,1,h,w) of each image with counts of fixations, zero for images without, and which have any (B,).

    Args:
        fixations: x, y in pixels of the image, NaN beyond an image's last.
        size: (H, W) of the image.
        grid: (h, w) of the attention's map. Counts are made there of scaled coordinates.
        sigma: of the density, pixels of the image.
    """
    is_fixation = ~fixations.isnan().any(-1)
    has_fixations = is_fixation.any(1)
    density = fixations.new_zeros(len(fixations), 1, *grid)
    if has_fixations.any():
        fine = blur(fixations[has_fixations], size=size, sigma=sigma)
        fine = (fine / fine.amax((-2, -1), keepdim=True)).to(density)
        density[has_fixations] = Map(fine, "relevance").resize(grid).values
    scale = fixations.new_tensor([grid[1] / size[1], grid[0] / size[0]])
    cell = (fixations.nan_to_num(0) * scale).long()
    place = cell[..., 1].clamp(max=grid[0] - 1) * grid[1] + cell[..., 0].clamp(max=grid[1] - 1)
    counts = fixations.new_zeros(len(fixations), grid[0] * grid[1]).scatter_add_(1, place, is_fixation.to(fixations))
    return HumanMap(density, counts.view(-1, 1, *grid)), has_fixations


def object_map(masks: Bool[Tensor, "B 1 H W"], *, grid: tuple[int, int]) -> tuple[HumanMap, Bool[Tensor, " B"]]:
    """The object in place of a human map: its share of each cell, its pixels as counts; and which images show one."""
    share = Map(masks.float(), "relevance").resize(grid).values
    pixels = masks.shape[-2] * masks.shape[-1] / (grid[0] * grid[1])
    return HumanMap(share, share * pixels), masks.flatten(1).any(1)


def fixations_of(split: Split) -> Float[Tensor, "N p 2"] | None:
    """Of all images, on the processor; None where the set has none."""
    fixations = split.fixations if isinstance(split, TensorSplit | FileSplit | ClipSplit) else None
    return None if fixations is None else fixations.cpu()


@dataclass(frozen=True, kw_only=True, eq=False)
class HumanMaps:
    """Human maps of a split's images on one grid, as the images lie or as augmentation moved them.

    Attributes:
        points: fixations of all images, x, y in pixels, NaN beyond an image's last.
        size: (H, W) of the images.
        grid: (h, w) of the maps.
        sigma: of a fixation's density, pixels.
    """

    points: Float[Tensor, "N p 2"]
    size: tuple[int, int]
    grid: tuple[int, int]
    sigma: float

    @property
    def has_fixations(self) -> Bool[Tensor, " N"]:
        """Which images have fixations."""
        return (~self.points.isnan().any(-1)).any(1)

    @cached_property
    def unmoved(self) -> Float[Tensor, "N 1 h w"]:
        """Of all images, as they lie; zero for images without fixations."""
        return torch.cat([self._maps(part)[0] for part in self.points.split(_CHUNK)])

    def of(self, batch: Batch) -> tuple[Float[Tensor, "B 1 h w"], Bool[Tensor, " B"]]:
        """Of a batch's images, and which of them have fixations (and still do, where a crop cut some away)."""
        index = batch.index.cpu()
        if batch.moved is None:
            maps, has_fixations = self.unmoved[index], self.has_fixations[index]
        else:
            maps, has_fixations = self._maps(move_points(self.points[index], batch.moved.cpu(), self.size))
        return maps.to(batch.index.device), has_fixations.to(batch.index.device)

    def _maps(self, points: Tensor) -> tuple[Tensor, Tensor]:
        target, has_fixations = human_map(points, size=self.size, grid=self.grid, sigma=self.sigma)
        return target.map, has_fixations


def align_batch(recipe: AlignRecipe, attention: Sequence[AttentionOutput], batch: Batch) -> Float[Tensor, ""]:
    """The alignment loss of one attended layer's mean map, over the images of a batch whose target is known.

    0, with a zero gradient, for a batch without fixations (or without objects).

    Raises:
        RegardError: the layer's map is no gate, there is no such layer, or no target.
    """
    if not -len(attention) <= recipe.layer < len(attention):
        raise RegardError(f"align.layer={recipe.layer}: {len(attention)} layers are attended")
    layer = attention[recipe.layer]
    if layer.unit != "gate":
        raise RegardError(f"align: the map is {layer.unit}, not a gate in [0,1]; take another model.attention")
    grid = (layer.mean.shape[-2], layer.mean.shape[-1])
    if recipe.target == "mask":
        masks = batch_masks(batch)
        if masks is None:
            raise RegardError("align.target=mask: the data set has neither masks nor boxes; take align.target gaze")
        target, known = object_map(masks, grid=grid)
    elif batch.fixations is None:
        raise RegardError("align.gaze=own: the data set comes without fixations; name one that has them")
    else:
        sigma = recipe.sigma * batch.size[1]
        target, known = human_map(batch.fixations, size=batch.size, grid=grid, sigma=sigma)
    return alignment_loss(recipe.loss, layer.mean, target, known.to(layer.mean.dtype))
