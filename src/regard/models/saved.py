"""A saved model of whichever class wrote its folder."""

from __future__ import annotations

from pathlib import Path

from regard.errors import RegardError
from regard.models.classifier import AttentiveClassifier
from regard.models.export import Exportable
from regard.models.hub import CONFIG, fetch_model, hub_name
from regard.models.segmenter import Segmenter
from regard.models.two_stream import TwoStream
from regard.reading import read_json_file

_KINDS: tuple[type[Exportable], ...] = (AttentiveClassifier, Segmenter, TwoStream)
"""Each reads its subclasses, too: the first, the `GlanceClassifier`."""


def open_saved(folder: str | Path) -> Exportable:
    """The classifier, glance included, segmenter or two-stream network that ``save_pretrained`` wrote into a folder.

    ``hf:owner/name``, or ``hf:owner/name@revision``, is fetched from the Hugging Face hub: its two files alone.

    Raises:
        RegardError: as ``from_pretrained``.

    Example:
        >>> open_saved("nowhere")
        Traceback (most recent call last):
        regard.errors.RegardError: from_pretrained: no config.json in nowhere
    """
    folder = fetch_model(str(folder)) if hub_name(folder) else Path(folder)
    path = folder / CONFIG
    if not path.is_file():
        raise RegardError(f"from_pretrained: no {CONFIG} in {folder}")
    content = read_json_file(path, "take a model that `save_pretrained` wrote")
    name = content.get("class") if isinstance(content, dict) else None
    kind = next((kind for kind in _KINDS if kind.__name__ == name), AttentiveClassifier)
    return kind.from_pretrained(folder)
