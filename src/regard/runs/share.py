"""A run on the Hugging Face hub: its network, and a card made from its evaluation.

What is uploaded is the network's two files, the card and its picture. Recipe, checkpoints, images and whatever names
places on this machine stay here.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from regard.data import CATALOG
from regard.models import CONFIG, AttentiveClassifier, CardFacts, Shareable, open_saved
from regard.plot import sheet
from regard.report import Data, Run, plural, read_run, run_summary
from regard.training import load_trained, refuse_map_override
from regard.types import RegardError

PICTURE = "maps.png"
_SHOWN = 3
_OWN = "yours"
"""Licence of the catalog's entries for folders and tables of one's own."""


@dataclass(frozen=True)
class Shared:
    """What was shared.

    Attributes:
        address: of the commit on the hub; empty where nothing was uploaded.
        folder: where the files lie; None where they were only uploaded.
        files: their names.
        notes: what was left out, and why.
    """

    address: str
    folder: Path | None
    files: tuple[str, ...]
    notes: tuple[str, ...]


def share_run(
    run: str | Path,
    repo: str,
    *,
    licence: str = "",
    data_licence: str = "",
    pictures: bool | None = None,
    out: str | Path | None = None,
    private: bool | None = None,
    token: str | None = None,
    branch: str | None = None,
) -> Shared:
    """Puts a run's network and a card made from its evaluation on the Hugging Face hub, or into a folder.

    Recipe, checkpoints and images stay here, but for the card's picture: the typical test images of the run with their
    maps, which is drawn for data that regard generates, and for other data only where ``pictures`` says so.

    Args:
        run: an evaluated run of any task, or a folder of ``save_pretrained``, whose card has no scores.
        repo: ``owner/name``.
        licence: of the weights, by the hub's name of it, such as ``mit``.
        data_licence: of the data, in words; needed for your own, otherwise as the catalog has it.
        pictures: whether test images may be published.
        out: writes the files into this folder and uploads nothing.
        private: as in ``push_to_hub``, and so are ``token`` and ``branch``.
        token: likewise.
        branch: likewise.

    Raises:
        RegardError: no finished, evaluated run; data of your own without a licence; or as ``push_to_hub``.

    Example:
        >>> share_run("runs/absent", "someone/birds")
        Traceback (most recent call last):
        regard.errors.RegardError: runs/absent: not a run folder (no recipe.yaml); `regard train` makes one
    """
    folder = Path(run)
    files: Mapping[str, bytes] = {}
    notes: list[str] = []
    if (folder / CONFIG).is_file():
        model: Shareable = open_saved(folder)
        facts = CardFacts(licence=licence, data_licence=data_licence)
        notes.append(f"{folder} is no run, so the card has no scores and no picture")
    else:
        model, read = _trained(folder), read_run(folder)
        facts = _facts(read, licence, data_licence)
        if pictures or (pictures is None and _generated(read.evaluation.data)):
            files, facts = _with_picture(read, facts)
        elif pictures is None:
            notes.append("the card has no picture: its images are yours to publish; --pictures does")
    names = (*model.SHARED, *files)
    if out is not None:
        model.write_shared(Path(out), repo, facts=facts, files=files)
        return Shared("", Path(out), names, tuple(notes))
    address = model.push_to_hub(repo, facts=facts, files=files, private=private, token=token, branch=branch)
    return Shared(address, None, names, tuple(notes))


def _trained(folder: Path) -> Shareable:
    """A run's network, which knows the names of its classes."""
    recipe, model, record = load_trained(folder)
    refuse_map_override(recipe, folder)
    if isinstance(model, AttentiveClassifier) and record is not None and not model.config.get("classes"):
        model.classes = tuple(record.data.classes)
        model.config["classes"] = list(model.classes)
    return model


def _facts(run: Run, licence: str, data_licence: str) -> CardFacts:
    data, evaluation = run.evaluation.data, run.evaluation
    entry = CATALOG.get(data.name)
    own = entry is None or entry.licence == _OWN
    if own and not data_licence:
        raise RegardError(
            f"{run.path}: was trained on {data.name}, data of your own, whose licence only you know; state it in words "
            "for the card: --data-licence 'photographs of mine, CC BY 4.0' (data_licence= in Python)"
        )
    return CardFacts(
        summary=run_summary(run),
        scores=evaluation.scores,
        warnings=evaluation.warnings,
        data=f"{data.name}, {data.split} split, {plural(data.size, 'image')}",
        source="the author's own data" if entry is None or own else entry.source,
        data_licence=data_licence or (entry.licence if entry is not None else ""),
        licence=licence,
    )


def _generated(data: Data) -> bool:
    """Whether regard makes the images, of material that may be shared."""
    entry = CATALOG.get(data.name)
    return entry is not None and not entry.needs_root


def _with_picture(run: Run, facts: CardFacts) -> tuple[Mapping[str, bytes], CardFacts]:
    """The card's picture of typical test images, their maps and both together; none of a run without a gallery."""
    pictures, meaning = run.pictures, run.evaluation.map
    typical = [item for item in run.evaluation.gallery if item.rule == "typical"] or list(run.evaluation.gallery)
    shown = typical[:_SHOWN]
    if pictures is None or meaning is None or not shown:
        return {}, facts
    titles = [
        f"{item.truth}, predicted {item.prediction} ({item.probability:.2f})" if item.truth else item.item
        for item in shown
    ]
    figure = sheet(
        [pictures.images[item.row] for item in shown],
        [pictures.maps[item.row] for item in shown],
        unit=meaning.unit,
        titles=titles,
    )
    file = io.BytesIO()
    figure.savefig(file, format="png")
    caption = f"Typical test images ({shown[0].why}), their maps and both together, on one scale"
    return {PICTURE: file.getvalue()}, replace(facts, picture=PICTURE, caption=caption)
