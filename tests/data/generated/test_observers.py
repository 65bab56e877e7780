"""Simulated observers look at the object, with an error, and at the centre; the seed determines all points."""

import pytest
import torch

from regard.data import clutter
from regard.data.generated.observers import STATIC_FIXATIONS, simulated_gaze
from regard.gaze import density
from regard.metrics.fixation import nss
from regard.types import RegardError

SMALL = {"size": 32, "train": 40, "val": 10, "test": 30, "cache": False}


def test_observers_look_at_the_object_more_than_at_the_centre() -> None:
    data = clutter(**SMALL, observers=5)
    gaze = data.gaze()
    assert gaze.counts().tolist() == [5 * STATIC_FIXATIONS] * 30
    near = torch.nn.functional.max_pool2d(data.test.masks.float(), 5, 1, 2)
    middle = density(torch.tensor([[[16.0, 16.0]]]), size=(32, 32), sigma=7).expand(30, -1, -1, -1)
    on_object = nss(near, gaze.points()).mean()
    assert on_object > 1
    assert on_object > nss(middle, gaze.points()).mean() > 0


def test_batches_hold_the_same_points_as_the_table() -> None:
    data = clutter(**SMALL, observers=3)
    assert torch.allclose(data.test.batch(range(30)).fixations.double(), data.gaze().points(), atol=1e-5)
    assert data.train.batch([0]).fixations.shape == (1, 3 * STATIC_FIXATIONS, 2)
    again = clutter(**SMALL | {"train": 60}, observers=4)
    assert torch.equal(again.train.fixations[:40, : 3 * STATIC_FIXATIONS], data.train.fixations), "more extend fewer"
    assert not torch.equal(data.train.fixations[:10], data.val.fixations)


def test_without_observers_there_are_no_fixations() -> None:
    data = clutter(**SMALL)
    assert data.gaze is None
    assert data.train.batch([0]).fixations is None
    with pytest.raises(RegardError, match="observers"):
        clutter(**SMALL, observers=-1)


def test_fixations_of_an_image_without_an_object_are_central() -> None:
    gaze = simulated_gaze(torch.zeros(200, 1, 20, 30, dtype=torch.bool), observers=2, seed=0, stream=0)
    assert abs(gaze.x.mean() - 15) < 1
    assert abs(gaze.y.mean() - 10) < 1
