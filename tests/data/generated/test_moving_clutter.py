"""Generated clips: motion, masks and gaze agree with the labels; splits share no observers or images."""

import pytest
import torch

from regard.data import moving_clutter
from regard.data.generated.clutter import digits_of_split
from regard.data.generated.drawing import PHOTOGRAPHS
from regard.data.generated.moving_clutter import DIGITS, MOVING_CLASSES, generate_moving_clutter
from regard.data.generated.observers import LAG, MOVING_FIXATIONS, MOVING_OBSERVERS, simulated_pursuit
from regard.types import RegardError

OPTIONS = {"size": 48, "seed": 0, "length": 3, "distractors": 3}


@pytest.fixture(scope="module")
def clips():
    return generate_moving_clutter("train", 48, **OPTIONS)


def test_the_digit_moves_as_its_label_says(clips):
    flow, mask = clips["flow"].float(), clips["masks"]
    inside = [(flow[:, c::2].mean(1, keepdim=True) * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)) for c in (0, 1)]
    ways = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])  # right, down, left, up
    assert MOVING_CLASSES[:4] == ("0 right", "0 down", "0 left", "0 up")
    along = (torch.stack(inside, 1) * ways[clips["labels"] % 4]).sum(1)
    across = (torch.stack(inside, 1) * ways[(clips["labels"] + 1) % 4]).sum(1)
    assert (along > 8).float().mean() > 0.95
    assert (along > across.abs()).float().mean() > 0.95


def test_the_background_is_still_and_fragments_move(clips):
    still = generate_moving_clutter("train", 48, **OPTIONS | {"distractors": 0})
    away = ~torch.nn.functional.max_pool2d(still["masks"].float(), 25, 1, 12).bool()
    moved = [(c["flow"].float().abs().amax(1, keepdim=True) * away).sum() / away.sum() for c in (still, clips)]
    assert moved[0] < 0.3 * moved[1]


def test_a_clip_depends_only_on_seed_split_and_index(clips):
    more = generate_moving_clutter("train", 5, **OPTIONS)
    for name, values in more.items():
        assert torch.equal(values, clips[name][:5]), name
    other = generate_moving_clutter("train", 5, **OPTIONS | {"seed": 1})
    assert not torch.equal(other["images"], more["images"])
    assert not torch.equal(generate_moving_clutter("val", 5, **OPTIONS)["labels"], more["labels"])


def test_classes_are_even_and_the_digit_stays_inside(clips):
    counts = torch.bincount(generate_moving_clutter("test", 240, **OPTIONS | {"length": 1})["labels"], minlength=12)
    assert counts.min() > 5
    assert clips["masks"].flatten(1).any(1).all()
    assert len(MOVING_CLASSES) == 4 * len(DIGITS)


def test_observers_follow_the_digit(clips):
    points, boxes = clips["fixations"], clips["boxes"]
    assert points.shape == (48, MOVING_OBSERVERS * MOVING_FIXATIONS, 2)
    low, high = boxes[:, None, :2] - 2, boxes[:, None, 2:] + 2
    on = ((points >= low) & (points <= high)).all(-1).float().mean()
    share = ((boxes[:, 2:] - boxes[:, :2]).prod(1) / 48**2).mean()
    assert 0.8 < on < 0.99  # lapses happen
    assert share < 0.2


def test_observers_lag_and_sometimes_look_outside_the_frame():
    start = torch.tensor([[24.0, 24.0]]).repeat(400, 1)
    index = torch.arange(400)
    moving = simulated_pursuit(start, torch.tensor([[4.0, 0.0]]).repeat(400, 1), index, size=48, seed=0, stream=0)
    resting = simulated_pursuit(start, torch.zeros(400, 2), index, size=48, seed=0, stream=0)
    lag = (
        (resting - moving)[..., 0]
        .view(400, MOVING_OBSERVERS, MOVING_FIXATIONS)
        .transpose(1, 2)
        .flatten(0, 1)
        .nanmedian(0)
        .values
    )
    assert ((lag >= 0) & (lag <= 4 * LAG)).all()  # everybody's own, at 4 pixels a frame
    assert lag.unique().numel() == MOVING_OBSERVERS
    edge = simulated_pursuit(torch.full((400, 2), 1.0), torch.zeros(400, 2), index, size=48, seed=0, stream=0)
    assert edge.isnan().any()
    assert (edge[~edge.isnan()] >= 0).all()


def test_splits_share_no_observers_photographs_or_digits():
    start, still, index = torch.full((50, 2), 24.0), torch.zeros(50, 2), torch.arange(50)
    people = [simulated_pursuit(start, still, index, size=48, seed=0, stream=k) for k in range(3)]
    habits = [p.view(50, MOVING_OBSERVERS, MOVING_FIXATIONS, 2).nanmean((0, 2)) for p in people]
    assert not any(torch.allclose(habits[a], habits[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    names = ("train", "val", "test")
    own = [set(digits_of_split(name)[0].flatten().tolist()) for name in names]
    assert not any(own[a] & own[b] for a, b in ((0, 1), (0, 2), (1, 2)))
    assert not set(PHOTOGRAPHS["train"]) & set(PHOTOGRAPHS["test"])
    data = moving_clutter(32, 3, 2, 4, length=1, cache=False)
    assert set(data.gaze().subjects) <= {f"test {k}" for k in range(MOVING_OBSERVERS)}


def test_batches_have_mask_flow_and_gaze():
    data = moving_clutter(32, 6, 2, 4, length=2, cache=False)
    batch = data.test.batch([0, 3])
    assert (batch.flow.shape, batch.masks.shape) == ((2, 4, 32, 32), (2, 1, 32, 32))
    gaze = data.gaze()
    points = gaze.points()
    known = ~batch.fixations.isnan().any(-1)
    assert gaze.counts()[[0, 3]].tolist() == known.sum(1).tolist()
    assert torch.allclose(points[0][: int(known[0].sum())].float(), batch.fixations[0][known[0]])
    assert not data.mirror
    for wrong in ({"size": 8}, {"length": 0}, {"distractors": -1}, {"train": 0}):
        with pytest.raises(RegardError, match="moving_clutter"):
            moving_clutter(**wrong)


def test_gaze_outside_the_frame_is_counted():
    from regard.data.generated.moving_clutter import _table

    points = torch.full((2, MOVING_OBSERVERS * MOVING_FIXATIONS, 2), 3.0)
    points[0, :4] = torch.nan
    points[1] = torch.nan
    table = _table(points, 8)
    assert (table.dropped, table.counts().tolist()) == (
        4 + MOVING_OBSERVERS * MOVING_FIXATIONS,
        [MOVING_OBSERVERS * MOVING_FIXATIONS - 4, 0],
    )
    assert "test 0" not in table.subjects
