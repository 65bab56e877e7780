"""A recipe that is only tried out has few test images; all that is known of the test split is then of these."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from regard.data import clutter
from regard.evaluation import tried_out
from regard.training import Recipe, TrainRecipe

TRIED = Recipe(train=TrainRecipe(fast_dev_run=True))


@pytest.mark.parametrize(("count", "kept"), [(70, 32), (33, 32), (32, 32), (5, 5)])
def test_few_test_images_keep_their_gaze_and_guesses(count: int, kept: int) -> None:
    data = clutter(size=16, train=8, val=2, test=count, observers=2, cache=False)
    assert data.gaze is not None
    data = replace(data, guesses={"its number": torch.arange(count)})
    few = tried_out(TRIED, data)
    assert few.gaze is not None
    index = np.linspace(0, count - 1, kept).astype(int).tolist()
    assert torch.equal(few.test.batch(range(kept)).images, data.test.batch(index).images)
    assert few.guesses["its number"].tolist() == index
    all_points, points = data.gaze().points(), few.gaze().points()
    assert len(points) == kept
    for here, there in zip(points, all_points[index], strict=True):
        assert torch.equal(here[~here.isnan().any(-1)], there[~there.isnan().any(-1)])
    assert few.remarks[-1].endswith(f"one step of training, {kept} test images: no result.")


def test_other_recipes_and_data_without_gaze() -> None:
    data = clutter(size=16, train=8, val=2, test=40, cache=False)
    assert tried_out(Recipe(), data) is data
    few = tried_out(TRIED, data)
    assert few.gaze is None
    assert few.guesses == {}
