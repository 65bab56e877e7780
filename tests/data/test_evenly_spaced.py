"""Some items of many lie evenly over all of them."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.data import evenly_spaced


@given(count=st.integers(1, 3000), most=st.integers(2, 400))
def test_they_are_in_order_apart_alike_and_reach_both_ends(count: int, most: int) -> None:
    found = evenly_spaced(count, most)
    assert len(found) == min(count, most)
    assert (found[0], found[-1]) == (0, count - 1)
    steps = found.diff()
    assert (steps >= 1).all()
    assert len(steps.unique()) <= 2, "as evenly as whole numbers go"


def test_of_a_set_in_the_order_of_classes_each_class_is_seen() -> None:
    labels = torch.arange(10).repeat_interleave(500)
    assert labels[evenly_spaced(5000, 160)].bincount().tolist() == [16] * 10
