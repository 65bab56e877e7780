"""`regard predict`: the probabilities of classes for one's own images, as a table with one row per image."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.progress import track

from regard.files import csv_name, write_atomically
from regard.judge.subject import Subject
from regard.listing import IMAGE_SUFFIXES, list_files
from regard.types import RegardError


@dataclass(frozen=True)
class PredictedImage:
    """An image, the likeliest class and its probability, and the probability of every class in their order."""

    image: str
    prediction: str
    probability: float
    probabilities: tuple[float, ...]


@dataclass
class Predictions:
    """What `predict_images` found.

    Attributes:
        classes: their names, in the order of the probabilities.
        images: those that were read.
        problems: those that could not be read, and why.
    """

    classes: tuple[str, ...]
    images: list[PredictedImage] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def to_csv(self) -> str:
        """A row per image: ``image``, ``prediction``, ``probability``, and a column ``p(CLASS)`` for every class."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "prediction", "probability", *(f"p({name})" for name in self.classes)])
        for row in self.images:
            names = csv_name(row.image), csv_name(row.prediction)
            writer.writerow([*names, *(f"{p:.6g}" for p in (row.probability, *row.probabilities))])
        return file.getvalue()


def images_at(paths: Sequence[Path]) -> list[Path]:
    """Files as they are given; of a folder all images in and below it, in the order of their names.

    Raises:
        RegardError: a folder without images.
    """
    files: list[Path] = []
    for path in paths:
        found = list_files(path, IMAGE_SUFFIXES) if path.is_dir() else [path]
        if not found:
            raise RegardError(f"{path}: no images in this folder ({', '.join(IMAGE_SUFFIXES)})")
        files += found
    return files


def predict_images(
    subject: Subject, images: Sequence[Path], *, batch_size: int = 32, csv: Path | None = None
) -> Predictions:
    """Predicts images in files; one that cannot be read is named in ``problems``, and the others continue.

    Args:
        subject: the model and its classes.
        images: files, or folders of them; resized and cut as the model's weights want it.
        batch_size: images in one forward.
        csv: file for the table (`Predictions.to_csv`); it is not written where no image could be read.

    Raises:
        RegardError: a folder without images, or a table that cannot be written.
    """
    files = images_at(images)
    results = Predictions(subject.classes)
    starts = range(0, len(files), batch_size)
    for start in track(starts, description="predicting", disable=len(starts) < 2):
        names, prepared = [], []
        for path in files[start : start + batch_size]:
            try:
                prepared.append(subject.model.prepare(path))
                names.append(str(path))
            except RegardError as error:
                results.problems.append(str(error))
        if not prepared:
            continue
        for name, row in zip(names, subject.model.predict(torch.cat(prepared)).cpu(), strict=True):
            best = int(row.argmax())
            values = tuple(float(p) for p in row)
            results.images.append(PredictedImage(name, subject.classes[best], values[best], values))
    if csv is not None and results.images:
        write_atomically(csv, results.to_csv(), parents=True)
    return results
