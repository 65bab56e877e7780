"""What metrics of a judgement learn first, once for all methods, from images that are not judged."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from regard.data import cover, read_image, to_bytes
from regard.judge.fine_tuning import fine_tune
from regard.judge.inpainting import Inpainter, learn_inpainting
from regard.listing import IMAGE_SUFFIXES, list_files
from regard.models import AttentiveClassifier
from regard.types import Predict, RegardError

FEWEST_LEARNED = 8
MISSING_IMAGES = "learns first, from images that are not judged; give a folder of them as --learn-from FOLDER"
"""Of a metric that was given none."""
_MOST = 1000
_CELLS = 16
"""Cells along the shorter side that are removed as one in fine-tuning and in F-Fidelity."""
_STEPS = 600, 200
"""Of an inpainting network and of fine-tuning."""


class RemovalLearner:
    """Learns on first use what a metric needs.

    Args:
        model: the network that is judged.
        images: to learn from, of its size.
        steps: of both; by default what suits some hundred images.
        seed: of all that is random.
    """

    def __init__(
        self, model: AttentiveClassifier, images: Float[Tensor, "N C H W"], *, steps: int | None = None, seed: int = 0
    ) -> None:
        self.model, self.seed = model, seed
        self.images = images.to(next(model.parameters()).device)
        self.steps = _STEPS if steps is None else (steps, steps)
        self.cell = max(1, min(images.shape[2:]) // _CELLS)

    @cached_property
    def fill(self) -> Inpainter:
        """An inpainting network."""
        return learn_inpainting(self.images, steps=self.steps[0], seed=self.seed)

    @cached_property
    def tuned(self) -> Predict:
        """Probabilities of a copy that was fine-tuned for F-Fidelity."""
        copy = fine_tune(self.model, self.images, cell=self.cell, steps=self.steps[1], seed=self.seed)
        assert isinstance(copy, AttentiveClassifier)
        return copy.predict

    def facts(self) -> dict[str, object]:
        """What decides what it learns."""
        pixels = b"".join(_bytes(image) for image in self.images)
        return {"learn_from": hashlib.sha256(pixels).hexdigest()[:16], "learning_steps": list(self.steps)}


def images_to_learn_from(
    source: str | Path | Tensor, judged: Float[Tensor, "N C H W"], *, seed: int = 0
) -> Float[Tensor, "M C H W"]:
    """Up to a thousand images, of a folder or given ones, in the size of those that are judged.

    Raises:
        RegardError: fewer than eight, another size, or one that is judged too, which could be put back from memory.
    """
    size = (judged.shape[2], judged.shape[3])
    if isinstance(source, Tensor):
        images = source
    else:
        files = list_files(Path(source).expanduser(), IMAGE_SUFFIXES)
        chosen = torch.randperm(len(files), generator=torch.Generator().manual_seed(seed))[:_MOST].tolist()
        read = [to_bytes(cover(read_image(files[i]), size, Image.Resampling.BILINEAR)) for i in chosen]
        images = torch.stack(read).float() / 255 if read else judged[:0]
    if len(images) < FEWEST_LEARNED:
        where = "" if isinstance(source, Tensor) else f"{source}: "
        raise RegardError(
            f"{where}{len(images)} images to learn from; at least {FEWEST_LEARNED} are needed, some hundred do"
        )
    if images.shape[1:] != judged.shape[1:]:
        raise RegardError(f"images to learn from are {tuple(images.shape[1:])}, those judged {tuple(judged.shape[1:])}")
    known = {_bytes(image) for image in judged}
    shared = sum(_bytes(image) in known for image in images)
    if shared:
        raise RegardError(
            f"{shared} of the images to learn from {'is' if shared == 1 else 'are'} judged, too, and could be put back "
            "from memory; give others (--learn-from)"
        )
    return images


def _bytes(image: Tensor) -> bytes:
    return (image * 255).round().byte().cpu().numpy().tobytes()
