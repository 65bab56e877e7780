"""Maps that replace those of attended layers, in training and at test: the arms of the study that learn no map.

A map is a function of (seed, split, image) and of how augmentation moved the image, nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import SpatialAttention
from regard.backbones import attended, eval_mode
from regard.data import DataSplits, Split, SplitExtension, shuffle_gaze, uniforms
from regard.metrics import batch_masks, rank_matched
from regard.training.build import open_gaze
from regard.training.forward import forward_batch
from regard.training.human_maps import HumanMaps, fixations_of, object_map
from regard.training.noise_maps import NoiseMaps
from regard.training.recipe import Recipe
from regard.types import Batch, RegardError

Dose = Literal["noise", "shuffled", "displaced", "mask"]
"""What a human map is mixed with."""
_STREAMS = {"train": 120, "val": 121, "test": 122}
_DOSES = 10
"""Added to a split's stream for the draws of `OverrideMaps.in_training`."""


class OverrideMaps:
    """The map that a recipe imposes on each image; built by `build_override_maps`.

    Args:
        recipe: of the run.
        data: the task's.
        grid: (h, w) of the maps.

    Attributes:
        human: whether the map comes from gaze on the task's own images.
        center: the mean human map of the training images with fixations (1,1,h,w); ones for a uniform map.
        without_gaze: split -> number of images without fixations; they get ``center`` in place of a human map.
    """

    def __init__(self, recipe: Recipe, data: DataSplits, grid: tuple[int, int]) -> None:
        self.recipe, self.seed, self.grid = recipe.impose, recipe.train.seed, grid
        self.human = self.recipe.map in ("human", "human-shuffled")
        self.size = data.train.batch([0]).size
        self._splits = {"train": data.train, "val": data.val, "test": data.test}
        self._own = {name: self._maps(split) for name, split in self._splits.items()}
        self._shuffled_maps: dict[str, HumanMaps | None] = {}
        self._noise = NoiseMaps(grid, self.size, recipe.augment.crop_padding, self.seed)
        self._bank = torch.ones(1, 1, *grid) if self.recipe.map == "uniform" else self._human_bank(recipe, data)
        self.center = self._bank.mean(0, keepdim=True)
        own = self._own if self.human else {}
        self.without_gaze = {name: int((~maps.has_fixations).sum()) for name, maps in own.items() if maps is not None}

    @property
    def record(self) -> dict[str, Any]:
        """The entry in a run's ``environment.json``."""
        return {"map": self.recipe.map, "gaze": self.recipe.gaze, "center_where_nobody_looked": self.without_gaze}

    def of(self, batch: Batch) -> Float[Tensor, "B 1 h w"]:
        """The map of every image of a batch of train, val or test, moved as augmentation moved the image."""
        return self._map(self.recipe.map, batch)

    def in_training(self, batch: Batch, epoch: int) -> Float[Tensor, "B 1 h w"]:
        """As `of`; with ``impose.random_dose`` mixed with noise or another image's map, by a share uniform in [0,1).

        Share and partner are functions of (seed, epoch, image).
        """
        if not self.recipe.random_dose:
            return self.of(batch)
        u = uniforms(batch.index, 2, seed=self.seed, epoch=epoch, stream=_STREAMS[_name(batch)] + _DOSES)
        share, kind = u[:, :, None, None, None].unbind(1)
        other = torch.where(kind < 0.5, self._random(batch), self._shuffled(batch))
        return self._mixed(batch, other, share)

    def dose(self, batch: Batch, alpha: float, kind: Dose) -> Float[Tensor, "B 1 h w"]:
        """(1 - alpha) H + alpha P with exactly the values of the human map H.

        P is by kind: ``noise``, what `random` gives; ``shuffled``, another image's map, what `human-shuffled` gives;
        ``displaced``, H rolled by half the grid both ways; ``mask``, the object's share of each cell, its box's without
        a mask.

        Args:
            batch: of a run whose ``impose.map`` is ``human``.
            alpha: from 0, the human map, to 1, nothing of it.
            kind: of P.

        Raises:
            RegardError: alpha outside of [0,1], no human map, or no objects are known.
        """
        if not 0 <= alpha <= 1:
            raise RegardError(f"dose: alpha={alpha}; use a share from 0, the human map, to 1, nothing of it")
        if not self.human:
            raise RegardError(f"dose: maps are mixed in runs of impose.map human, and this one's is {self.recipe.map}")
        return self._mixed(batch, self._map(kind, batch), alpha)

    def _map(self, kind: str | None, batch: Batch) -> Tensor:
        match kind:
            case "human":
                return self._human(batch)
            case "human-shuffled" | "shuffled":
                return self._shuffled(batch)
            case "random" | "noise":
                return self._random(batch)
            case "displaced":
                return self._human(batch).roll((self.grid[0] // 2, self.grid[1] // 2), (2, 3))
            case "mask":
                masks = batch_masks(batch)
                if masks is None:
                    raise RegardError("dose: kind 'mask' needs objects; the data set has neither masks nor boxes")
                return object_map(masks, grid=self.grid)[0].map
            case _:
                return self.center.to(batch.index.device).expand(len(batch.index), -1, -1, -1)

    def _mixed(self, batch: Batch, other: Tensor, alpha: float | Tensor) -> Tensor:
        own, seed = self._human(batch), self.seed + _STREAMS[_name(batch)]
        return rank_matched((1 - alpha) * own + alpha * other, own, index=batch.index, seed=seed)

    def _human(self, batch: Batch) -> Tensor:
        return self._filled(self._own[_name(batch)], batch)

    def _shuffled(self, batch: Batch) -> Tensor:
        name = _name(batch)
        if name not in self._shuffled_maps:
            shuffled = shuffle_gaze(self._splits[name], seed=self.seed, among=self.recipe.shuffled_from)
            self._shuffled_maps[name] = self._maps(shuffled)
        return self._filled(self._shuffled_maps[name], batch)

    def _filled(self, human: HumanMaps | None, batch: Batch) -> Tensor:
        """Human maps of a batch's images; `center` for images without fixations."""
        assert human is not None, "checked by _human_bank"
        maps, has_fixations = human.of(batch)
        return torch.where(has_fixations[:, None, None, None], maps, self.center.to(maps))

    def _random(self, batch: Batch) -> Tensor:
        """Noise as smooth as a human map, with its values: of the image's own map, else of a random one of the bank."""
        index, name = batch.index.cpu(), _name(batch)
        stream, own = _STREAMS[name], self._own[name]
        choice = (uniforms(index, 1, seed=self.seed, stream=stream)[:, 0] * len(self._bank)).long()
        like = self._bank[choice]
        if own is not None and self.recipe.gaze == "own":
            like = torch.where(own.has_fixations[index][:, None, None, None], own.unmoved[index], like)
        moved = None if batch.moved is None else batch.moved.cpu()
        return self._noise(like, index, moved, stream=stream).to(batch.index.device)

    def _maps(self, split: Split) -> HumanMaps | None:
        points, sigma = fixations_of(split), self.recipe.sigma * self.size[1]
        return None if points is None else HumanMaps(points=points, size=self.size, grid=self.grid, sigma=sigma)

    def _human_bank(self, recipe: Recipe, data: DataSplits) -> Float[Tensor, "M 1 h w"]:
        """Human maps of the training images with fixations, of the set that ``impose.gaze`` names.

        Raises:
            RegardError: there is no gaze for the recipe's map.
        """
        i, name, maps = self.recipe, recipe.data.name, self._own["train"]
        if self.human and i.gaze != "own":
            raise RegardError(f"impose.map={i.map} needs gaze on the task's own images; leave impose.gaze at own")
        absent = [split for split, own in self._own.items() if own is None or not own.has_fixations.any()]
        if i.gaze == "own" and absent:
            remedy = "take another impose.map" if self.human else "name a set that has it in impose.gaze, such as osie"
            raise RegardError(f"impose.map={i.map}: data set {name!r} has no gaze on its {absent[0]} images; {remedy}")
        if i.gaze != "own":
            maps = self._maps(open_gaze("impose", i.gaze, i.root, i.options, data).train)
        assert maps is not None, "another set's gaze is checked when it is opened"
        return maps.unmoved[maps.has_fixations]


def build_override_maps(recipe: Recipe, data: DataSplits, model: nn.Module) -> OverrideMaps | None:
    """The maps that ``recipe.impose`` puts in place of those of ``model``; None where it imposes nothing.

    ``data`` has its images, not what a stem made of them. The grid is that of the model's attended layer, the finest of
    several; the others get area averages.

    Raises:
        RegardError: there is no gaze where that is needed, or the attention takes no maps.
    """
    if recipe.impose.map is None:
        return None
    layers = attended(model)
    if not layers or any(not isinstance(layer.attention, SpatialAttention) for layer in layers.values()):
        raise RegardError(f"impose.map={recipe.impose.map}: no attended layer takes a map; see model.attention")
    device = next(model.parameters()).device
    with eval_mode(model):
        outputs = forward_batch(model, data.train.batch([0]).to(device)).attention
    grids = [(output.map.shape[-2], output.map.shape[-1]) for output in outputs]
    return OverrideMaps(recipe, data, max(grids, key=lambda grid: grid[0] * grid[1]))


def _name(batch: Batch) -> str:
    if batch.split not in _STREAMS:
        raise RegardError(f"imposed maps belong to train, val and test images; this batch is of split {batch.split!r}")
    return batch.split


@dataclass(frozen=True)
class MapOverrideSplit(SplitExtension):
    """A split whose batches carry the imposed maps."""

    split: Split
    overrides: OverrideMaps

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The split's items with their maps."""
        batch = self.split.batch(index)
        return replace(batch, map_override=self.overrides.of(batch))


def with_map_override(recipe: Recipe, data: DataSplits, model: nn.Module) -> DataSplits:
    """The data for evaluation: ``val`` and ``test`` with the maps that the recipe imposes, if it imposes any."""
    overrides = build_override_maps(recipe, data, model)
    if overrides is None:
        return data
    return replace(data, val=MapOverrideSplit(data.val, overrides), test=MapOverrideSplit(data.test, overrides))


def refuse_map_override(recipe: Recipe, folder: Path) -> None:
    """Refuses a run with imposed maps where the images have none, such as a user's own.

    Raises:
        RegardError: the recipe imposes maps.
    """
    if recipe.impose.map is not None:
        raise RegardError(
            f"{folder}: this run is given its map (impose.map={recipe.impose.map}) and has none for other images; "
            "`regard evaluate` judges it on its own test split"
        )
