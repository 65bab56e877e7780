r"""Scores of maps against people's importance maps, with floors, and a ceiling from how much people agree.

The map that people are compared with is their mean, of n people on the image, which is itself a noisy measurement of
what all people would mark. With r the mean correlation of two people's maps, a model that knew it exactly would have
the correlation

    ceiling = sqrt(n r / (1 + (n - 1) r))          (the reliability's root: Spearman and Brown 1910; Nunnally 1978)

with the mean of the n. For ranks r is Spearman's, an approximation; an overlap has no such form and no ceiling.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from regard.files import write_atomically
from regard.gaze import readable_sizes
from regard.listing import list_folders
from regard.metrics.fixation import cc, spearman, top_iou
from regard.owner import owns
from regard.report import write_dataclass
from regard.score.importance.page import write_importance_gallery, write_importance_page
from regard.score.importance.results import IMPORTANCE_FLOORS
from regard.score.maps import MapFiles, MapSource, open_maps, open_source
from regard.score.people import CEILING_KEY, PeopleResults, compare_with_people, per_image_table
from regard.types import RegardError

_SPREAD = 0.25  # of the Gaussian in the centre, of width and height


@dataclass(frozen=True)
class ImportanceOptions:
    """How maps are compared.

    Attributes:
        side: both maps are brought to a grid whose longer side is this, by area.
        absolute: of the models' maps take the absolute values, where their sign says for or against a class.
        draws: bootstrap samples over images.
        seed: of the bootstrap.
    """

    side: int = 64
    absolute: bool = False
    draws: int = 2000
    seed: int = 0


@owns("out")
def score_importance(
    models: Mapping[str, MapSource],
    people: str | Path | Mapping[str, Mapping[str, Tensor]],
    images: str | Path,
    *,
    options: ImportanceOptions | None = None,
    out: str | Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> PeopleResults:
    """Score maps against importance maps of people (ClickMe's, bubbles, strokes, masks), image by image.

    Floors: a Gaussian in the centre, the mean of people's maps of the other images, and the map of another image,
    the first model's. Ceiling: see the formula above; it needs the maps of two people on an image.

    Args:
        models: name -> maps, as in `score_maps`.
        people: a folder with one map per image, people's mean; or with a folder per person, each with that person's
            maps; or the latter as person -> image -> map (h,w).
        images: folder of the images, whose names the maps have.
        options: settings; the defaults if not given.
        out: folder for per_image.csv, importance.json and report.html; without it no file is written.
        on_progress: called with (done, all) after each image.

    Raises:
        RegardError: no maps, or none on an image of the folder.
    """
    options = options or ImportanceOptions()
    sizes = {name: size for name, size in readable_sizes(images)[0].items() if size is not None}
    judged = _people(people)
    known = {name: [who for who, maps in judged.items() if name in maps] for name in sizes}
    names = [name for name, who in known.items() if who]
    if not names:
        raise RegardError(
            f"people have no map of any of the {len(sizes)} images in {images}: name maps like the images"
        )
    sources = {model: open_source(maps, images, names) for model, maps in models.items()}
    missing = {model: tuple(name for name in names if name not in files) for model, files in sources.items()}
    for model, without in missing.items():
        if len(without) == len(names):
            raise RegardError(f"{model} has no map of any of the {len(names)} images that people have judged")
    grids = {name: _grid(sizes[name], options.side) for name in names}

    def marked(name: str) -> list[Tensor]:
        return [_on(judged[who].read(name), grids[name]) for who in known[name]]

    means = {name: torch.stack(marked(name)).mean(0) for name in names}
    total = torch.stack([_on(mean, (options.side, options.side)) for mean in means.values()]).sum(0)
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in (*models, *IMPORTANCE_FLOORS, CEILING_KEY)}
    first = next(iter(models))
    for k, name in enumerate(names):
        grid, target = grids[name], means[name]
        others = total - _on(target, (options.side, options.side)) if len(names) > 1 else None
        elsewhere = next((n for n in (*names[k + 1 :], *names[:k]) if n not in missing[first]), None)
        floors = {
            "center": _center(grid),
            "people_elsewhere": None if others is None else _on(others, grid),
            "other_image": None if elsewhere is None else _read(sources[first], elsewhere, grid, options),
        }
        shown = {m: None if name in missing[m] else _read(f, name, grid, options) for m, f in sources.items()}
        for kind, map_ in {**shown, **floors}.items():
            rows[kind].append(_similarity(map_, target))
        rows[CEILING_KEY].append(_ceiling(marked(name)))
        if on_progress is not None:
            on_progress(k + 1, len(names))
    several = any(len(who) > 1 for who in known.values())
    results = compare_with_people(
        rows,
        list(models),
        IMPORTANCE_FLOORS,
        "what people's agreement allows",
        images=len(names),
        people=sum(len(who) for who in known.values()),
        missing=missing,
        notes=[] if several else ["No ceiling: each image has the map of one person, or their mean alone."],
        draws=options.draws,
        seed=options.seed,
    )
    if out is not None:
        write_atomically(Path(out) / "per_image.csv", per_image_table(names, rows), parents=True)
        values = np.array([[row["spearman"] for row in rows[model]] for model in models])
        results = write_importance_gallery(results, values, means, sources, images, Path(out))
        write_dataclass(Path(out) / "importance.json", results, indent=2)
        write_importance_page(Path(out))
    return results


def _people(people: str | Path | Mapping[str, Mapping[str, Tensor]]) -> dict[str, MapFiles]:
    """Person -> maps."""
    if isinstance(people, Mapping):
        return {who: open_source(dict(maps)) for who, maps in people.items()}
    folder = Path(people)
    own = list_folders(folder) if folder.is_dir() else []
    if own and not any(path.is_file() and not path.name.startswith(".") for path in folder.iterdir()):
        return {path.name: open_maps(path) for path in own}
    return {"people": open_maps(folder)}


def _read(files: MapFiles, name: str, grid: tuple[int, int], options: ImportanceOptions) -> Tensor:
    values = files.read(name)
    return _on(values.abs() if options.absolute else values, grid)


def _grid(size: tuple[int, int], side: int) -> tuple[int, int]:
    height, width = size
    scale = side / max(height, width)
    return max(2, round(height * scale)), max(2, round(width * scale))


def _on(values: Tensor, grid: tuple[int, int]) -> Tensor:
    """A map (1,1,h,w) on a grid: by area where it is larger, interpolated where it is smaller."""
    values = values.double()
    if values.shape[-2] < grid[0] or values.shape[-1] < grid[1]:
        return F.interpolate(values, size=grid, mode="bilinear", align_corners=False)
    return F.interpolate(values, size=grid, mode="area")


def _center(grid: tuple[int, int]) -> Tensor:
    lines = [torch.exp(-0.5 * ((torch.arange(n).double() + 0.5) / n - 0.5).square() / _SPREAD**2) for n in grid]
    return (lines[0][:, None] * lines[1])[None, None]


def _similarity(map_: Tensor | None, target: Tensor) -> dict[str, float]:
    if map_ is None:
        return dict.fromkeys(("spearman", "cc", "top_iou"), math.nan)
    return {
        "spearman": float(spearman(map_, target)),
        "cc": float(cc(map_, target)),
        "top_iou": float(top_iou(map_, target)),
    }


def _ceiling(maps: Sequence[Tensor]) -> dict[str, float]:
    """Root of the reliability of the mean of the maps; NaN for one map, 0 where people do not agree at all."""
    n, limits = len(maps), {"top_iou": math.nan}
    for metric, compare in (("spearman", spearman), ("cc", cc)):
        pairs = [float(compare(a, b)) for a, b in combinations(maps, 2)]
        agreed = [value for value in pairs if not math.isnan(value)]
        r = max(float(np.mean(agreed)), 0.0) if agreed else math.nan
        limits[metric] = math.sqrt(n * r / (1 + (n - 1) * r)) if n > 1 else math.nan
    return {metric: limits[metric] for metric in ("spearman", "cc", "top_iou")}
