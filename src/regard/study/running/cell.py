"""A cell of a study: a network trained from a recipe, and every test image as a row of the table of trials.

spec: ``recipe``, whole; ``task``, ``backbone``, ``layer``, ``condition``, what the rows are called; ``gaze``, whose
fixations the map is held against; ``measures`` with their ``doses``, None for a trial of tuning, whose test images are
not looked at.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch

from regard.evaluation.trials import Measures, WhoseGaze, measure
from regard.grid import Cell, Result
from regard.training import open_run, recipe_from, train
from regard.training.journal import history
from regard.training.tasks import TASKS

RUN = "run"
"""Where in the cell's folder the run lies."""
LOOKED = "looked/"
"""Before the names of what was measured on images of another set, which people looked at."""
GALLERY, MAPS = "gallery", "gallery/maps"


def run_cell(cell: Cell, folder: Path) -> Result:
    """Trains and measures.

    ``values``: the run's history; ``images``, names of the test images; ``looked``, of those of another set with gaze;
    ``scores``, means of all scores of the task; ``floors``, of its performance; ``remarks`` of its data. ``arrays``:
    columns of the trials, one value an image, those of the other set's images with `LOOKED` before their names;
    `GALLERY` (G,), which images maps are kept of, and `MAPS`.
    """
    recipe = recipe_from(cell.spec["recipe"])
    run = train(recipe, folder / RUN, quiet=True)
    shutil.rmtree(run / "checkpoints", ignore_errors=True)  # of a finished run; a study has hundreds
    values = history(run, TASKS[recipe.task].monitor)
    if cell.spec["measures"] is None:
        return Result(values)
    _, model, data = open_run(run)
    device = torch.device("cuda" if recipe.train.accelerator != "cpu" and torch.cuda.is_available() else "cpu")
    gaze = WhoseGaze(**cell.spec["gaze"])
    found = measure(model.to(device), data, recipe, gaze, Measures(**cell.spec["measures"]), doses=cell.spec["doses"])
    values |= {"images": found.images, "looked": found.looked_images, "scores": found.means}
    values |= {"floors": found.floors, "remarks": list(data.remarks)}
    arrays = {name: np.asarray(column) for name, column in found.columns.items()}
    arrays |= {f"{LOOKED}{name}": np.asarray(column) for name, column in found.looked.items()}
    if found.gallery is not None and found.maps is not None:
        arrays |= {GALLERY: np.asarray(found.gallery), MAPS: np.asarray(found.maps.half())}
    return Result(values, arrays)
