"""Your own images: a folder by class, or a CSV file that lists them.

* Folder: ``ROOT/CLASS/image``, or ``ROOT/train/CLASS/image`` with ``val`` and ``test`` beside ``train``.
* CSV: ``path,label[,split][,mask]``; paths are relative to its folder; ``;`` separates several labels of one image.

Where there is no validation or test split, a seed takes it from the training images, each class in proportion.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.data.files import FileSplit, as_size, file_splits
from regard.data.gaze import own_gaze
from regard.data.membership import DataRecord, keep_items
from regard.data.splits import DataSplits, complete, label_names
from regard.errors import listed_names
from regard.gaze import GazeReading
from regard.listing import IMAGE_SUFFIXES, Names, find_path, list_files, list_folders
from regard.types import RegardError

_COLUMNS = ("path", "label", "split", "mask")
_SPLITS = ("train", "val", "test")


def image_folder(
    root: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    masks: str | Path | None = None,
    fixations: str | Path | None = None,
    gaze_reading: GazeReading | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
    mirror: bool = True,
    record: DataRecord | None = None,
) -> DataSplits:
    """A folder of images by class.

    Args:
        root: the folder. Names of subfolders are the classes, sorted. What systems and programs leave in folders
            (hidden files and folders, ``Thumbs.db``, ``@eaDir``) and files without the suffix of an image are ignored.
        size: height and width of the images, or one number for both: resized to just cover it, cut to the centre.
        masks: folder with an object mask for every image at the same relative path but for the suffix
            (``MASKS/CLASS/0001.png`` for ``ROOT/CLASS/0001.jpg``; with ``ROOT/train``, ``MASKS/train/CLASS/0001.png``).
        fixations: CSV file of fixations: image, x, y (pixels of the file) and, if known, subject, order,
            duration. It names an image by its path below ``root``, or by the file's name where only one has it.
        gaze_reading: how the fixations are read where columns or units are others: arguments of `regard.gaze.read_csv`,
            such as ``{"points_outside": "drop", "columns": {"x": "FixX"}}``.
        val_share: share of the training images for validation where there is no ``val`` folder.
        test_share: likewise for test.
        seed: decides which.
        in_memory: read all images now.
        mirror: whether a mirrored image keeps its class.
        record: of a run; its classes and splits are kept, whatever was added since.

    Raises:
        RegardError: no such folder, no images, or images of ``record`` that are missing or changed.
    """
    root = Path(root)
    _folder(root, "image folder")
    folders = {name: root / name for name in ("train", "val", "test") if (root / name).is_dir()}
    if "train" not in folders:
        if folders:
            raise RegardError(
                f"{root}: has {sorted(folders)} but no 'train'; add it, or rename folders that are classes"
            )
        folders = {"train": root}
    masks_folder = None if masks is None else Path(masks).resolve()
    classes = tuple(sorted(p.name for p in list_folders(folders["train"]) if p.resolve() != masks_folder))
    if len(classes) < 2 and record is None:
        raise RegardError(f"{folders['train']}: {len(classes)} class folders; at least 2 are needed, one per class")
    new, others = record is None, {name: path for name, path in folders.items() if name != "train"}
    if new:
        _same_classes(others.values(), classes)
    images = {name: _images(path, classes, every=new) for name, path in folders.items()}
    paths = [path for own, _ in images.values() for path in own]
    labels = torch.cat([own for _, own in images.values()])
    lengths = [len(own) for _, own in images.values()]
    groups = dict(zip(images, torch.arange(len(paths)).split(lengths), strict=True))
    if new:
        groups = complete(groups, labels, {"val": val_share, "test": test_share}, seed=seed, where=root)
    return own_splits(
        paths,
        labels,
        groups,
        classes=classes,
        size=size,
        masks=None if masks is None else _masks(paths, root, Path(masks), every=new),
        fixations=fixations,
        gaze_reading=gaze_reading,
        root=root,
        record=record,
        source=f"images in {root}",
        in_memory=in_memory,
        mirror=mirror,
    )


def _same_classes(folders: Iterable[Path], classes: tuple[str, ...]) -> None:
    for folder in folders:
        unknown = sorted({p.name for p in list_folders(folder)} - set(classes))
        if unknown:
            raise RegardError(
                f"{folder / unknown[0]}: no such class in the training folder ({listed_names(classes)}); rename it"
            )


def _images(folder: Path, classes: tuple[str, ...], *, every: bool) -> tuple[list[Path], Tensor]:
    """Image files below the class folders, sorted, and their labels; ``every`` class must have one."""
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        own = list_files(folder / name, IMAGE_SUFFIXES) if every or (folder / name).is_dir() else []
        if every and not own:
            raise RegardError(
                f"{folder / name}: no images in this class; add some ({', '.join(IMAGE_SUFFIXES)}) or remove it"
            )
        paths += own
        labels += [label] * len(own)
    return paths, torch.tensor(labels).long()


def _masks(paths: list[Path], root: Path, masks: Path, *, every: bool) -> list[Path]:
    """The mask of each image; ``every`` image must have one, else that of one without is a file that is not there."""
    _folder(masks, "masks folder")
    names = {p: p.relative_to(root).as_posix() for p in paths}
    mask_of = Names(p.relative_to(masks).as_posix() for p in list_files(masks, IMAGE_SUFFIXES)).find_all(names.values())
    absent = [p for p, name in names.items() if name not in mask_of]
    if absent and every:
        raise RegardError(
            f"{masks}: no mask for {len(absent)} of {len(paths)} images, the first {absent[0]}; "
            f"save it as {masks / absent[0].relative_to(root).with_suffix('.png')}"
        )
    return [masks / mask_of.get(name, name) for name in names.values()]


def _folder(path: Path, what: str) -> None:
    if not path.is_dir():
        raise RegardError(f"{path}: no such {what}; correct the path")


@dataclass(frozen=True)
class _Row:
    line: int
    path: Path
    labels: tuple[str, ...]
    split: str
    mask: Path | None


def csv_table(
    table: str | Path,
    *,
    size: int | tuple[int, int] = 224,
    classes: Sequence[str] | None = None,
    fixations: str | Path | None = None,
    gaze_reading: GazeReading | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    in_memory: bool = False,
    mirror: bool = True,
    record: DataRecord | None = None,
) -> DataSplits:
    """The images that a CSV file lists; every error names file, line, value and remedy.

    Args:
        table: the file, UTF-8, with a header. Masks are given for all images or none; lines added after training, which
            a record does not have, need none.
        size: height and width of the images, or one number for both: resized to just cover it, cut to the centre.
        classes: class names in the order of their indices; None takes the labels that occur, sorted.
        fixations: CSV file of fixations: image, x, y (pixels of the file) and, if known, subject, order,
            duration. It names an image as ``path`` does, or by the file's name where only one has it.
        gaze_reading: how the fixations are read where columns or units are others: arguments of `regard.gaze.read_csv`,
            such as ``{"points_outside": "drop", "columns": {"x": "FixX"}}``.
        val_share: share for validation where no line has the split ``val``.
        test_share: likewise for test.
        seed: decides which.
        in_memory: read all images now.
        mirror: whether a mirrored image keeps its class.
        record: of a run; its classes and splits are kept, whatever was added since.

    Returns:
        Splits whose labels are class indices, or 0/1 targets (N,n) as soon as one image has several labels.
    """
    table = Path(table)
    rows = _read(table, masks_for_all=record is None)
    names = tuple(classes) if classes is not None else tuple(sorted({name for row in rows for name in row.labels}))
    if len(names) < 2 and record is None:
        raise RegardError(f"{table}: {len(names)} classes ({listed_names(names)}); at least 2 are needed")
    labels = _labels(table, rows, names)

    groups = {name: torch.tensor([i for i, row in enumerate(rows) if row.split == name]).long() for name in _SPLITS}
    if record is None:
        groups = complete(groups, labels, {"val": val_share, "test": test_share}, seed=seed, where=table)
    return own_splits(
        [row.path for row in rows],
        labels,
        groups,
        classes=names,
        size=size,
        masks=[row.mask for row in rows] if any(row.mask is not None for row in rows) else None,
        fixations=fixations,
        gaze_reading=gaze_reading,
        root=table.parent,
        record=record,
        source=f"images listed in {table}",
        in_memory=in_memory,
        mirror=mirror,
    )


def _read(table: Path, *, masks_for_all: bool) -> list[_Row]:
    try:
        text = table.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RegardError(f"{table}: no such file; correct the path") from None
    except UnicodeDecodeError as error:
        raise RegardError(f"{table}: not UTF-8 at byte {error.start}; save the table as UTF-8") from None
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        rows = list(_rows(table, reader))
    except csv.Error as error:
        raise RegardError(f"{table}, line {reader.reader.line_num}: {error}; correct the quoting") from None
    if not rows:
        raise RegardError(f"{table}: no line after the header; list images as path,label")
    with_mask = [row for row in rows if row.mask is not None]
    if masks_for_all and with_mask and len(with_mask) < len(rows):
        first = next(row for row in rows if row.mask is None)
        raise RegardError(
            f"{table}, line {first.line}: no mask, but line {with_mask[0].line} has one; give masks for all or none"
        )
    return rows


def _rows(table: Path, reader: csv.DictReader[str]) -> Iterator[_Row]:
    """The lines after the header, each checked by itself and against the earlier ones."""
    header = [name.strip() for name in reader.fieldnames or ()]
    for name in header:
        if any(separator in name for separator in ";\t|") and name.startswith(_COLUMNS):
            raise RegardError(
                f"{table}, line 1: no commas in {name!r}, but semicolons or tabs; save the table with commas between "
                "values (semicolons stand between labels)"
            )
        if name not in _COLUMNS:
            columns = ", ".join(_COLUMNS)
            raise RegardError(f"{table}, line 1: unknown column {name!r}{_near(name, _COLUMNS)}; columns are {columns}")
    for name in ("path", "label"):
        if name not in header:
            raise RegardError(f"{table}, line 1: no column {name!r} among {header}; write path,label[,split][,mask]")
    reader.fieldnames = header
    line_of: dict[Path, int] = {}
    for cells in reader:
        row = _row(table, reader.line_num, cells, header)
        if row.path in line_of:
            raise RegardError(f"{table}, line {row.line}: {row.path} is on line {line_of[row.path]} already; keep one")
        line_of[row.path] = row.line
        yield row


def _row(table: Path, line: int, cells: dict[str | None, str | list[str] | None], header: list[str]) -> _Row:
    where = f"{table}, line {line}"
    if None in cells or None in cells.values():
        number = len(header) + len(cells.get(None) or ()) - list(cells.values()).count(None)
        raise RegardError(f"{where}: {number} values for {len(header)} columns; quote values with commas")
    cell = {str(name): str(value).strip() for name, value in cells.items()}
    if not cell["path"]:
        raise RegardError(f"{where}: empty path; name an image")
    paths = {}
    for column in ("path", "mask"):
        if cell.get(column):
            paths[column] = find_path(table.parent / cell[column])
            if not paths[column].is_file():
                raise RegardError(
                    f"{where}: {column} {cell[column]!r} is no file ({paths[column]}); correct or remove it"
                )
    split = cell.get("split", "train")
    if split not in _SPLITS:
        raise RegardError(f"{where}: split {split!r}{_near(split, _SPLITS)}; use train, val or test")
    names = tuple(name.strip() for name in cell["label"].split(";"))
    if "" in names:
        raise RegardError(f"{where}: empty label in {cell['label']!r}; name a class, or several with ';' between them")
    if len(set(names)) < len(names):
        raise RegardError(f"{where}: a label occurs twice in {cell['label']!r}; keep one")
    return _Row(line, paths["path"], names, split, paths.get("mask"))


def _labels(table: Path, rows: list[_Row], classes: tuple[str, ...]) -> Tensor:
    place = {name: k for k, name in enumerate(classes)}
    for row in rows:
        for name in row.labels:
            if name not in place:
                raise RegardError(
                    f"{table}, line {row.line}: label {name!r} is not among the {len(classes)} classes"
                    f"{_near(name, classes)}; correct it or add the class"
                )
    if all(len(row.labels) == 1 for row in rows):
        return torch.tensor([place[row.labels[0]] for row in rows])
    targets = torch.zeros(len(rows), len(classes))
    for i, row in enumerate(rows):
        targets[i, [place[name] for name in row.labels]] = 1
    return targets


def _near(value: str, choices: Sequence[str]) -> str:
    close = difflib.get_close_matches(value, choices, n=3, cutoff=0.5)
    return f" (near: {', '.join(close)})" if close else ""


def own_splits(
    paths: Sequence[Path],
    labels: Tensor,
    groups: Mapping[str, Tensor],
    *,
    classes: tuple[str, ...],
    size: int | tuple[int, int],
    masks: Sequence[Path | None] | None,
    fixations: str | Path | None,
    gaze_reading: GazeReading | None,
    root: Path,
    record: DataRecord | None = None,
    **options: Any,
) -> DataSplits:
    """Splits of the user's own images, cut to the centre; ``groups`` are the positions of each split's images.

    ``fixations`` is a CSV file, see `own_gaze`; ``options`` are those of `file_splits`. Classes, labels and splits are
    those of ``record`` where there is one, and images that it does not have need no mask.

    Raises:
        RegardError: images of ``record``, or their masks, are missing or changed.
    """
    remarks: tuple[str, ...] = ()
    if record is not None:
        beside = [None] * len(paths) if masks is None else masks
        files = [(path,) if mask is None else (path, mask) for path, mask in zip(paths, beside, strict=True)]
        kept = keep_items(record, files, label_names(labels, classes), where=root)
        classes, labels, groups, remarks = kept.classes, kept.labels, kept.groups, kept.remarks
    shape = as_size(size)
    observed = None if fixations is None else own_gaze(fixations, paths, root, shape, gaze_reading)
    splits, tables = {}, {}
    for name, index in groups.items():
        places = index.tolist()
        given = [mask for i in places if masks is not None and (mask := masks[i]) is not None]
        masks_of = tuple(given) if masks is not None and len(given) == len(places) else None
        splits[name] = FileSplit(name, classes, tuple(paths[i] for i in places), labels[index], shape, masks_of)
        if observed is not None:
            splits[name], tables[name] = observed(splits[name])
    gaze = tables.get("test")
    return file_splits(splits, licence="the user's own", gaze=gaze, where=root, remarks=remarks, **options)
