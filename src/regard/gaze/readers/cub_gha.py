"""CUB-GHA: gaze of people who identify the birds of CUB-200-2011 (Rong et al. 2021).

All fixations lie inside the bird's box: compare with a baseline within the box. A run is a viewing, not an observer.
"""

from __future__ import annotations

from pathlib import Path

from regard.gaze.files import load_csv, numbers
from regard.gaze.fixations import Fixations, Outside, make_fixations
from regard.types import RegardError


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
    columns = _folder(path) if path.is_dir() else _csv(path)
    sizes: dict[str, tuple[int, int]] = {}
    for name, w, h in zip(columns["image"], columns["w"], columns["h"], strict=True):
        if sizes.setdefault(name, (int(h), int(w))) != (int(h), int(w)):
            raise RegardError(f"{path} gives image {name} two sizes, {sizes[name]} and {(int(h), int(w))}")
    viewings: dict[tuple[str, str], int] = {}
    subject = []
    for name, run, order in zip(columns["image"], columns["run"], columns["order"], strict=True):
        viewings[name, run] = viewings.get((name, run), -1) + (int(order) == 0)
        subject.append(f"{run}-{viewings[name, run]}")
    return make_fixations(
        image=columns["image"],
        subject=subject,
        order=columns["order"],
        x=columns["x"],
        y=columns["y"],
        duration=columns["ms"],
        sizes=sizes,
        points_outside=points_outside,
    )


def _csv(path: Path) -> dict[str, list[str]]:
    names = {"image": "image_id", "run": "run", "order": "order", "x": "x", "y": "y", "ms": "dur_ms"}
    names |= {"w": "orig_w", "h": "orig_h"}
    rows = load_csv(path, names.values())
    for name in ("order", "x", "y", "dur_ms", "orig_w", "orig_h"):
        rows[name] = numbers(rows[name], f"{path}, {name}").tolist()
    return {ours: rows[theirs] for ours, theirs in names.items()}


def _folder(path: Path) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {name: [] for name in ("image", "run", "order", "x", "y", "ms", "w", "h")}
    files = sorted(path.glob("Fixation_run*.txt"))
    if not files:
        raise RegardError(f"{path} has no Fixation_run1.txt to Fixation_run5.txt of CUB-GHA")
    for file in files:
        run = file.stem.removeprefix("Fixation_run")
        for line, text in enumerate(file.read_text().splitlines(), start=1):
            parts = [part for part in text.strip().split(",") if part.strip()]
            if not parts:
                continue
            if len(parts) < 3 or (len(parts) - 3) % 3:
                raise RegardError(f"{file}, line {line}: {len(parts)} values, not id, w, h and triples of x, y, ms")
            values = numbers(parts[1:], f"{file}, line {line}").tolist()
            count = (len(parts) - 3) // 3
            columns = (values[2::3], values[3::3], values[4::3], list(range(count)))
            for name, column in zip(("x", "y", "ms", "order"), columns, strict=True):
                out[name] += column
            for name, value in (("image", parts[0].strip()), ("run", run), ("w", values[0]), ("h", values[1])):
                out[name] += [value] * count
    return out
