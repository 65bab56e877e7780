"""A split whose items are clips: an image from the middle and the flow around it, made once and cached."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int8, Num, UInt8
from torch import Tensor

from regard.data.cache import cached
from regard.data.splits import TensorSplit, check_labels
from regard.data.video.decode import FLOW_VERSION, frame_count, frame_files, optical_flow, read_frames
from regard.types import Batch, RegardError


@dataclass(frozen=True)
class Clip:
    """A stretch of a video, of which one image and the flow around it are an item.

    Attributes:
        path: a video file, or a folder of numbered images.
        at: position of the stretch: 0 at the video's beginning, 1 at its end, .5 in its middle.
    """

    path: Path
    at: float = 0.5

    def span(self, length: int) -> tuple[int, int]:
        """Number of the first frame of the stretch, and of its image; ``length`` steps of flow need one frame more.

        Raises:
            RegardError: the video is too short.
        """
        frames = frame_count(self.path)
        if frames < length + 1:
            raise RegardError(
                f"{self.path}: {frames} frames, but {length} steps of flow need {length + 1}; lower length, or leave "
                "the clip out"
            )
        first = round(self.at * (frames - 1 - length))
        return first, first + length // 2

    def read(self, length: int, size: tuple[int, int]) -> tuple[UInt8[Tensor, "3 H W"], Int8[Tensor, "F H W"]]:
        """The image and its flow, from the user's cache if they were made before."""
        key = ["clip", FLOW_VERSION, _state(self.path), self.at, length, list(size)]
        tensors = cached(f"clip-{self.path.stem}", json.dumps(key), lambda: self._make(length, size))
        return tensors["image"], tensors["flow"]

    def _make(self, length: int, size: tuple[int, int]) -> dict[str, Tensor]:
        first, middle = self.span(length)
        frames = read_frames(self.path, first, length + 1, size)
        image = torch.from_numpy(frames[middle - first]).permute(2, 0, 1)
        return {"image": image, "flow": optical_flow(frames)}


@dataclass(frozen=True)
class ClipSplit:
    """Clips in files.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        classes: class names.
        clips: where they are.
        labels: (N,) long, or (N,n) float 0/1 for multi-label.
        size: height and width of the output; whole frames are stretched to it.
        length: L, steps of flow.
        fixations: fixations (N,p,2), x, y in pixels of the output, NaN beyond an item's last, or None.
    """

    name: str
    classes: tuple[str, ...]
    clips: tuple[Clip, ...]
    labels: Num[Tensor, "N *n"]
    size: tuple[int, int]
    length: int
    fixations: Float[Tensor, "M p 2"] | None = None

    def __post_init__(self) -> None:
        check_labels(self.labels, self.classes, where=f"split {self.name!r}")
        gaze = len(self.clips) if self.fixations is None else len(self.fixations)
        if len(self.labels) != len(self.clips) or gaze != len(self.clips):
            raise RegardError(
                f"split {self.name!r}: {len(self.clips)} clips, {len(self.labels)} labels, {gaze} lists of "
                "fixations; give one of each for each clip"
            )
        if self.length < 1 or min(self.size) < 1:
            raise RegardError(
                f"split {self.name!r}: length {self.length}, size {self.size}; use at least 1 step of flow and 1 pixel"
            )

    @property
    def boxes(self) -> None:
        """None: clips have no boxes of objects."""
        return None

    def __len__(self) -> int:
        return len(self.clips)

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The clips at these positions; one that cannot be read raises a RegardError with its name."""
        where = torch.as_tensor(index, dtype=torch.int64)
        images, flow = self._read(where)
        return Batch(
            images=images.to(torch.float32).div_(255),
            labels=self.labels[where],
            index=where,
            fixations=None if self.fixations is None else self.fixations[where],
            flow=flow.to(torch.float32).div_(127),
            split=self.name,
        )

    def item_name(self, i: int) -> str:
        """The clip's path."""
        return str(self.clips[i].path)

    def load(self) -> TensorSplit:
        """The same split read into memory, at one byte per value."""
        images, flow = self._read(torch.arange(len(self)))
        names = tuple(self.item_name(i) for i in range(len(self)))
        return TensorSplit(
            self.name, self.classes, images, self.labels, fixations=self.fixations, names=names, flow=flow
        )

    def _read(self, where: Tensor) -> tuple[Tensor, Tensor]:
        images = torch.empty(len(where), 3, *self.size, dtype=torch.uint8)
        flow = torch.empty(len(where), 2 * self.length, *self.size, dtype=torch.int8)
        for k, i in enumerate(where.tolist()):
            images[k], flow[k] = self.clips[i].read(self.length, self.size)
        return images, flow


def _state(path: Path) -> list[list[str | int]]:
    """What identifies a clip's content: path, length and time of change of its file or of all of its frames."""
    files = frame_files(path) if path.is_dir() else [path]
    try:
        states = [(file, file.stat()) for file in files]
    except FileNotFoundError:
        raise RegardError(f"{path}: no such clip; correct the path, or leave it out") from None
    return [[str(file.resolve()), state.st_size, state.st_mtime_ns] for file, state in states]
