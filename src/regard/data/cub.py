"""CUB-200-2011: 200 kinds of birds with boxes and 15 named parts, and CUB-GHA's gaze of people who identify them.

Wah et al., *The Caltech-UCSD Birds-200-2011 Dataset*, CNS-TR-2011-001; Rong et al., *Human Attention in Fine-grained
Classification*, BMVC 2021. The annotation files are read whole, of all classes or of a subset.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.data.crops import boxes_through, cover_windows, object_windows, parts_through
from regard.data.files import FileSplit, as_size, file_splits
from regard.data.gaze import cut_gaze, points_of
from regard.data.membership import DataRecord, keep_items
from regard.data.splits import DataSplits, complete, label_names
from regard.gaze import image_size, load_csv, read_cub_gha
from regard.types import RegardError

CUB_LICENCE = "images belong to their photographers on Flickr; non-commercial research and education only"
_PARTS = 15
_GAZE = ("gaze_cub_gha.csv", "data_5runs")
"""Names of CUB-GHA beside the images: one CSV, or the authors' folder."""


def cub(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    crop: bool = False,
    margin: float = 0.1,
    val_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
    gaze: bool = True,
    record: DataRecord | None = None,
) -> DataSplits:
    """CUB-200-2011 in its official layout, or a subset of its classes with annotations in one folder.

    Args:
        root: the folder ``CUB_200_2011`` or ``cub50``, or the one it lies in.
        size: height and width of the images, or one number for both.
        crop: cut to the bird's box, as fine-grained papers do; otherwise to the centre of the image.
        margin: around the box, as a share of its longer side; only with ``crop``.
        val_share: share of each class's training images for validation; the test split is the official one.
        seed: decides which.
        in_memory: read all images now: 150 kB per image of 224 pixels.
        gaze: also read CUB-GHA, if it lies beside them. Its viewings name no observers, so none can be held out.
        record: of a run; its classes and splits are kept, whatever was added since.

    Returns:
        Splits with boxes and parts (P=15, in the order of CUB's list) in pixels of the images, cut at their border;
        with gaze also fixations in these pixels, those outside left out, and ``gaze`` of the test images (`Fixations`).
    """
    folder, place = _find(Path(root))
    if not 0 <= margin <= 1:
        raise RegardError(f"cub: margin={margin}; use a share of the box's side from 0 to 1")
    shape = as_size(size)
    if min(shape) < 1:
        raise RegardError(f"cub: size={size}; use at least 1 pixel")
    tables = _read_tables(folder, place)
    windows = cover_windows(tables.sizes, shape)
    if crop:
        windows = object_windows(tables.boxes, tables.sizes, shape, margin=margin)
    groups = {"train": tables.official_train.nonzero()[:, 0], "test": (~tables.official_train).nonzero()[:, 0]}
    if not len(groups["test"]):
        raise RegardError(f"{folder}: the official split leaves no test image; put all of CUB's files there")
    classes, labels = tables.classes, tables.labels
    remarks: tuple[str, ...] = ()
    if record is None:
        groups = complete(groups, labels, {"val": val_share}, seed=seed, where=folder)
    else:
        files = [(path,) for path in tables.paths]
        kept = keep_items(record, files, label_names(labels, classes), where=folder)
        classes, labels, groups, remarks = kept.classes, kept.labels, dict(kept.groups), kept.remarks
    boxes = boxes_through(tables.boxes, windows, shape)
    points = parts_through(tables.parts, windows, shape)
    table = read_cub_gha(tables.gaze) if gaze and tables.gaze is not None else None
    shares = (windows / tables.sizes.repeat(1, 2)).clamp(0, 1)
    splits, fixations = {}, {}
    for name, index in groups.items():
        places = index.tolist()
        if table is not None:
            fixations[name] = cut_gaze(table, {tables.ids[i]: k for k, i in enumerate(places)}, windows[index], shape)
        splits[name] = FileSplit(
            name,
            classes,
            tuple(tables.paths[i] for i in places),
            labels[index],
            shape,
            windows=shares[index],
            boxes=boxes[index],
            parts=points[index],
            fixations=points_of(fixations[name]) if fixations else None,
        )
    return file_splits(
        splits,
        source=f"CUB-200-2011 (Wah et al. 2011), {len(classes)} classes, {folder}",
        licence=CUB_LICENCE,
        in_memory=in_memory,
        gaze=fixations.get("test"),
        where=folder,
        remarks=remarks,
    )


@dataclass(frozen=True)
class CubTables:
    """One row per image, in the order of ``images.txt``; coordinates in pixels of the original images.

    Attributes:
        ids: CUB's numbers.
        paths: image files.
        labels: position in ``classes`` (N,).
        classes: names of the classes that have images, without their number.
        official_train: whether the official split trains on it (N,).
        boxes: x0, y0, x1, y1 (N,4).
        parts: x, y, visible (N,15,3).
        sizes: width and height of the original image (N,2); that of the file may be smaller.
        gaze: file or folder of CUB-GHA; None where it is not at hand.
    """

    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: Int[Tensor, " N"]
    classes: tuple[str, ...]
    official_train: Bool[Tensor, " N"]
    boxes: Float[Tensor, "N 4"]
    parts: Float[Tensor, "N 15 3"]
    sizes: Float[Tensor, "N 2"]
    gaze: Path | None


def _find(root: Path) -> tuple[Path, Path]:
    """The folder that holds ``images`` (the root, or a usual name below it), and that of the annotations."""
    places = (root, root / "CUB_200_2011", root / "cub" / "CUB_200_2011", root / "cub", root / "cub50")
    for folder in places:
        for place in (folder, folder / "annotations"):
            if (folder / "images").is_dir() and (place / "images.txt").is_file():
                return folder, place
    raise RegardError(
        f"cub: neither {root / 'CUB_200_2011'} nor {root / 'cub50'} holds images/ and images.txt; unpack "
        "CUB_200_2011.tgz there, or pass the folder as root"
    )


def _read_tables(folder: Path, place: Path) -> CubTables:
    """All annotation files; where images were shrunk, ``gaze_cub_gha.csv`` has the sizes that annotations refer to."""
    images = _rows(place / "images.txt", 2)
    ids = tuple(images)
    names = {key: row[0].replace("_", " ").partition(".")[2] for key, row in _rows(place / "classes.txt", 2).items()}
    class_rows = _aligned(place / "image_class_labels.txt", 2, ids)
    present = sorted({row[0] for row in class_rows}, key=int)
    unknown = [key for key in present if key not in names]
    if unknown:
        raise RegardError(f"{place / 'classes.txt'}: class {unknown[0]} of image_class_labels.txt is not listed")
    boxes = _numbers(place / "bounding_boxes.txt", 5, ids)
    split = _numbers(place / "train_test_split.txt", 2, ids)
    paths = tuple(folder / "images" / images[key][0] for key in ids)
    gaze = next((folder / name for name in _GAZE if (folder / name).exists()), None)
    return CubTables(
        ids=ids,
        paths=paths,
        labels=torch.tensor([present.index(row[0]) for row in class_rows]),
        classes=tuple(names[key] for key in present),
        official_train=split[:, 0] == 1,
        boxes=torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1),
        parts=_parts(place, ids),
        sizes=_sizes(ids, paths, gaze),
        gaze=gaze,
    )


def _sizes(ids: tuple[str, ...], paths: tuple[Path, ...], gaze: Path | None) -> Float[Tensor, "N 2"]:
    """Width and height of the originals: from the CSV, else of the files."""
    originals: dict[str, tuple[float, float]] = {}
    if gaze is not None and gaze.is_file():
        rows = load_csv(gaze, ("image_id",), ("orig_w", "orig_h"))
        originals = dict(zip(rows["image_id"], zip(rows["orig_w"], rows["orig_h"], strict=True), strict=True))
    sizes = [originals.get(key) or image_size(path)[::-1] for key, path in zip(ids, paths, strict=True)]
    return torch.tensor(sizes, dtype=torch.float32)


def _parts(place: Path, ids: tuple[str, ...]) -> Float[Tensor, "N 15 3"]:
    path = next((p for p in (place / "part_locs.txt", place / "parts" / "part_locs.txt") if p.is_file()), None)
    if path is None:
        raise RegardError(f"{place / 'part_locs.txt'}: no such file, nor in parts/; take it from CUB_200_2011.tgz")
    parts: dict[tuple[str, int], list[float]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        try:
            x, y, visible = (float(word) for word in words[2:])
            parts[words[0], int(words[1])] = [x, y, visible]
        except (ValueError, IndexError):
            raise RegardError(f"{path}, line {number}: {line!r} is not image, part, x, y, visible") from None
    try:
        return torch.tensor([[parts[key, part] for part in range(1, _PARTS + 1)] for key in ids])
    except KeyError as error:
        image, part = error.args[0]
        raise RegardError(f"{path}: image {image} lacks part {part} of {_PARTS}; fetch the file again") from None


def _numbers(path: Path, width: int, ids: tuple[str, ...]) -> Float[Tensor, "N M"]:
    try:
        return torch.tensor([[float(word) for word in row] for row in _aligned(path, width, ids)])
    except ValueError as error:
        raise RegardError(f"{path}: {error}; fetch the file again") from None


def _aligned(path: Path, width: int, ids: tuple[str, ...]) -> list[list[str]]:
    rows = _rows(path, width)
    if rows.keys() != set(ids):
        odd = sorted(rows.keys() ^ set(ids))[0]
        raise RegardError(f"{path}: image {odd} is not both here and in images.txt ({len(rows)} and {len(ids)} images)")
    return [rows[key] for key in ids]


def _rows(path: Path, width: int) -> dict[str, list[str]]:
    """Key -> the other words of each line."""
    if not path.is_file():
        raise RegardError(f"{path}: no such file; take it from CUB_200_2011.tgz")
    out: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        if len(words) != width:
            raise RegardError(f"{path}, line {number}: {len(words)} words, not {width}: {line!r}")
        out[words[0]] = words[1:]
    return out
