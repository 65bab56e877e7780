"""Is the map on the object: for data that says where that is. It says nothing of what the network uses."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from regard.evaluation.judging.case import Case, Measure
from regard.evaluation.judging.paths import beside, measure
from regard.evaluation.localization import tolerance
from regard.metrics import area_share, dilate, energy_inside, pointing_game
from regard.types import RegardError


def places(case: Case) -> list[Measure]:
    """Energy inside the object, beside its share of the area, and the pointing game.

    Raises:
        RegardError: the data says nothing of where objects are.
    """
    if case.masks is None:
        raise RegardError("this data has neither masks nor boxes")
    masks = case.masks.to(case.map.values.device)
    wide = dilate(masks, tolerance(masks))
    energy = beside(case, partial(energy_inside, masks=masks, negative="clip"))
    pointing = beside(case, partial(pointing_game, masks=wide))
    share, hit = "Share of the map inside.", "Whether its maximum lies on the object, a 24th of the side allowed."
    make = partial(measure, better="higher", undefined="no object, or map without mass")
    inside = make(energy, lambda v: v, "energy", "Energy on the object", share)
    floors = {**inside.floors, "area share": area_share(masks).to(inside.values)}
    return [replace(inside, floors=floors), make(pointing, lambda v: v, "pointing", "Pointing game", hit)]
