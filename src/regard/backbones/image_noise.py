"""Noise that is a function of an image: a random path that is deterministic, whatever else is in the batch.

Random numbers inside `ImageNoise` come from one generator per image and sample, seeded by the image's pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from regard.types import RegardError

Draw = Callable[..., Tensor]
_ATEN = torch.ops.aten
_LIKE: dict[Any, Draw] = {_ATEN.randn_like.default: torch.randn, _ATEN.rand_like.default: torch.rand}
_SIZED: dict[Any, Draw] = {_ATEN.randn.default: torch.randn, _ATEN.rand.default: torch.rand}


def image_seeds(images: Float[Tensor, "B ..."]) -> tuple[int, ...]:
    """A seed per image (B,...), from its values rounded to 1/255, so that the last bits of a float do not matter."""
    values = (images.detach().float() * 255).round().clamp(-(2**15), 2**15 - 1).short().cpu().contiguous().numpy()
    return tuple(_seed(image.tobytes()) for image in values)


class ImageNoise(TorchDispatchMode):
    """Inside, every random tensor of S*B rows, or (S,B), is drawn row by row from the seed of its image.

    The global generators are neither read nor moved. Draws are made on the processor, so they are the same on every
    device.

    >>> images = torch.rand(2, 3, 4, 4)
    >>> with ImageNoise(image_seeds(images), "layer1"):
    ...     both = torch.randn_like(images)
    >>> with ImageNoise(image_seeds(images[1:]), "layer1"):
    ...     alone = torch.randn_like(images[1:])
    >>> torch.equal(both[1:], alone)
    True

    Args:
        seeds: of the B images.
        stream: a name; every name has noise of its own.
        samples: S, each with noise of its own, sample-major.

    Raises:
        RegardError: at a draw of another shape, or by a function other than ``randn``, ``rand`` and their ``_like``.
    """

    def __init__(self, seeds: Sequence[int], stream: str, samples: int = 1) -> None:
        super().__init__()
        self.rows = [
            torch.Generator().manual_seed(_seed(f"{seed} {stream} {sample}".encode()))
            for sample in range(samples)
            for seed in seeds
        ]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The call as it is, unless it draws random numbers."""
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        if func in _LIKE:
            return self._fill(_LIKE[func], torch.empty_like(args[0], **kwargs))
        if func in _SIZED:
            return self._fill(_SIZED[func], torch.empty(*args, **kwargs))
        raise RegardError(
            f"prediction='seeded': {func} draws random numbers that cannot be seeded by the image; draw by "
            "torch.randn_like or torch.rand, or take prediction='mean'"
        )

    def _fill(self, draw: Draw, out: Tensor) -> Tensor:
        rows = len(self.rows)
        if rows not in (out.shape[:1].numel(), out.shape[:2].numel()):
            raise RegardError(
                f"prediction='seeded': noise of shape {tuple(out.shape)} for {rows} images and samples is not one per "
                "image; draw noise with the batch in front, or take prediction='mean'"
            )
        values = torch.stack([draw(out.numel() // rows, generator=generator) for generator in self.rows])
        return out.copy_(values.view(out.shape))


def _seed(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") >> 1
