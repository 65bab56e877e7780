"""The card of a shared model, its ``README.md``: what it is, what was measured beside what, how to use it, licences.

Text of others (names of classes, data and runs) is escaped, so that a card shows it literally.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined
from torch import nn

from regard.__about__ import __version__
from regard.report import Reference, Score, interval_text, listed, number

_ACCURACY = "accuracy_mean"


@dataclass(frozen=True)
class CardFacts:
    """What a card says beyond the network itself; each may be left out.

    Attributes:
        summary: what was trained and found, in sentences.
        scores: with intervals and what each is compared with.
        warnings: what a reader must know before using the maps.
        data: name of the data set, and how much of which split was evaluated.
        source: where the data come from.
        data_licence: of the data, in words.
        licence: of the weights: an identifier of the hub, such as ``mit``, ``apache-2.0`` or ``cc-by-nc-4.0``.
        picture: name of a picture beside the card.
        caption: what it shows.
    """

    summary: str = ""
    scores: Sequence[Score] = ()
    warnings: Sequence[str] = ()
    data: str = ""
    source: str = ""
    data_licence: str = ""
    licence: str = ""
    picture: str = ""
    caption: str = ""


def model_card(model: nn.Module, name: str, facts: CardFacts | None = None, *, task: str) -> str:
    """The text of a card.

    Args:
        model: a model of regard, with ``config``.
        name: ``owner/name`` on the hub.
        facts: what is known of its training and evaluation.
        task: the hub's name of it, as ``image-classification``.
    """
    facts = facts or CardFacts()
    return (
        _environment()
        .get_template("card.md.j2")
        .render(
            metadata=_metadata(name, facts, task),
            name=name,
            facts=facts,
            network=_network(model),
            task=task,
            attends=bool(getattr(model, "config", {}).get("attention")),
            classes=list(getattr(model, "config", {}).get("classes") or ()),
            version=__version__,
        )
    )


def _metadata(name: str, facts: CardFacts, task: str) -> str:
    """The card's head, which the hub reads, as YAML."""
    options: dict[str, Any] = {"library_name": "regard", "pipeline_tag": task, "tags": ["regard", "spatial-attention"]}
    if facts.licence:
        options["license"] = facts.licence
    accuracy = next((score for score in facts.scores if score.key == _ACCURACY), None)
    if accuracy is not None and math.isfinite(accuracy.value):
        data = facts.data.partition(",")[0]
        result = EvalResult(task, data, data, "accuracy", round(accuracy.value, 4), dataset_split="test")
        options |= {"model_name": name.rpartition("/")[2], "eval_results": [result]}
    return str(ModelCardData(**options).to_yaml()).strip()


def _network(model: nn.Module) -> str:
    """The network as a phrase, from its configuration."""
    config: dict[str, Any] = getattr(model, "config", {})
    parts = [f"{config.get('backbone') or type(model).__name__}"]
    if config.get("attention"):
        at = config.get("at") or ()
        where = f" at {listed(list(at) if isinstance(at, list | tuple) else [str(at)])}" if at else ""
        parts.append(f"with {config['attention']} attention{where}")
    size = "x".join(str(side) for side in config.get("input_size", ()))
    parts += [f"for images of {size} pixels"] if size else []
    return f"{' '.join(parts)}, {sum(p.numel() for p in model.parameters()):,} parameters"


def _against(score: Score) -> str:
    """The references of a score: role, name and value."""
    return "; ".join(_reference(reference) for reference in score.references)


def _reference(reference: Reference) -> str:
    between = interval_text(reference.low, reference.high)
    return f"{reference.role}: {reference.label} {number(reference.value)}" + (f" ({between})" if between else "")


def literal(text: object) -> str:
    r"""Text as Markdown shows it, on one line: nothing in it is a heading, link, table cell or tag.

    >>> literal("a|b <script> *c*")
    'a\\|b \\<script\\> \\*c\\*'
    """
    return re.sub(r"([\\`*_{}\[\]<>#|!~&])", r"\\\1", " ".join(str(text).split()))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("regard", "models"),
        autoescape=False,  # Markdown, not HTML: `literal` escapes
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"literal": literal, "number": number, "against": _against}
    environment.globals |= {"interval": interval_text}
    return environment
