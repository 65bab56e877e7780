"""moving_clutter: a digit that moves over a photograph among fragments of digits that move differently.

The class needs both streams: the image shows which digit it is, but not its direction of motion; the flow shows the
direction and hardly the digit. Only the digit counts in both. Fragments are those of `clutter`: patches of digits of
any class, of the digit's size, colour and sharpness; each moves in another direction than the digit. The background
stands still.
The relevant region is known (the digit's mask in the image); gaze is simulated (`observers`).

Photographs and digit images of train, val and test are disjoint, and so are the observers.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.data.generated.clutter import CLUTTER_LICENCE, CLUTTER_SOURCE, boxes_of, digits_of_split, generated_parts
from regard.data.generated.drawing import PHOTOGRAPHS, colour, expose, photograph_crops, render_digits
from regard.data.generated.observers import MOVING_FIXATIONS, MOVING_OBSERVERS, simulated_pursuit
from regard.data.random_counter import uniforms
from regard.data.splits import DataSplits, TensorSplit
from regard.data.video.decode import FLOW_VERSION, optical_flow
from regard.gaze import Fixations, make_fixations
from regard.types import RegardError

_VERSION = 1
"""Part of the cache's key: raised whenever the same arguments make other clips."""
DIGITS = (0, 1, 4)
DIRECTIONS = ("right", "down", "left", "up")
MOVING_CLASSES = tuple(f"{digit} {way}" for digit in DIGITS for way in DIRECTIONS)
SPEED = (0.02, 0.04)
"""Range of speeds, sides of the frame per frame."""
_SIDE = (0.36, 0.5)
"""Range of the digit's side, as a share of the frame's."""
_STREAMS = {"train": 0, "val": 1, "test": 2}
_FIRST_STREAM = 300
_CHUNK = 128


def moving_clutter(
    size: int = 48,
    train: int = 2400,
    val: int = 300,
    test: int = 600,
    seed: int = 0,
    *,
    length: int = 5,
    distractors: int = 3,
    cache: bool = True,
) -> DataSplits:
    """The set at any size and number; clip i of a split depends on (seed, split, i) and the options only.

    Args:
        size: side of the square frames in pixels, at least 16.
        train: number of training clips; a larger number extends a smaller one.
        val: number of validation clips.
        test: number of test clips.
        seed: decides everything.
        length: steps of flow; a clip has one frame more, and its image is the one in the middle.
        distractors: fragments per clip.
        cache: keep images and flow in the user's cache folder (``REGARD_CACHE``) and find them there.

    Returns:
        In-memory splits with flow, masks (the digit's strokes in the image), boxes, and fixations.
    """
    counts = {"train": train, "val": val, "test": test}
    if size < 16 or min(counts.values()) < 1 or distractors < 0 or not 1 <= length <= 10:
        raise RegardError(
            f"moving_clutter(size={size}, train={train}, val={val}, test={test}, length={length}, "
            f"distractors={distractors}): size must be at least 16, numbers at least 1, length 1 to 10, distractors at "
            "least 0"
        )

    def generate(name: str, count: int) -> dict[str, Tensor]:
        return generate_moving_clutter(name, count, size, seed, length, distractors)

    key = ["moving_clutter", _VERSION, FLOW_VERSION, size, counts, seed, length, distractors]
    parts = generated_parts(f"moving_clutter-{size}", key, counts, generate, cache=cache)
    return DataSplits.of_parts(
        {name: TensorSplit(name, MOVING_CLASSES, **part) for name, part in parts.items()},
        source=f"{CLUTTER_SOURCE}; moving, with simulated observers",
        licence=CLUTTER_LICENCE,
        mirror=False,
        gaze=partial(_table, parts["test"]["fixations"], size),
        remarks=("Observers are simulated: they follow the digit, late, beside it, and now and then not at all.",),
    )


def generate_moving_clutter(
    split: str, count: int, size: int, seed: int, length: int, distractors: int
) -> dict[str, Tensor]:
    """The tensors of the first ``count`` clips of a split by field, without the cache."""
    parts = [_clips(split, part, size, seed, length, distractors) for part in torch.arange(count).split(_CHUNK)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _clips(split: str, index: Tensor, size: int, seed: int, length: int, distractors: int) -> dict[str, Tensor]:
    stream = _FIRST_STREAM + _STREAMS[split]
    draws = uniforms(index, 16 + 16 * distractors, seed=seed, stream=stream)
    u, v = draws[:, :16], draws[:, 16:].reshape(len(index), distractors, 16)
    pool, counts = digits_of_split(split)
    steps = torch.arange(length + 1) - length // 2  # frames from the image on

    kind, way = (u[:, 0] * len(DIGITS)).long(), (u[:, 1] * 4).long()
    digit = torch.tensor(DIGITS)[kind]
    which = pool[digit, (u[:, 2] * counts[digit]).long()]
    bright = u[:, 3] < 0.5
    extent, tilt, velocity = _pose(u[:, 4:7], way, size)
    centre = _place(u[:, 7:9], 0.5 * extent * (tilt.cos() + tilt.sin().abs()), velocity, size, steps)
    ink, luminance = colour(u[:, 9:13], bright)

    background = photograph_crops(PHOTOGRAPHS[split], size, uniforms(index, 8, seed=seed, stream=stream + 10))
    background = expose(background, centre, extent, bright, luminance, 0.3 + 0.2 * u[:, 13])
    frames = background[:, None].repeat(1, length + 1, 1, 1, 1)
    for j in range(distractors):
        w = v[:, j]
        other = (w[:, 0] * 10).long()
        piece = pool[other, (w[:, 1] * counts[other]).long()]
        turned = (way + 1 + (w[:, 2] * 3).long()) % 4  # never the digit's own direction
        side, lean, moves = _pose(w[:, 3:6], turned, size)
        share = 0.36 + 0.1 * w[:, 6]
        patch = _drawn(piece, w[:, 7:9] * size, side, lean, moves, steps, size, cut=(share, w[:, 9]))
        frames = torch.lerp(frames, colour(w[:, 10:14], bright)[0][:, None, :, None, None], patch)
    alpha = _drawn(which, centre, extent, tilt, velocity, steps, size)
    frames = torch.lerp(frames, ink[:, None, :, None, None], alpha).mul(255).round().to(torch.uint8)
    masks = alpha[:, length // 2] > 0.5
    return {
        "images": frames[:, length // 2].contiguous(),
        "labels": kind * 4 + way,
        "masks": masks,
        "boxes": boxes_of(masks),
        "fixations": simulated_pursuit(centre, velocity, index, size=size, seed=seed, stream=_STREAMS[split]),
        "flow": torch.stack([optical_flow(clip) for clip in frames.permute(0, 1, 3, 4, 2).numpy()]),
    }


def _pose(
    u: Float[Tensor, "B 3"], way: Int[Tensor, " B"], size: int
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"], Float[Tensor, "B 2"]]:
    """Side in pixels, tilt in radians (at most 12 degrees either way), and velocity x, y in pixels per frame."""
    extent = (_SIDE[0] + (_SIDE[1] - _SIDE[0]) * u[:, 0]) * size
    tilt = (2 * u[:, 1] - 1) * math.radians(12)
    speed = (SPEED[0] + (SPEED[1] - SPEED[0]) * u[:, 2]) * size
    ways = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    return extent, tilt, speed[:, None] * ways[way]


def _place(
    u: Float[Tensor, "B 2"], reach: Float[Tensor, " B"], velocity: Float[Tensor, "B 2"], size: int, steps: Tensor
) -> Float[Tensor, "B 2"]:
    """A centre, in the image, from which the whole digit stays inside of the frame throughout."""
    travel = velocity[:, :, None] * torch.stack([steps[0], steps[-1]])
    low = reach[:, None] - travel.amin(2).clamp_max(0)
    high = size - reach[:, None] - travel.amax(2).clamp_min(0)
    return torch.where(high > low, low + u * (high - low), (low + high) / 2)


def _drawn(
    which: Tensor,
    centre: Tensor,
    extent: Tensor,
    tilt: Tensor,
    velocity: Tensor,
    steps: Tensor,
    size: int,
    cut: tuple[Tensor, Tensor] | None = None,
) -> Float[Tensor, "B T 1 S S"]:
    """Coverage of one moving glyph in every frame."""
    T = len(steps)
    places = centre[:, None] + steps[:, None] * velocity[:, None]
    window = min(size, math.ceil(_SIDE[1] * size * (1.2 if cut is None else 0.56)) + 2)
    drawn = render_digits(
        which.repeat_interleave(T),
        places.flatten(0, 1),
        extent.repeat_interleave(T),
        tilt.repeat_interleave(T),
        size=size,
        window=window,
        cut=None if cut is None else (cut[0].repeat_interleave(T), cut[1].repeat_interleave(T)),
    )
    return drawn.unflatten(0, (-1, T))


def _table(points: Float[Tensor, "N M 2"], size: int) -> Fixations:
    """The test split's fixations; observer and order are given by the column. Fixations outside are counted."""
    inside = ~points.isnan().any(-1)
    item, column = (part.numpy() for part in inside.nonzero(as_tuple=True))
    xy = points[inside].double().numpy()
    table = make_fixations(
        image=[str(i) for i in item],
        subject=[f"test {k}" for k in column // MOVING_FIXATIONS],
        order=column % MOVING_FIXATIONS,
        x=xy[:, 0],
        y=xy[:, 1],
        sizes={str(i): (size, size) for i in range(len(points))},
    )
    assert len(table.subjects) <= MOVING_OBSERVERS
    return replace(table, dropped=int((~inside).sum()))
