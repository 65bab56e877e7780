"""Frames of a clip from a video file (PyAV) or a folder of numbered images, and the flow between them (OpenCV).

Both libraries are the extra ``video``. Flow: G. Farneback, Two-Frame Motion Estimation Based on Polynomial Expansion,
SCIA 2003; kept as signed bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Int8, UInt8
from PIL import Image
from torch import Tensor

from regard.data.files import list_images
from regard.listing import IMAGE_SUFFIXES
from regard.reading import load_image
from regard.types import RegardError

VIDEO_SUFFIXES = (".avi", ".mp4", ".mkv", ".mov", ".mpg", ".mpeg", ".webm")
FLOW_VERSION = 1
"""Part of every cache's key; raised when the values change."""
REACH = 1 / 12
"""Largest motion, in pixels per frame as a share of the frame's longer side; faster motion is clipped."""
_PYRAMID, _LEVELS, _ITERATIONS, _NEIGHBOURS, _SIGMA, _GAUSSIAN = 0.5, 3, 3, 5, 1.1, 0
_WINDOW = 11


def video_library(name: Literal["cv2", "av"]) -> ModuleType:
    """OpenCV (``cv2``) or PyAV (``av``); a RegardError says how to install it."""
    try:
        return import_module(name)
    except ImportError:
        needs = {"cv2": "video needs OpenCV", "av": "video files need PyAV"}[name]
        raise RegardError(f"{needs}: pip install 'regard[video]'") from None


def frame_count(path: Path) -> int:
    """Number of frames: of the images of a folder, or from a video file's header; counted if the header has none."""
    if path.is_dir():
        return len(frame_files(path))
    with _open_video(path) as (container, stream):
        return int(stream.frames) or sum(1 for _ in container.decode(stream))


def frame_rate(path: Path) -> float:
    """Frames per second of a video file."""
    with _open_video(path) as (_, stream):
        rate = stream.average_rate
    if not rate:
        raise RegardError(f"{path}: the file has no frame rate; encode it again")
    return float(rate)


def frame_size(path: Path) -> tuple[int, int]:
    """Height and width of a clip's frames."""
    if path.is_dir():
        first = _image(frame_files(path)[0])
        return first.height, first.width
    with _open_video(path) as (_, stream):
        return stream.codec_context.height, stream.codec_context.width


def read_frames(path: Path, first: int, count: int, size: tuple[int, int]) -> UInt8[np.ndarray, "T H W 3"]:
    """``count`` frames from the ``first`` on, each whole, averaged by area (if enlarged, interpolated) to ``size``."""
    cv2 = video_library("cv2")
    frames = _from_folder(path, first, count) if path.is_dir() else _from_file(path, first, count)
    shrinks = frames[0].shape[0] >= size[0] and frames[0].shape[1] >= size[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, (size[1], size[0]), interpolation=interpolation) for frame in frames])


def frame_files(folder: Path) -> list[Path]:
    """The images of a folder, in the order of the numbers that their names end in.

    Raises:
        RegardError: no images, or numbers that leave some out.
    """
    files = list_images(folder)
    if not files:
        raise RegardError(f"{folder}: no frames ({', '.join(IMAGE_SUFFIXES)})")
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
    _check_count(folder, first, count, len(files))
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
    number = 0
    with _open_video(path) as (container, stream):
        for number, frame in enumerate(container.decode(stream), start=1):
            if number > first:
                frames.append(frame.to_ndarray(format="rgb24"))
            if len(frames) == count:
                break
    _check_count(path, first, count, number)
    return frames


def _check_count(path: Path, first: int, count: int, readable: int) -> None:
    if readable < first + count:
        raise RegardError(
            f"{path}: frames {first} to {first + count - 1} are needed, but only {readable} can be read, so "
            f"{first + count - readable} are missing; replace the clip, or leave it out"
        )


def _image(path: Path) -> Image.Image:
    return load_image(path, turned=True).convert("RGB")


@contextmanager
def _open_video(path: Path) -> Iterator[tuple[Any, Any]]:
    """A file's container and its video stream; errors of the library name the file."""
    av = video_library("av")
    if not path.is_file():
        raise RegardError(f"{path}: no such clip; correct the path, or leave it out")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise RegardError(f"{path}: no video in this file; replace it, or leave it out")
            yield container, container.streams.video[0]
    except (av.FFmpegError, ValueError) as error:
        raise RegardError(f"{path}: damaged video ({error}); replace it, or leave it out") from None


def optical_flow(frames: UInt8[np.ndarray, "T H W 3"]) -> Int8[Tensor, "T2 H W"]:
    """Flow of consecutive frames (2(T-1),H,W): x (right), then y (down) of each step, by Farneback's polynomials.

    A value v means v/127 of ``REACH`` times the longer side, in pixels per frame; 0 is rest, and -128 does not occur,
    so that a mirrored clip has the same flow with another sign. The motion of a pixel is stored at its place in the
    first of the two frames.
    """
    cv2 = video_library("cv2")
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    fastest = REACH * max(frames.shape[1:3])
    steps = []
    for before, after in pairwise(grey):
        moved = cv2.calcOpticalFlowFarneback(
            before, after, None, _PYRAMID, _LEVELS, _WINDOW, _ITERATIONS, _NEIGHBOURS, _SIGMA, _GAUSSIAN
        )
        steps.append(np.clip(np.rint(moved * (127 / fastest)), -127, 127).astype(np.int8).transpose(2, 0, 1))
    return torch.from_numpy(np.concatenate(steps))
