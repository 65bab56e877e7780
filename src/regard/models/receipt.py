"""Receipts: what a glance bought of one image, in a small file from which the prediction can be made again.

    places   which patches, by a range coder (Martin 1979; the library constriction): row by row, each with the share
             that is left, k / n, so that all choices of k of n cost alike; of one window, its number among all windows
    pixels   of the bought patches, bytes
    head     sizes, the predicted class and its probability, and a digest of the model

The stated length is that of places, the logarithm of the number of choices, and of pixels, 8 bits a value; the file is
longer by its head and by what the coder rounds up. The model sees the image's bytes, as pictures have them, so that
nothing is lost on the way. A reader needs the file and the model, and never the image.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from numpy.typing import NDArray
from torch import Tensor

from regard.files import write_atomically
from regard.models.classifier import AttentiveClassifier
from regard.models.glance import GlanceClassifier
from regard.models.images import ImageInput
from regard.reading import read_bytes
from regard.types import NATS_PER_BIT, RegardError

_MAGIC = b"RGLR\x01"
_HEAD = struct.Struct("<16sHHHHHIIfI")
"""Digest; C, H, W; rows and columns of patches; patches bought; class; its probability; words of the places' code."""
_MOST = 2**26
_REMEDY = "write it again with `regard receipt IMAGE --run RUN`"
_TOLERANCE = 1e-4
"""Of a probability, which other processors and batches compute in another order."""


@dataclass(frozen=True)
class Receipt:
    """What was bought of one image, and what was predicted from it.

    Attributes:
        model: digest of the weights and of the configuration.
        shape: (C,H,W) of the image.
        bought: map of patches (h,w).
        pixels: of the bought patches, in reading order (k,C,H/h,W/w).
        prediction: number of the class.
        probability: of it.
        window: the patches are one window, named by its place.
        stated_bits: of places and pixels.
    """

    model: bytes
    shape: tuple[int, int, int]
    bought: Bool[Tensor, "h w"]
    pixels: UInt8[Tensor, "k C p q"]
    prediction: int
    probability: float
    window: bool
    stated_bits: float

    def image(self) -> UInt8[Tensor, "1 C H W"]:
        """The image (1,C,H,W) as far as it was bought, zeros elsewhere."""
        patches = torch.zeros(self.bought.numel(), *self.pixels.shape[1:], dtype=torch.uint8)
        patches[self.bought.flatten()] = self.pixels
        (h, w), (C, H, W) = self.bought.shape, self.shape
        return patches.view(h, w, C, H // h, W // w).permute(2, 0, 3, 1, 4).reshape(1, C, H, W)

    def to_bytes(self) -> bytes:
        """The file's content.

        Raises:
            RegardError: the extra ``receipt`` is not installed.
        """
        words = _place_words(self.bought.flatten().tolist(), *self.bought.shape, window=self.window)
        head = _HEAD.pack(
            *(self.model, *self.shape, *self.bought.shape, len(self.pixels)),
            *(self.prediction, self.probability, len(words)),
        )
        body = _MAGIC + head + words.astype("<u4").tobytes() + self.pixels.numpy().tobytes()
        return body + struct.pack("<I", zlib.crc32(body))

    @classmethod
    def from_bytes(cls, content: bytes, model: AttentiveClassifier, source: str = "receipt") -> Self:
        """What ``to_bytes`` gave, of a model's image.

        Raises:
            RegardError: another file, a damaged one, or one of another model; the extra ``receipt`` is not installed.
        """
        model = _of_a_glance(model)
        start = len(_MAGIC) + _HEAD.size
        if len(content) < start + 4 or not content.startswith(_MAGIC):
            raise RegardError(f"{source}: no receipt; {_REMEDY}")
        if zlib.crc32(content[:-4]) != struct.unpack("<I", content[-4:])[0]:
            raise RegardError(f"{source}: the receipt is damaged (its checksum differs); {_REMEDY}")
        digest, C, H, W, h, w, count, prediction, probability, number = _HEAD.unpack(content[len(_MAGIC) : start])
        choice = model.attention
        if digest != digest_of(model) or model.shape != (C, H, W) or (h, w) != choice.grid or count != choice.count:
            raise RegardError(
                f"{source}: the receipt of another model (digest {digest.hex()[:12]}, this one "
                f"{digest_of(model).hex()[:12]}); give the run that wrote it: --run RUN"
            )
        pixels = content[start + 4 * number : -4]
        if len(pixels) != count * C * (H // h) * (W // w) or prediction >= model.num_classes:
            raise RegardError(f"{source}: the receipt's sizes do not fit each other; {_REMEDY}")
        words = np.frombuffer(content[start : start + 4 * number], "<u4").astype(np.uint32)
        window = choice.window if choice.bought == "window" else None
        bought = torch.tensor(_places(words, h, w, count, window, source)).view(h, w)
        values = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(count, C, H // h, W // w)
        stated = _stated(model, values)
        return cls(digest, (C, H, W), bought, values, prediction, probability, window is not None, stated)


def digest_of(model: GlanceClassifier) -> bytes:
    """16 bytes that change with every weight and every argument of a model."""
    arguments = json.dumps(model.config, sort_keys=True, default=str)
    digest = hashlib.blake2b(arguments.encode(), digest_size=16)
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.digest()


def make_receipt(model: AttentiveClassifier, image: ImageInput) -> Receipt:
    """What a model buys of one image, and what it predicts.

    Args:
        model: a glance.
        image: as `AttentiveClassifier.predict` takes it; rounded to bytes before anything sees it.

    Raises:
        RegardError: several images, or none of a glance.
    """
    model = _of_a_glance(model)
    floats = model.prepare(image)
    if len(floats) != 1:
        raise RegardError(f"receipt: {len(floats)} images; a receipt is of one")
    values = (floats * 255).round().byte().cpu()
    bought = model.explain(values).values[0, 0].cpu() > 0
    (h, w), (C, H, W) = bought.shape, model.shape
    patches = values[0].view(C, h, H // h, w, W // w).permute(1, 3, 0, 2, 4).flatten(0, 1)
    pixels = patches[bought.flatten()].contiguous()
    probability, prediction = (t.item() for t in model.predict(values)[0].max(0))
    window, stated = model.attention.bought == "window", _stated(model, pixels)
    return Receipt(digest_of(model), model.shape, bought, pixels, int(prediction), probability, window, stated)


def check_receipt(model: AttentiveClassifier, receipt: Receipt) -> tuple[int, float, bool]:
    """Class and probability that the model gives for what was bought, and whether the receipt says the same."""
    probabilities = model.predict(receipt.image(), map_override=receipt.bought[None, None].float())[0]
    probability, prediction = (t.item() for t in probabilities.max(0))
    same = int(prediction) == receipt.prediction and abs(probability - receipt.probability) <= _TOLERANCE
    return int(prediction), probability, same


def write_receipt(receipt: Receipt, path: str | Path) -> Path:
    """Writes a receipt, whole or not at all."""
    return write_atomically(path, receipt.to_bytes())


def read_receipt(path: str | Path, model: AttentiveClassifier) -> Receipt:
    """Reads a receipt of a model.

    Raises:
        RegardError: as `Receipt.from_bytes`; or no such file.
    """
    return Receipt.from_bytes(read_bytes(path, most=_MOST, remedy=_REMEDY), model, str(path))


def _of_a_glance(model: AttentiveClassifier) -> GlanceClassifier:
    if not isinstance(model, GlanceClassifier):
        raise RegardError(
            f"receipt: {type(model).__name__} computes every pixel, so its prediction needs the image; give a run of "
            "a glance, such as that of `regard train --recipe glance-clutter`"
        )
    return model


def _stated(model: GlanceClassifier, pixels: Tensor) -> float:
    return model.attention.code / NATS_PER_BIT + 8 * pixels.numel()


def _coder() -> ModuleType:
    try:
        from constriction import stream
    except ModuleNotFoundError:
        raise RegardError("receipts are coded by the extra receipt: pip install 'regard[receipt]'") from None
    coder: ModuleType = stream
    return coder


def _place_words(bought: list[bool], h: int, w: int, *, window: bool) -> NDArray[np.uint32]:
    stream = _coder()
    encoder, left = stream.queue.RangeEncoder(), sum(bought)
    if window:
        first, last = bought.index(True), len(bought) - 1 - bought[::-1].index(True)
        across, down = w - (last % w - first % w + 1) + 1, h - (last // w - first // w + 1) + 1
        if across * down > 1:
            encoder.encode(first // w * across + first % w, stream.model.Uniform(across * down))
    for i, is_bought in enumerate([] if window else bought):
        if 0 < left < len(bought) - i:
            encoder.encode(
                np.array([is_bought], np.int32), stream.model.Bernoulli(left / (len(bought) - i), perfect=True)
            )
        left -= is_bought
    words: NDArray[np.uint32] = encoder.get_compressed()
    return words


def _places(
    words: NDArray[np.uint32], h: int, w: int, count: int, window: tuple[int, int] | None, source: str
) -> list[bool]:
    stream = _coder()
    try:
        decoder, left = stream.queue.RangeDecoder(words), count
        if window is not None:
            across, down = w - window[1] + 1, h - window[0] + 1
            number = int(decoder.decode(stream.model.Uniform(across * down))) if across * down > 1 else 0
            rows, columns = (range(k, k + n) for k, n in zip(divmod(number, across), window, strict=True))
            return [row in rows and column in columns for row in range(h) for column in range(w)]
        bought = []
        for i in range(h * w):
            certain = not 0 < left < h * w - i
            probability = left / (h * w - i)
            bought.append(
                left > 0 if certain else bool(decoder.decode(stream.model.Bernoulli(probability, perfect=True)))
            )
            left -= bought[-1]
        return bought
    except (AssertionError, ValueError) as error:
        raise RegardError(f"{source}: the code of the places is none ({error}); {_REMEDY}") from error
