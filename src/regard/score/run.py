"""`regard score`: maps of one or more models against fixations, as files, page and comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from regard.gaze import GazeReading
from regard.owner import owns
from regard.report import write_dataclass
from regard.score.maps import open_source, read_fixations
from regard.score.results import MapScores, ModelComparison, ScoreOptions
from regard.score.score import ScoreCarry, compare_models, score_maps
from regard.types import RegardError


@dataclass(frozen=True)
class SourceScores:
    """Scores of one or more sources of maps, by the name of each."""

    scores: Mapping[str, MapScores]
    folders: Mapping[str, Path]  # of its files
    comparisons: tuple[ModelComparison, ...] = ()  # every pair in every metric; empty for one source

    @property
    def problems(self) -> list[str]:
        """A line per image that could not be scored."""
        return [f"{name}: {image}: {why}" for name, s in self.scores.items() for image, why in s.failed.items()]


@owns("out")
def score_sources(
    sources: Mapping[str, Path],
    fixations: Path,
    images: Path,
    out: Path,
    *,
    train: Path | None = None,
    options: ScoreOptions,
    reading: GazeReading | None = None,
    carry: Callable[[str], ScoreCarry] | None = None,
) -> SourceScores:
    """Scores every source into ``out`` (each into its own subfolder where there are several), and compares them.

    A folder gets per_image.csv, scores.json, gallery.npz and report.html; two sources or more also get
    comparison.json. ``carry`` says for each source who scores it; see `score_maps`.

    Raises:
        RegardError: fixations, images or a source that cannot be read at all.
    """
    table = read_fixations(fixations, images, **(reading or {}))
    learned = None if train is None else read_fixations(train, images, **(reading or {}))
    opened = {name: open_source(path, images, color_map=options.map_colors) for name, path in sources.items()}
    folders = {name: out if len(opened) == 1 else out / name for name in opened}
    results: dict[str, MapScores] = {}
    with Progress(transient=True, disable=len(table.images) < 5 or carry is not None) as bar:
        for name, files in opened.items():
            task = bar.add_task(f"scoring {name}", total=len(table.images))
            results[name] = score_maps(
                files,
                table,
                images,
                train=learned,
                options=options,
                out=folders[name],
                name=name,
                on_progress=lambda done, _, task=task: bar.update(task, completed=done),
                carry=None if carry is None else carry(name),
            )
            if not results[name].images:
                image, why = next(iter(results[name].failed.items()))
                raise RegardError(f"{name}: no image could be scored; the first problem: {image}: {why}")
    comparisons = compare_models(results) if len(results) > 1 else ()
    if comparisons:
        write_dataclass(out / "comparison.json", comparisons, indent=2)
    return SourceScores(results, folders, comparisons)


def named_sources(arguments: Sequence[str]) -> dict[str, Path]:
    """NAME=PATH, or PATH, which is then called by its last part without ending.

    Raises:
        RegardError: two sources of one name.
    """
    sources: dict[str, Path] = {}
    for text in arguments:
        name, equals, path = text.partition("=")
        if not equals or Path(text).exists():
            name, path = Path(text).resolve().stem, text
        if name in sources:
            raise RegardError(f"two sources of maps are called {name!r}: name them, as in --maps first={path}")
        if name in ("", ".", "..") or "/" in name:
            raise RegardError(f"{text}: {name!r} is not a name for a folder")
        sources[name] = Path(path)
    return sources
