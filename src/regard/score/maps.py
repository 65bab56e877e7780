"""Maps that some model wrote: a folder of pictures or arrays, an NPZ, an HDF5 file, each found by its image's name.

Where maps come from: files, or a trained run that looks at the images.

Fixations in any of the files that are written, on the images of a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from regard.data import read_image, to_bytes
from regard.gaze import Fixations, image_sizes, read_csv, read_parquet, read_pysaliency
from regard.training import open_run, refuse_imposed
from regard.types import RegardError

KEPT = 2
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


class MapFiles(Mapping[str, Callable[[], Tensor]]):
    """Image name -> a function that loads its map (1,1,h,w) float64; nothing is read before it is called.

    A map belongs to an image if their names agree, or if they agree without their endings.
    """

    def __init__(self, loaders: Mapping[str, Callable[[], Any]], source: str) -> None:
        self._loaders = dict(loaders)
        self._stems = {PurePosixPath(name).with_suffix("").as_posix(): name for name in self._loaders}
        self.source = source
        self._kept: dict[str, Tensor] = {}  # scoring asks twice in a row: as another's map, then as its own

    def __getitem__(self, name: str) -> Callable[[], Tensor]:
        stem = PurePosixPath(name).with_suffix("").as_posix()
        key = name if name in self._loaders else self._stems[stem]
        return lambda: _map(self._loaders[key](), f"{self.source}: {key}")

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
            self._kept = dict([*self._kept.items(), (name, load())][-KEPT:])
        return self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)


def open_maps(path: str | Path) -> MapFiles:
    """The maps of ``path``.

    A folder holds one picture or ``.npy`` an image, subfolders included. An ``.npz`` holds one array an image, or
    ``maps`` (N,h,w) beside ``names`` (N,). An HDF5 file holds one data set an image, groups included.

    Raises:
        RegardError: nothing there, another kind of file, or no maps in it.
    """
    path = Path(path)
    if path.is_dir():
        files = [p for p in sorted(path.rglob("*")) if p.suffix.lower() in (*PICTURES, ".npy")]
        loaders: dict[str, Callable[[], Any]] = {p.relative_to(path).as_posix(): _reader(p) for p in files}
    elif path.suffix == ".npz":
        loaders = _npz(path)
    elif path.suffix in (".h5", ".hdf5"):
        loaders = _hdf5(path)
    else:
        raise RegardError(f"{path} is neither a folder of maps nor an .npz, .h5 or .hdf5 file")
    if not loaders:
        raise RegardError(f"{path} holds no maps: one picture or .npy an image is expected, named like the image")
    return MapFiles(loaders, str(path))


def _reader(path: Path) -> Callable[[], Any]:
    def load() -> Any:
        try:
            if path.suffix == ".npy":
                return np.load(path, allow_pickle=False)
            with Image.open(path) as file:
                return np.asarray(file if file.mode in ("L", "I", "F", "I;16") else file.convert("L"))
        except (OSError, ValueError) as error:
            raise RegardError(f"cannot read the map {path}: {error}") from error

    return load


def _npz(path: Path) -> dict[str, Callable[[], Any]]:
    try:
        file = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RegardError(f"cannot read {path} as NPZ: {error}") from error
    if {"maps", "names"} <= set(file.files):
        maps, names = file["maps"], [str(name) for name in file["names"]]
        if len(maps) != len(names):
            raise RegardError(f"{path} has {len(maps)} maps, but {len(names)} names")
        return {name: (lambda k=k: maps[k]) for k, name in enumerate(names)}
    return {name: (lambda name=name: file[name]) for name in file.files}


def _hdf5(path: Path) -> dict[str, Callable[[], Any]]:
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise RegardError(f"cannot read {path} as HDF5: {error}") from error
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return {name: (lambda name=name: file[name][...]) for name in names}


def _map(values: Any, what: str) -> Tensor:
    values = np.squeeze(np.asarray(values, dtype=np.float64))
    if values.ndim != 2:
        raise RegardError(f"{what} has shape {values.shape}: a map is (h,w)")
    return torch.from_numpy(np.ascontiguousarray(values))[None, None]


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


def read_fixations(path: str | Path, images: str | Path) -> Fixations:
    """Fixations of a CSV, Parquet or pysaliency's HDF5 file; images without a fixation are left out.

    The folder gives the images' names and sizes: in a CSV an image is named by its path below the folder (Parquet
    brings names and sizes itself); pysaliency's numbers count the folder's images in natural order of their names.

    Raises:
        RegardError: another kind of file, a fixation on an image that the folder lacks, coordinates that do not fit,
            or no fixation at all.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".csv":
        table = read_csv(path, sizes=image_sizes(images, recursive=True))
    elif kind == ".parquet":
        table = read_parquet(path)
    elif kind in (".h5", ".hdf5"):
        table = read_pysaliency(path, sizes=image_sizes(images, recursive=True))
    else:
        raise RegardError(
            f"{path} is no .csv, .parquet or .hdf5 file of fixations: sets of other layouts have readers in "
            "regard.gaze; write_csv writes what they read"
        )
    if len(table) == 0:
        raise RegardError(f"{path} holds no fixations")
    return table.select(images=[name for name, n in zip(table.images, table.counts(), strict=True) if n])
