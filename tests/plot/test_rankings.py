"""Ranked values: the largest on top, intervals and the level where they were given."""

import math

import pytest

from regard.plot import RankedValue, ranking, rasterize
from regard.types import RegardError


def test_values_stand_in_order_with_their_intervals() -> None:
    values = [RankedValue("low", 0.1, 0.0, 0.3), RankedValue("$best$", 0.9, marked=True), RankedValue("none", math.nan)]
    figure = ranking(values, xlabel="tau", title="T", level=0.5, level_label="goal")
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["$best$", "low"]
    assert [label.get_fontweight() for label in axis.get_yticklabels()] == ["bold", "normal"]
    drawn = [(list(map(float, line.get_xdata())), list(map(float, line.get_ydata()))) for line in axis.lines]
    assert ([0.0, 0.3], [1.0, 1.0]) in drawn
    assert ([0.9], [0.0]) in drawn
    assert ([0.1], [1.0]) in drawn
    assert axis.get_legend().get_texts()[0].get_text() == "goal"
    assert axis.get_ylim() == (1.5, -0.5)
    assert rasterize(figure).shape[2] == 3


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(RegardError, match="no value is finite"):
        ranking([RankedValue("a", math.inf)], xlabel="x")
