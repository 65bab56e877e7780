"""Where maps and fixations come from: files, memory, or a trained run; a map is found by its image's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableSet, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, Unpack

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from regard.data import read_image, to_bytes
from regard.gaze import (
    Fixations,
    GazeReading,
    hdf5_names,
    image_sizes,
    is_recording,
    open_hdf5,
    read_csv,
    read_hdf5,
    read_parquet,
    read_pysaliency,
    read_recordings,
    readable_sizes,
)
from regard.listing import IMAGE_SUFFIXES, Names, find_path, list_files
from regard.reading import ArrayFile, load_image, read_array, regular_file
from regard.score.colors import is_grey, values_of_colors
from regard.training import load_trained, refuse_map_override
from regard.types import RegardError

_KEPT = 2  # maps: scoring reads each twice in a row, as another image's map and as its own


class MapFiles(Mapping[str, Callable[[], Tensor]]):
    """Image name -> a function that loads its map (1,1,h,w) float64; nothing is read before it is called.

    A map belongs to an image if their names agree, or agree but for endings, capitals or Unicode form; see
    `regard.listing.Names`.
    """

    def __init__(
        self, loaders: Mapping[str, Callable[[], Any]], source: str, colors: MutableSet[str] | None = None
    ) -> None:
        """``colors`` collects the colour maps of the pictures that the loaders read."""
        self._loaders = dict(loaders)
        self._colors = set() if colors is None else colors
        self._names = Names(self._loaders)
        self.source = source
        self._kept: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Callable[[], Tensor]:
        key = self._names.find(name)
        if key is None:
            raise KeyError(name)
        return lambda: _map(self._loaders[key](), f"{self.source}: {key}")

    def notes(self) -> tuple[str, ...]:
        """What should be known of the maps that were read so far."""
        return tuple(
            f"Pictures of maps in the colours of {name} were converted to values, its first colour the lowest; if they "
            f"were drawn the other way round, give --map-colors {name}_r."
            for name in sorted(self._colors)
        )

    def shared(self, images: Sequence[str]) -> dict[str, str]:
        """Image -> why it has no map of its own: it shares one with another image, from which its ending alone differs.

        >>> MapFiles({"a.npy": lambda: 0}, "maps").shared(["a.jpg", "a.png"])["a.jpg"]
        "'a.jpg' and 'a.png' share the map 'a.npy': name each map like its image, ending included"
        """
        owners: dict[str, list[str]] = {}
        for image in images:
            with suppress(RegardError):
                if image in self and (key := self._names.find(image)) is not None:
                    owners.setdefault(key, []).append(image)
        return {
            image: f"{own[0]!r} and {own[1]!r} share the map {key!r}: name each map like its image, ending included"
            for key, own in owners.items()
            for image in own
            if len(own) > 1
        }

    def read(self, name: str) -> Tensor:
        """The map of an image (1,1,h,w).

        Raises:
            RegardError: it has none, or one that cannot be read.
        """
        if name not in self._kept:
            try:
                load = self[name]
            except KeyError:
                raise RegardError(f"{self.source} has no map named like the image {name!r}") from None
            self._kept = dict([*self._kept.items(), (name, load())][-_KEPT:])
        return self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)

    def __contains__(self, name: object) -> bool:
        try:
            return self._names.find(str(name)) is not None
        except RegardError:  # one of several; reading it says so
            return True


def open_maps(path: str | Path, color_map: str | None = None) -> MapFiles:
    """The maps of ``path``; colour pictures in the colours of ``color_map``, or of a known one if that is None.

    A folder holds one picture or ``.npy`` per image, subfolders included. An ``.npz`` holds one array per image, or
    ``maps`` (N,h,w) with ``names`` (N,). An HDF5 file holds one data set per image, groups included.

    Raises:
        RegardError: nothing there, another kind of file, or no maps in it.
    """
    path, colors = Path(path), set[str]()
    if path.is_dir():
        files = list_files(path, (*IMAGE_SUFFIXES, ".npy"))
        loaders: dict[str, Callable[[], Any]] = {
            p.relative_to(path).as_posix(): partial(_read_file, p, color_map, colors) for p in files
        }
    elif path.suffix.lower() == ".npz":
        loaders = _npz(path)
    elif path.suffix.lower() in (".h5", ".hdf5"):
        loaders = _hdf5(path)
    else:
        raise RegardError(f"{path} is neither a folder of maps nor an .npz, .h5 or .hdf5 file")
    if not loaders:
        raise RegardError(f"{path} holds no maps: expected is one picture or .npy per image, named like the image")
    return MapFiles(loaders, str(path), colors)


def _read_file(path: Path, color_map: str | None, colors: MutableSet[str]) -> Any:
    if path.suffix.lower() == ".npy":
        return read_array(path)
    picture = load_image(path, turned=True)
    if picture.mode in ("L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N", "1"):
        return np.asarray(picture)
    rgba = np.asarray(picture.convert("RGBA"))
    if (rgba[..., 3] != rgba[0, 0, 3]).any():
        raise RegardError(f"{path}: a picture with transparency, which is no map; save the values as .npy or in grey")
    if is_grey(rgba[..., :3]) and color_map is None:
        return np.asarray(Image.fromarray(rgba[..., :3]).convert("L"))
    values, name = values_of_colors(rgba[..., :3], str(path), color_map)
    colors.add(name)
    return values


def read_map(path: Path) -> Tensor:
    """The map (1,1,h,w) of one file, a picture or ``.npy``.

    Raises:
        RegardError: no such file, or one that holds no map.
    """
    return _map(_read_file(regular_file(find_path(path), what="map"), None, set()), str(path))


def _npz(path: Path) -> dict[str, Callable[[], Any]]:
    file = ArrayFile(path)
    if {"maps", "names"} <= file.keys():
        maps, names = np.atleast_1d(file["maps"]), [str(name) for name in np.atleast_1d(file["names"])]
        if len(maps) != len(names):
            raise RegardError(f"{path} has {len(maps)} maps, but {len(names)} names")
        return {name: partial(maps.__getitem__, k) for k, name in enumerate(names)}
    return {name: partial(file.__getitem__, name) for name in file}


def _hdf5(path: Path) -> dict[str, Callable[[], Any]]:
    with open_hdf5(path) as file:
        return {name: partial(_hdf5_map, path, name) for name in hdf5_names(file)}


def _hdf5_map(path: Path, name: str) -> Any:
    """Opens the file anew: one that stays open would be read again in place of what another program writes there."""
    with open_hdf5(path) as file:
        return read_hdf5(file, name)


def _map(values: Any, what: str) -> Tensor:
    kind = np.asarray(values).dtype
    if kind.kind not in "biuf":
        raise RegardError(f"{what} holds {kind}, not numbers: a map is (h,w) of numbers")
    values = np.squeeze(np.asarray(values, dtype=np.float64))
    if values.ndim != 2 or not values.size:
        raise RegardError(f"{what} has shape {values.shape}: a map is (h,w)")
    return torch.from_numpy(np.ascontiguousarray(values))[None, None]


MapSource: TypeAlias = str | Path | MapFiles | Mapping[str, Any] | Tensor
"""A file, folder or run; a mapping of names to maps (h,w); or maps (N,h,w) or (N,1,h,w) in the order of the images."""


def open_source(
    maps: MapSource, images: str | Path | None = None, names: Sequence[str] = (), color_map: str | None = None
) -> MapFiles:
    """Maps from files (`open_maps`), from memory, or those that a run's model makes of ``images``.

    A folder with a ``recipe.yaml`` is a run. Its model takes each image as a whole, resized to its input size without
    keeping the sides' ratio, so that the map covers the image; the map is the last attended layer's mean map.

    Args:
        maps: the source.
        images: folder of the images that a run explains.
        names: of the images of a tensor of maps.
        color_map: see `open_maps`.

    Raises:
        RegardError: nothing there, a run without attention or images, or a number of maps that does not fit.
    """
    if isinstance(maps, MapFiles):
        return maps
    if isinstance(maps, Tensor):
        if len(maps) != len(names):
            raise RegardError(
                f"{len(maps)} maps for {len(names)} images with fixations; give a mapping of names to maps"
            )
        maps = dict(zip(names, maps, strict=True))
    if isinstance(maps, Mapping):
        loaders = {
            name: (lambda values=values: torch.as_tensor(values).detach().cpu()) for name, values in maps.items()
        }
        return MapFiles(loaders, "the mapping")
    path = Path(maps)
    if not (path / "recipe.yaml").is_file():
        return open_maps(path, color_map)
    if images is None:
        raise RegardError(f"{path} is a run, which makes its maps of images; give their folder")
    return _run(path, Path(images))


def _run(folder: Path, images: Path) -> MapFiles:
    recipe, model, _ = load_trained(folder)
    refuse_map_override(recipe, folder)
    if not model.at:
        raise RegardError(f"{folder}: this run has no attention (it is a plain network), so it has no maps to score")
    model.eval()
    size = (model.shape[2], model.shape[1])

    def load(name: str) -> Tensor:
        image = read_image(images / name).resize(size, Image.Resampling.BILINEAR)
        with torch.no_grad():
            return model.explain(to_bytes(image)[None].float() / 255).values

    return MapFiles({name: partial(load, name) for name in image_sizes(images, recursive=True)}, str(folder))


def read_fixations(
    path: Fixations | str | Path, images: str | Path | None = None, **reading: Unpack[GazeReading]
) -> Fixations:
    """Fixations of a CSV, Parquet or pysaliency's HDF5 file or a recording, without images that have none.

    A table of fixations is returned as it is.

    The folder gives the images' names and sizes as shown: in a CSV an image is named by its path below the folder
    (Parquet brings names and sizes itself); pysaliency's numbers count the folder's images in natural order of their
    names. Images that cannot be read are listed in ``unreadable``, if they have fixations.

    Args:
        path: the file.
        images: folder of the images.
        reading: ``columns``, ``pixels_per_degree`` and the units of `regard.gaze.read_csv`; of a recording
            (`regard.gaze.read_recordings`) ``pixels_per_degree``, and ``gaze_size`` for the size of the screen.

    Raises:
        RegardError: another kind of file, a fixation on an image that the folder lacks, coordinates that do not fit,
            or no fixation at all.
    """
    if isinstance(path, Fixations):
        return path
    path = regular_file(path, what="file of fixations")
    kind, damaged = path.suffix.lower(), dict[str, str]()
    if is_recording(path):
        if images is None:
            raise RegardError(f"{path} holds no sizes of images; give the folder of the images")
        sizes, damaged = readable_sizes(images)
        table = read_recordings(path, sizes=sizes, **_of_recordings(path, reading))
    elif kind in (".csv", ".tsv", ".h5", ".hdf5"):
        if images is None:
            raise RegardError(f"{path} holds no sizes of images; give the folder of the images")
        sizes, damaged = readable_sizes(images)
        if kind in (".h5", ".hdf5"):
            if reading.pop("columns", None):
                raise RegardError(f"{path}: --columns is for CSV and Parquet, not for pysaliency's HDF5")
            table = read_pysaliency(path, sizes=sizes, **reading)
        else:
            table = read_csv(path, sizes=sizes, **reading)
    elif kind == ".parquet":
        table = read_parquet(path, **reading)
    else:
        raise RegardError(
            f"{path} is no .csv, .parquet or .hdf5 file of fixations: sets of other layouts have readers in "
            "regard.gaze; write_csv writes what they read"
        )
    if len(table) == 0:
        lost = f": {table.dropped} were left out" if table.dropped else ""
        raise RegardError(f"{path} holds no fixations{lost}")
    table = table.select(images=[name for name, n in zip(table.images, table.counts(), strict=True) if n])
    return replace(table, unreadable={name: damaged.get(name, why) for name, why in table.unreadable.items()})


def _of_recordings(path: Path, reading: GazeReading) -> dict[str, Any]:
    """The options of `read_recordings`, which knows columns and units by itself."""
    if reading.get("columns"):
        raise RegardError(f"{path}: --columns is for tables of one row per fixation; this is a tracker's export")
    return {"pixels_per_degree": reading.get("pixels_per_degree"), "screen": reading.get("gaze_size")}
