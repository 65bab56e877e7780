"""Data sets of gaze, one reader per set (or published form), each into `Fixations`. Not here: images as tensors.

* OSIE: 700 images of 800x600, 15 observers, 3 s of free viewing, 98,321 fixations (Xu et al. 2014; MIT licence,
  github.com/NUS-VIP/predicting-human-gaze-beyond-pixels).
* PASCAL-S: 850 images, 12 observers, 2 s of free viewing, 40,314 fixations (Li et al. 2014).
* DUT-OMRON: 5,168 images, 5 observers (Yang et al. 2013).
* SALICON: mouse movements (not gaze) of online observers on 15,000 images of MS COCO (Jiang et al. 2015).
* MIT1003: 1,003 images, 15 observers, 3 s of free viewing (Judd et al., ICCV 2009). pysaliency's HDF5 keeps observers.
* CUB-GHA: people who identify the birds of CUB-200-2011 (Rong et al. 2021). All fixations lie inside the bird's box:
  compare with a baseline within the box. A run is a viewing, not an observer.
* Interiors: visual search in 134 grey images of rooms (Bujia et al. 2020): 57 observers, 7,455 trials, 47,383
  fixations; 2,459 of them lie on the border of the screen, at x = 1024 or y = 768, to which the published coordinates
  of gaze outside the screen are clipped. The published scores leave them out.
* Atari-HEAD: gaze and actions of people who play Atari games, frame by frame (Zhang et al. 2020).
* Video: DHF1K, Hollywood-2 and UCF Sports as Wang et al. (CVPR 2018) repackaged them, one folder per clip; raw samples
  of Mathe and Sminchisescu (2012, 2015) on Hollywood-2 and UCF Sports.

MIT1003 and Wang et al. publish binary maps of fixated pixels: observers, order and repeated fixations of a pixel are
lost, so there is one subject, "all".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from regard.gaze.entry import Outside
from regard.gaze.files import fixated_pixels, image_sizes, load_csv, load_mat, numbers
from regard.gaze.fixations import Fixations, make_fixations, natural
from regard.gaze.hdf5 import open_hdf5, read_hdf5_cells
from regard.gaze.tables import read_csv
from regard.listing import IMAGE_SUFFIXES, list_files, list_folders
from regard.types import RegardError

ATARI_FRAME = (210, 160)
_OSIE_SIZE, _INTERIORS_SIZE = (600, 800), (768, 1024)
_CUB_GHA_COLUMNS = ("image_id", "run", "order", "x", "y", "dur_ms", "orig_w", "orig_h")
_Floats = npt.NDArray[np.float64]


def read_osie(folder: str | Path, *, points_outside: Outside = "raise") -> Fixations:
    r"""OSIE from a folder with ``fixations.csv`` and ``images/`` (coordinates in those images), or ``fixations.mat``.

    The CSV has the columns image, subject, order, x, y, dur_ms. The ``.mat`` has one struct per image with ``img`` and
    ``subjects``, one struct per observer with fix_x, fix_y, fix_duration (ms), in pixels of 800x600, 0-based.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "images").mkdir()
    >>> Image.new("RGB", (40, 30)).save(folder / "images" / "1001.jpg")
    >>> _ = (folder / "fixations.csv").write_text("image,subject,order,x,y,dur_ms\n1001.jpg,0,0,39.5,2,246\n")
    >>> read_osie(folder).points().tolist()
    [[[39.5, 2.0]]]

    Raises:
        RegardError: neither file, a corrupt file, or invalid coordinates.
    """
    folder = Path(folder)
    if (folder / "fixations.csv").exists():
        sizes_of_files = image_sizes(folder / "images")
        return read_csv(folder / "fixations.csv", sizes=sizes_of_files, points_outside=points_outside)
    if not (folder / "fixations.mat").exists():
        raise RegardError(f"{folder} holds neither fixations.csv nor fixations.mat of OSIE")
    columns: dict[str, Any] = {name: [] for name in ("image", "subject", "order", "x", "y", "duration")}
    sizes: dict[str, tuple[int, int]] = {}
    for entry in np.atleast_1d(load_mat(folder / "fixations.mat", "fixations")["fixations"]):
        sizes[str(entry.img)] = _OSIE_SIZE
        for person, viewing in enumerate(np.atleast_1d(entry.subjects)):
            count = np.size(viewing.fix_x)
            columns["image"] += [str(entry.img)] * count
            columns["subject"] += [person] * count
            columns["order"] += range(count)
            for name in ("x", "y", "duration"):
                columns[name] += np.atleast_1d(getattr(viewing, f"fix_{name}")).tolist()
    return make_fixations(**columns, sizes=sizes, points_outside=points_outside)


def read_pascal_s(folder: str | Path, *, points_outside: Outside = "raise") -> Fixations:
    """PASCAL-S from the folder ``datasets`` of salObj.zip (needs h5py: ``pip install regard[gaze]``).

    ``fixations/pascalFix.mat`` is HDF5 (v7.3): ``fixCell[0, i]`` is 3xN with rows y, x, subject, counted from 1, for
    image ``imgs/pascal/{i+1}.jpg``; images sort by number. One is subtracted from x and y.

    Raises:
        RegardError: a missing or corrupt file, another number of images than of cells, invalid coordinates.
    """
    folder = Path(folder)
    sizes = image_sizes(folder / "imgs" / "pascal")
    path = folder / "fixations" / "pascalFix.mat"
    with open_hdf5(path) as file:
        cells = read_hdf5_cells(file, "fixCell")
    if len(cells) != len(sizes):
        raise RegardError(f"{path} has {len(cells)} images, {folder / 'imgs' / 'pascal'} has {len(sizes)}")
    cells = [cell if cell.ndim == 2 and len(cell) == 3 else np.empty((3, 0)) for cell in cells]  # empty: MATLAB's size
    image = np.repeat(np.array(list(sizes), dtype=object), [cell.shape[1] for cell in cells])
    y, x, subject = np.concatenate(cells, axis=1)
    subject = subject.astype(np.int64)
    return make_fixations(image=image, subject=subject, x=x - 1, y=y - 1, sizes=sizes, points_outside=points_outside)


def read_dut_omron(folder: str | Path, *, points_outside: Outside = "raise") -> Fixations:
    """DUT-OMRON from ``DUT-OMRON-eye-fixations/mat/<stem>.mat``; ``folder`` holds the ``.mat`` files.

    Variable ``s`` is Nx3: x, y, subject; row 0 is the image's width and height with subject 0. Images are named
    ``<stem>.jpg``.

    Raises:
        RegardError: no or corrupt files, or invalid coordinates.
    """
    sizes, image, rows = {}, [], []
    for path in _mat_files(folder, "DUT-OMRON"):
        s = np.atleast_2d(np.asarray(load_mat(path, "s")["s"], dtype=np.float64))
        if s.shape[1] != 3:
            raise RegardError(f"{path}: s is {s.shape}, not Nx3 with x, y, subject")
        name = f"{path.stem}.jpg"
        sizes[name] = (int(s[0, 1]), int(s[0, 0]))
        image += [name] * (len(s) - 1)
        rows.append(s[1:])
    x, y, subject = np.concatenate(rows).T
    subject = subject.astype(np.int64)
    return make_fixations(image=image, subject=subject, x=x, y=y, sizes=sizes, points_outside=points_outside)


def read_salicon(
    folder: str | Path,
    *,
    edition: Literal["2015", "2017"],
    columns: Literal["fixations", "location"] = "fixations",
    points_outside: Outside = "raise",
) -> Fixations:
    """SALICON from a folder of ``.mat`` files, one per image: image, resolution, gaze{location, timestamp, fixations}.

    Coordinates are counted from 1; one is subtracted. Images are named by ``image`` with ``.jpg``.

    Args:
        folder: ``fixations/train`` or ``fixations/val``.
        edition: 2015 and 2017 detected fixations differently under the same file names; the files do not say which,
            so the caller must. It becomes part of the subjects' names, so that the two never mix unnoticed.
        columns: ``fixations`` as detected by the authors, or ``location``, the mouse's raw samples, which the 2017
            edition records beyond the image's border, too.
        points_outside: see ``make_fixations``.

    Raises:
        RegardError: no or corrupt files, or invalid coordinates.
    """
    if edition not in ("2015", "2017") or columns not in ("fixations", "location"):
        raise RegardError(
            f"SALICON has editions 2015 and 2017, columns fixations and location: not {edition}, {columns}"
        )
    sizes, image, subject, rows = {}, [], [], []
    for path in _mat_files(folder, "SALICON"):
        content = load_mat(path, "image", "resolution", "gaze")
        name = f"{content['image']}.jpg"
        h, w = (int(v) for v in content["resolution"])
        sizes[name] = (h, w)
        for person, gaze in enumerate(np.atleast_1d(content["gaze"])):
            xy = np.asarray(getattr(gaze, columns), dtype=np.float64).reshape(-1, 2)
            image += [name] * len(xy)
            subject += [f"{edition}-{person}"] * len(xy)
            rows.append(xy - 1)
    x, y = np.concatenate(rows).T
    return make_fixations(image=image, subject=subject, x=x, y=y, sizes=sizes, points_outside=points_outside)


def _mat_files(folder: str | Path, title: str) -> list[Path]:
    paths = sorted(list_files(Path(folder), (".mat",), recursive=False), key=lambda p: natural(p.name))
    if not paths:
        raise RegardError(f"{folder} has no .mat files of {title}")
    return paths


def read_mit1003(folder: str | Path, *, threshold: int = 127) -> Fixations:
    """Fixated pixels from ``ALLFIXATIONMAPS``: ``<stem>_fixPts.jpg`` beside ``<stem>_fixMap.jpg``.

    Pixels above ``threshold`` are fixations (the binary maps are stored as JPEG). Images are named by their stem.

    Raises:
        RegardError: no such maps, or a map without any fixation.
    """
    names = [name for name in image_sizes(folder) if Path(name).stem.endswith("_fixPts")]
    if not names:
        raise RegardError(f"{folder} has no <stem>_fixPts.jpg: is it ALLFIXATIONMAPS of MIT1003?")
    maps = {Path(name).stem.removesuffix("_fixPts"): Path(folder) / name for name in names}
    return _from_maps(maps, threshold, empty=False)


def read_wang(folder: str | Path, *, threshold: int = 127) -> Fixations:
    """Fixated pixels of all clips: ``<clip>/fixation/*.png`` are binary maps of the frames in ``<clip>/images``.

    A frame is an image, named ``<clip>/<stem>``. Frames without fixations are listed. Split Hollywood-2 by movie, never
    by frame.

    Raises:
        RegardError: no clip, or another number of maps than of frames.
    """
    clips = [p for p in list_folders(Path(folder)) if (p / "fixation").is_dir()] if Path(folder).is_dir() else []
    if not clips:
        raise RegardError(f"{folder} has no <clip>/fixation/ folders")
    maps: dict[str, Path] = {}
    for clip in clips:
        names = image_sizes(clip / "fixation")
        images = clip / "images"
        frames = list_files(images, IMAGE_SUFFIXES, recursive=False) if images.is_dir() else []
        if frames and len(frames) != len(names):
            raise RegardError(f"{clip} has {len(frames)} frames, but {len(names)} maps of fixations")
        maps |= {f"{clip.name}/{Path(name).stem}": clip / "fixation" / name for name in names}
    return _from_maps(maps, threshold)


def _from_maps(maps: dict[str, Path], threshold: int, *, empty: bool = True) -> Fixations:
    """Fixations from image name -> file of its map; without ``empty``, a map without fixations is an error."""
    sizes: dict[str, tuple[int, int]] = {}
    image, x, y = [], [], []
    for name, path in maps.items():
        sizes[name], columns, rows = fixated_pixels(path, threshold=threshold)
        if len(rows) == 0 and not empty:
            raise RegardError(f"{path} has no pixel above {threshold}: it is no map of fixations")
        image += [name] * len(rows)
        x += columns.tolist()
        y += rows.tolist()
    return make_fixations(image=image, subject=["all"] * len(x), x=x, y=y, sizes=sizes)


def read_cub_gha(path: str | Path, *, points_outside: Outside = "raise") -> Fixations:
    """CUB-GHA from the folder ``data_5runs`` or from one CSV.

    The folder holds ``Fixation_run{1..5}.txt``; a line is a viewing: image id, width, height, then x, y, ms of each
    fixation, separated by commas. The CSV has image_id, run, order, x, y, dur_ms, orig_w, orig_h; its order restarts
    at 0 with each viewing. Images are named by their id in CUB, coordinates are pixels of the original image, subjects
    are viewings, named run-place ("3-0": the first viewing of an image in run 3).

    Raises:
        RegardError: a missing file, a malformed line, or invalid coordinates.
    """
    path = Path(path)
    if path.is_dir():
        rows = _cub_gha_folder(path)
    else:
        table = load_csv(path, _CUB_GHA_COLUMNS[:2], _CUB_GHA_COLUMNS[2:])
        rows = list(zip(*(table[name] for name in _CUB_GHA_COLUMNS), strict=True))
    sizes: dict[str, tuple[int, int]] = {}
    viewings: dict[tuple[str, str], int] = {}
    subject = []
    for name, run, order, _, _, _, w, h in rows:
        if sizes.setdefault(name, (int(h), int(w))) != (int(h), int(w)):
            raise RegardError(f"{path} gives image {name} two sizes, {sizes[name]} and {(int(h), int(w))}")
        viewings[name, run] = viewings.get((name, run), -1) + (int(order) == 0)
        subject.append(f"{run}-{viewings[name, run]}")
    image, _, order, x, y, ms = ([row[k] for row in rows] for k in range(6))
    columns: dict[str, Any] = {"image": image, "subject": subject, "order": order, "x": x, "y": y, "duration": ms}
    return make_fixations(**columns, sizes=sizes, points_outside=points_outside)


def _cub_gha_folder(path: Path) -> list[tuple[Any, ...]]:
    """Rows of the authors' text files, in the order of ``_CUB_GHA_COLUMNS``."""
    files = [p for p in list_files(path, (".txt",), recursive=False) if p.name.startswith("Fixation_run")]
    if not files:
        raise RegardError(f"{path} has no Fixation_run1.txt to Fixation_run5.txt of CUB-GHA")
    rows: list[tuple[Any, ...]] = []
    for file in files:
        run = file.stem.removeprefix("Fixation_run")
        for line, text in enumerate(file.read_text().splitlines(), start=1):
            parts = [part for part in text.strip().split(",") if part.strip()]
            if not parts:
                continue
            if len(parts) < 3 or (len(parts) - 3) % 3:
                raise RegardError(f"{file}, line {line}: {len(parts)} values, not id, w, h and triples of x, y, ms")
            w, h, *values = numbers(parts[1:], f"{file}, line {line}").tolist()
            fixations = zip(values[0::3], values[1::3], values[2::3], strict=True)
            rows += [(parts[0].strip(), run, k, *fixation, w, h) for k, fixation in enumerate(fixations)]
    return rows


def read_interiors(folder: str | Path, *, points_outside: Outside = "drop") -> Fixations:
    """Interiors from ``fixations.csv`` (trial, fix, x, y, dur_ms), ``trials.csv`` (trial, subject, image), ``images/``.

    Coordinates are pixels of the screen's 1024x768, whatever the size of the stored images: ``rescale`` converts
    them. Order 0 is the forced first fixation: ``select(order=(1, 10**6))`` leaves it out, as search scores do.
    Fixations on the border are left out and counted unless ``points_outside`` is "raise".

    Raises:
        RegardError: a missing file or column, a fixation of an unknown trial, invalid coordinates.
    """
    folder = Path(folder)
    trials = load_csv(folder / "trials.csv", ("trial", "subject", "image"))
    rows = load_csv(folder / "fixations.csv", ("trial",), ("fix", "x", "y", "dur_ms"))
    place = {trial: k for k, trial in enumerate(trials["trial"])}
    unknown = sorted(set(rows["trial"]) - set(place))
    if unknown:
        raise RegardError(f"{folder / 'fixations.csv'} has fixations of trial {unknown[0]!r}, which trials.csv lacks")
    trial = [place[name] for name in rows["trial"]]
    return make_fixations(
        image=[trials["image"][k] for k in trial],
        subject=[trials["subject"][k] for k in trial],
        order=rows["fix"],
        x=rows["x"],
        y=rows["y"],
        duration=rows["dur_ms"],
        sizes=dict.fromkeys(image_sizes(folder / "images"), _INTERIORS_SIZE),
        points_outside=points_outside,
    )


def read_atari_head(path: str | Path, *, points_outside: Outside = "drop") -> Fixations:
    """One trial's gaze, the mean position of each frame, from the CSV with frame_id, gaze_x_mean, gaze_y_mean.

    Each frame is an image of 210x160 (height, width), named by its frame_id; the player is the only subject. Frames
    without gaze (empty values) are listed without fixations; points outside the screen are left out and counted.

    Raises:
        RegardError: a missing column, a value that is no number, or coordinates that are systematically wrong.
    """
    rows = load_csv(path, ("frame_id",), ("gaze_x_mean", "gaze_y_mean"), blank=True)
    x, y = rows["gaze_x_mean"], rows["gaze_y_mean"]
    valid = ~(np.isnan(x) | np.isnan(y))
    player = Path(path).stem.removeprefix("gaze_actions_").split("_")[0]
    return make_fixations(
        image=np.array(rows["frame_id"], dtype=object)[valid],
        subject=[player] * int(valid.sum()),
        x=x[valid],
        y=y[valid],
        sizes=dict.fromkeys(rows["frame_id"], ATARI_FRAME),
        points_outside=points_outside,
    )


@dataclass(frozen=True)
class GazeSamples:
    """Raw gaze of one observer on one clip.

    Attributes:
        clip: name of the clip.
        subject: name of the observer.
        t: (N,) seconds since the clip's start.
        x: (N,) pixels of the video.
        y: (N,) pixels of the video.
        size: (height, width) of the video.
    """

    clip: str
    subject: str
    t: _Floats
    x: _Floats
    y: _Floats
    size: tuple[int, int]


def read_mathe(path: str | Path, *, screen: tuple[int, int], video: tuple[int, int]) -> GazeSamples:
    """Samples of ``samples/{subject:03d}_{clip}.avi.txt`` in pixels of the video, blinks left out.

    Six columns: time in microseconds, two unused, x and y on the screen, the event (B is a blink). The video filled
    the screen's width: a = video width / screen width; x = a xs; y = a (ys - (screen height - video height / a) / 2).
    ``regard.gaze.fixations_from_samples`` makes fixations of them; frame k of a clip shows at k / frames per second.

    Args:
        path: the file.
        screen: (height, width) in pixels, from geometry.txt.
        video: (height, width) of the clip, from resolution.txt.

    Raises:
        RegardError: a file name or a line of another form.
    """
    path = Path(path)
    subject, _, clip = path.name.partition("_")
    if not subject.isdigit() or not clip.endswith(".avi.txt"):
        raise RegardError(f"{path.name} is not of the form 001_clip.avi.txt (subject, clip)")
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    short = next((k for k, row in enumerate(rows, start=1) if len(row) != 6), None)
    if short:
        raise RegardError(f"{path}, line {short}: {len(rows[short - 1])} columns, not 6")
    rows = [row for row in rows if row[5] != "B"]
    t, xs, ys = (numbers([row[k] for row in rows], f"{path}, column {k + 1}") for k in (0, 3, 4))
    a = video[1] / screen[1]
    y = a * (ys - (screen[0] - video[0] / a) / 2)
    return GazeSamples(clip.removesuffix(".avi.txt"), subject, t / 1e6, a * xs, y, video)
