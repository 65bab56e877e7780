"""Frames of a clip, from a video file or from a folder of numbered images; what is missing is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from regard.data.reading import IMAGE_SUFFIXES
from regard.data.video.extra import opencv, pyav
from regard.gaze.build import natural
from regard.types import RegardError

VIDEO_SUFFIXES = (".avi", ".mp4", ".mkv", ".mov", ".mpg", ".mpeg", ".webm")


def frame_count(path: Path) -> int:
    """Number of frames: of the images of a folder, or what a file's header promises; counted where it says nothing."""
    if path.is_dir():
        return len(frame_files(path))
    with _opened(path) as (container, stream):
        return int(stream.frames) or sum(1 for _ in container.decode(stream))


def frame_rate(path: Path) -> float:
    """Frames a second of a video file."""
    with _opened(path) as (_, stream):
        rate = stream.average_rate
    if not rate:
        raise RegardError(f"{path}: the file does not say how many frames a second it has; encode it again")
    return float(rate)


def frame_size(path: Path) -> tuple[int, int]:
    """Height and width of a clip's frames."""
    if path.is_dir():
        first = _image(frame_files(path)[0])
        return first.height, first.width
    with _opened(path) as (_, stream):
        return stream.codec_context.height, stream.codec_context.width


def read_frames(path: Path, first: int, count: int, size: tuple[int, int]) -> UInt8[np.ndarray, "T H W 3"]:
    """``count`` consecutive frames from the ``first`` on, each whole, averaged by area (or interpolated) to ``size``.

    Raises:
        RegardError: frames are missing or damaged; it says which.
    """
    cv2 = opencv()
    frames = _from_folder(path, first, count) if path.is_dir() else _from_file(path, first, count)
    shrinks = frames[0].shape[0] >= size[0] and frames[0].shape[1] >= size[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, (size[1], size[0]), interpolation=how) for frame in frames])


def frame_files(folder: Path) -> list[Path]:
    """The images of a folder, in the order of the numbers that their names end in.

    Raises:
        RegardError: no images, or numbers that leave some out.
    """
    files = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.name[0] != "."]
    if not files:
        raise RegardError(f"{folder}: no frames ({', '.join(IMAGE_SUFFIXES)})")
    files.sort(key=lambda p: natural(p.name))
    ends = [re.search(r"(\d+)\D*$", p.stem) for p in files]
    numbers = [int(end[1]) for end in ends if end]
    if len(numbers) == len(files):
        absent = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
        if absent:
            raise RegardError(
                f"{folder}: {len(absent)} of {numbers[-1] - numbers[0] + 1} frames are missing, the first number "
                f"{absent[0]}; add them, or leave the clip out"
            )
    return files


def _from_folder(folder: Path, first: int, count: int) -> list[np.ndarray]:
    files = frame_files(folder)
    _enough(folder, first, count, len(files))
    frames = [np.asarray(_image(path)) for path in files[first : first + count]]
    for path, frame in zip(files[first:], frames, strict=False):
        if frame.shape != frames[0].shape:
            raise RegardError(
                f"{path}: {frame.shape[1]}x{frame.shape[0]} pixels, where the frame {files[first].name} has "
                f"{frames[0].shape[1]}x{frames[0].shape[0]}; the frames of a clip must have one size"
            )
    return frames


def _from_file(path: Path, first: int, count: int) -> list[np.ndarray]:
    frames: list[np.ndarray] = []
    seen = 0
    with _opened(path) as (container, stream):
        for seen, frame in enumerate(container.decode(stream), start=1):
            if seen > first:
                frames.append(frame.to_ndarray(format="rgb24"))
            if len(frames) == count:
                break
    _enough(path, first, count, seen)
    return frames


def _enough(path: Path, first: int, count: int, found: int) -> None:
    if found < first + count:
        raise RegardError(
            f"{path}: frames {first} to {first + count - 1} are needed, but only {found} can be read, so "
            f"{first + count - found} are missing; replace the clip, or leave it out"
        )


def _image(path: Path) -> Image.Image:
    try:
        with Image.open(path) as opened:
            return opened.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise RegardError(f"{path}: damaged frame ({error}); replace it, or leave the clip out") from None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """A file's container and its video stream; whatever the library says of damage names the file."""
    av = pyav()
    if not path.is_file():
        raise RegardError(f"{path}: no such clip; correct the path, or leave it out")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise RegardError(f"{path}: no video in this file; replace it, or leave it out")
            yield container, container.streams.video[0]
    except (av.FFmpegError, ValueError) as error:
        raise RegardError(f"{path}: damaged video ({error}); replace it, or leave it out") from None
