"""Where maps come from: files, or a trained run that looks at the images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from regard.data.reading import read_image, to_bytes
from regard.evaluation.scoring.maps import MapFiles, open_maps
from regard.gaze.readers import image_sizes
from regard.training import open_run, refuse_imposed
from regard.types import RegardError


def open_source(path: str | Path, images: str | Path) -> MapFiles:
    """The maps of a folder, NPZ or HDF5 file (`open_maps`), or those that a run's model makes of ``images``.

    A folder with a ``recipe.yaml`` is a run. Its model sees each image as a whole, resized to its input size without
    regard to the sides' ratio, so that the map covers the image; the map is the last attended layer's mean map.

    Raises:
        RegardError: nothing there, or a run without attention.
    """
    path = Path(path)
    return _run(path, Path(images)) if (path / "recipe.yaml").is_file() else open_maps(path)


def _run(folder: Path, images: Path) -> MapFiles:
    recipe, model, _ = open_run(folder)
    refuse_imposed(recipe, folder)
    if not model.at:
        raise RegardError(f"{folder}: this run has no attention (it is a plain network), so it has no maps to score")
    model.eval()
    size = (model.shape[2], model.shape[1])

    def look(name: str) -> Callable[[], Tensor]:
        def load() -> Tensor:
            image = read_image(images / name).resize(size, Image.Resampling.BILINEAR)
            with torch.no_grad():
                return model.explain(to_bytes(image)[None].float() / 255).values

        return load

    return MapFiles({name: look(name) for name in image_sizes(images, recursive=True)}, str(folder))
