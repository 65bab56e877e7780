"""Attention drawn towards where people look, or to the object, while the task is learned."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor

from regard.gaze import blur
from regard.metrics import batch_masks
from regard.objectives import HumanMap, alignment_loss
from regard.training.recipe import AlignRecipe
from regard.types import AttentionOutput, Batch, Map, RegardError


class Alignment:
    """The alignment loss of one attended layer's mean map, over the images of a batch whose target is known.

    Args:
        recipe: on what, which loss, which layer, how wide a fixation is.
    """

    def __init__(self, recipe: AlignRecipe) -> None:
        self.recipe = recipe

    def __call__(self, attention: Sequence[AttentionOutput], batch: Batch) -> Float[Tensor, ""]:
        """0, with a zero gradient, for a batch whose images nobody looked at (or that show no object).

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


def object_map(masks: Bool[Tensor, "B 1 H W"], *, grid: tuple[int, int]) -> tuple[HumanMap, Bool[Tensor, " B"]]:
    """The object in the place of a human map: its share of each cell, and for counts its pixels there.

    Args:
        masks: of the objects.
        grid: (h, w) of the attention's map.

    Returns:
        The map and counts, and which images show an object (B,).
    """
    share = Map(masks.float(), "relevance").resize(grid).values
    pixels = masks.shape[-2] * masks.shape[-1] / (grid[0] * grid[1])
    return HumanMap(share, share * pixels), masks.flatten(1).any(1)


def human_map(
    fixations: Float[Tensor, "B p 2"], *, size: tuple[int, int], grid: tuple[int, int], sigma: float
) -> tuple[HumanMap, Bool[Tensor, " B"]]:
    """Fixations -> Gaussian density at the image's size -> divided by its maximum -> averaged by area to the grid.

    Args:
        fixations: x, y in pixels of the image, NaN beyond an image's last.
        size: (H, W) of the image.
        grid: (h, w) of the attention's map. Counts are made there of scaled coordinates.
        sigma: of the density, pixels of the image.

    Returns:
        The map and counts, zero for images without fixations, and which images have any (B,).
    """
    known = ~fixations.isnan().any(-1)
    looked = known.any(1)
    own = fixations[looked]
    density = fixations.new_zeros(len(fixations), 1, *grid)
    if len(own):
        found = blur(own, size=size, sigma=sigma)
        found = (found / found.amax((-2, -1), keepdim=True)).to(density)
        density[looked] = Map(found, "relevance").resize(grid).values
    scale = fixations.new_tensor([grid[1] / size[1], grid[0] / size[0]])
    cell = (fixations.nan_to_num(0) * scale).long()
    place = cell[..., 1].clamp(max=grid[0] - 1) * grid[1] + cell[..., 0].clamp(max=grid[1] - 1)
    counts = fixations.new_zeros(len(fixations), grid[0] * grid[1]).scatter_add_(1, place, known.to(fixations))
    return HumanMap(density, counts.view(-1, 1, *grid)), looked
