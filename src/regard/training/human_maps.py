"""Human maps: densities of fixations on a grid, as targets of alignment and as maps of a split's images.

Fixations -> Gaussian density at the image's size -> divided by its maximum -> averaged by area to the attention's grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.data import ClipSplit, FileSplit, Split, TensorSplit, move_points
from regard.gaze import blur
from regard.metrics import batch_masks
from regard.objectives import HumanMap, alignment_loss
from regard.training.recipe import AlignRecipe
from regard.types import AttentionOutput, Batch, Map, RegardError

_CHUNK = 32
"""Images whose densities are made at once."""


def human_map(
    fixations: Float[Tensor, "B p 2"], *, size: tuple[int, int], grid: tuple[int, int], sigma: float
) -> tuple[HumanMap, Bool[Tensor, " B"]]:
    """The human map of each image, and how often each cell was fixated.

    Args:
        fixations: x, y in pixels of the image, NaN beyond an image's last.
        size: (H, W) of the image.
        grid: (h, w) of the attention's map. Counts are made there of scaled coordinates.
        sigma: of the density, pixels of the image.

    Returns:
        The map and counts, zero for images without fixations, and which images have any (B,).
    """
    is_fixation = ~fixations.isnan().any(-1)
    looked = is_fixation.any(1)
    density = fixations.new_zeros(len(fixations), 1, *grid)
    if looked.any():
        fine = blur(fixations[looked], size=size, sigma=sigma)
        fine = (fine / fine.amax((-2, -1), keepdim=True)).to(density)
        density[looked] = Map(fine, "relevance").resize(grid).values
    scale = fixations.new_tensor([grid[1] / size[1], grid[0] / size[0]])
    cell = (fixations.nan_to_num(0) * scale).long()
    place = cell[..., 1].clamp(max=grid[0] - 1) * grid[1] + cell[..., 0].clamp(max=grid[1] - 1)
    counts = fixations.new_zeros(len(fixations), grid[0] * grid[1]).scatter_add_(1, place, is_fixation.to(fixations))
    return HumanMap(density, counts.view(-1, 1, *grid)), looked


def object_map(masks: Bool[Tensor, "B 1 H W"], *, grid: tuple[int, int]) -> tuple[HumanMap, Bool[Tensor, " B"]]:
    """The object in place of a human map: its share of each cell, and for counts its pixels there.

    Args:
        masks: of the objects.
        grid: (h, w) of the attention's map.

    Returns:
        The map and counts, and which images show an object (B,).
    """
    share = Map(masks.float(), "relevance").resize(grid).values
    pixels = masks.shape[-2] * masks.shape[-1] / (grid[0] * grid[1])
    return HumanMap(share, share * pixels), masks.flatten(1).any(1)


def fixations_of(split: Split) -> Float[Tensor, "N p 2"] | None:
    """Of all images, on the processor; None where the set has none."""
    fixations = split.fixations if isinstance(split, TensorSplit | FileSplit | ClipSplit) else None
    return None if fixations is None else fixations.cpu()


class HumanMaps:
    """Human maps of a split's images on one grid, as the images lie or as augmentation moved them.

    Args:
        points: fixations of all images (N,n,2), x, y in pixels, NaN beyond an image's last.
        size: (H, W) of the images.
        grid: (h, w) of the maps.
        sigma: of a fixation's density, pixels.
    """

    def __init__(
        self, points: Float[Tensor, "N p 2"], *, size: tuple[int, int], grid: tuple[int, int], sigma: float
    ) -> None:
        self.points, self.size, self.grid, self.sigma = points, size, grid, sigma

    @property
    def looked(self) -> Bool[Tensor, " N"]:
        """Which images have fixations."""
        return (~self.points.isnan().any(-1)).any(1)

    @cached_property
    def still(self) -> Float[Tensor, "N 1 h w"]:
        """Of all images, as they lie; zero for images without fixations."""
        return torch.cat([self._maps(part)[0] for part in self.points.split(_CHUNK)])

    def of(self, batch: Batch) -> tuple[Float[Tensor, "B 1 h w"], Bool[Tensor, " B"]]:
        """Of a batch's images, and which of them have fixations (and still do, where a crop cut some away)."""
        index = batch.index.cpu()
        if batch.moved is None:
            maps, looked = self.unmoved(index)
        else:
            maps, looked = self._maps(move_points(self.points[index], batch.moved.cpu(), self.size))
        return maps.to(batch.index.device), looked.to(batch.index.device)

    def unmoved(self, index: Int[Tensor, " B"]) -> tuple[Float[Tensor, "B 1 h w"], Bool[Tensor, " B"]]:
        """As `of`, whatever augmentation did."""
        return self.still[index], self.looked[index]

    def _maps(self, points: Tensor) -> tuple[Tensor, Tensor]:
        target, looked = human_map(points, size=self.size, grid=self.grid, sigma=self.sigma)
        return target.map, looked


class Alignment:
    """The alignment loss of one attended layer's mean map, over the images of a batch whose target is known.

    Args:
        recipe: which target, loss and layer, and how wide a fixation is.
    """

    def __init__(self, recipe: AlignRecipe) -> None:
        self.recipe = recipe

    def __call__(self, attention: Sequence[AttentionOutput], batch: Batch) -> Float[Tensor, ""]:
        """The loss; 0, with a zero gradient, for a batch without fixations (or without objects).

        Raises:
            RegardError: the layer's map is no gate, or there is no such layer.
        """
        if not -len(attention) <= self.recipe.layer < len(attention):
            raise RegardError(f"align.layer={self.recipe.layer}: {len(attention)} layers are attended")
        layer = attention[self.recipe.layer]
        if layer.unit != "gate":
            raise RegardError(f"align: the map is {layer.unit}, not a gate in [0,1]; take another model.attention")
        target, known = self._target(batch, (layer.mean.shape[-2], layer.mean.shape[-1]))
        return alignment_loss(self.recipe.loss, layer.mean, target, known.to(layer.mean.dtype))

    def _target(self, batch: Batch, grid: tuple[int, int]) -> tuple[HumanMap, Bool[Tensor, " B"]]:
        if self.recipe.target == "mask":
            masks = batch_masks(batch)
            if masks is None:
                raise RegardError("align.target=mask: the data set has neither masks nor boxes; take align.target gaze")
            return object_map(masks, grid=grid)
        if batch.fixations is None:
            raise RegardError("align.gaze=own: the data set comes without fixations; name one that has them")
        return human_map(batch.fixations, size=batch.size, grid=grid, sigma=self.recipe.sigma * batch.size[1])
