"""What the network still knows of the highest positions, and without some patches."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from regard.app.knows import SHARES, answer_without, cell_at, highest_positions, keep, picture_without
from regard.app.look import Looked, look
from regard.judge import Subject
from regard.metrics import base_images
from regard.types import Map, RegardError


@pytest.fixture
def looked(attended: Subject, pictures: list[Path]) -> Looked:
    return look(attended, pictures[0], ["attention", "grad_cam"])


@pytest.mark.parametrize(
    ("share", "of_sum", "kept"),
    [
        (0.0, True, []),
        (0.49, True, []),
        (0.5, True, [5.0]),
        (0.8, True, [5.0, 3.0]),
        (0.99, True, [5.0, 3.0]),
        (1.0, True, [5.0, 3.0, 2.0, 0.0]),
        (0.25, False, [5.0]),
        (0.5, False, [5.0, 3.0]),
        (1.0, False, [5.0, 3.0, 2.0, 0.0]),
    ],
)
def test_the_highest_positions(share: float, of_sum: bool, kept: list[float]) -> None:
    values = torch.tensor([[2.0, 5.0], [0.0, 3.0]])
    mask = highest_positions(values, share, of_sum=of_sum)
    assert sorted(values[mask].tolist(), reverse=True) == kept


def test_ties_are_taken_in_the_order_of_reading() -> None:
    assert highest_positions(torch.ones(2, 2), 0.5, of_sum=False).tolist() == [[True, True], [False, False]]
    assert highest_positions(torch.ones(10, 10), 0.3, of_sum=True).sum() == 30, "rounding loses none"


def test_all_of_the_gate_is_the_prediction_and_none_is_a_closed_gate(attended: Subject, looked: Looked) -> None:
    everything, nothing = keep(looked, looked.maps[0], [1.0, 0.0])
    torch.testing.assert_close(everything.probabilities, looked.probabilities)
    closed = attended.model.predict(looked.image, map_override=torch.zeros(1, 1, 4, 4))
    torch.testing.assert_close(nothing.probabilities, closed[0])
    assert everything.at_gate
    assert everything.bits == pytest.approx(float(looked.maps[0].map.values.sum()))
    assert (nothing.bits, nothing.positions) == (0.0, 0.0)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_share_of_the_bits_is_kept_at_the_gate(attended: Subject, looked: Looked, share: float) -> None:
    map = looked.maps[0]
    assert map.map.unit == "bits"
    (kept,) = keep(looked, map, [share])
    values, total = map.map.values[0, 0], float(map.map.values.sum())
    assert kept.bits == pytest.approx(float(values[kept.mask].sum()))
    assert kept.bits <= share * total * (1 + 1e-6)
    left = values[~kept.mask]
    assert kept.bits + float(left.max()) > share * total, "the next position would go beyond it"
    gate = attended.model(looked.image).attention[0].map[0].detach()
    expected = attended.model.predict(looked.image, map_override=torch.where(kept.mask, gate, 0))
    torch.testing.assert_close(kept.probabilities, expected[0])


def test_of_another_map_the_other_pixels_are_blurred(attended: Subject, looked: Looked) -> None:
    grad_cam = looked.maps[1]
    everything, nothing, half = keep(looked, grad_cam, [1.0, 0.0, 0.5])
    torch.testing.assert_close(everything.probabilities, looked.probabilities)
    blurred = base_images(looked.image, "blur")
    torch.testing.assert_close(nothing.probabilities, attended.model.predict(blurred)[0])
    assert not half.at_gate
    assert half.bits is None
    assert half.positions == 0.5
    h, w = half.mask.shape
    mask = half.mask.repeat_interleave(16 // h, 0).repeat_interleave(16 // w, 1)
    expected = attended.model.predict(torch.where(mask, looked.image, blurred))
    torch.testing.assert_close(half.probabilities, expected[0])


def test_shares_are_shares(looked: Looked) -> None:
    assert len(keep(looked, looked.maps[0], SHARES)) == 11
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(RegardError, match="each must be from 0 to 1"):
            keep(looked, looked.maps[0], [0.5, bad])


@pytest.mark.parametrize("fill", ["blur", "mean"])
def test_patches_are_taken_away(attended: Subject, looked: Looked, fill) -> None:
    map = replace(looked.maps[1], map=Map(torch.zeros(1, 1, 4, 4), "relevance"))
    torch.testing.assert_close(answer_without(looked, map, [], fill), looked.probabilities)
    changed = looked.image.clone()
    replaced = base_images(looked.image, fill)
    changed[..., 4:8, 12:16] = replaced[..., 4:8, 12:16]
    changed[..., 0:4, 0:4] = replaced[..., 0:4, 0:4]
    cells = [(1, 3), (0, 0)]
    torch.testing.assert_close(picture_without(looked, map, cells, fill), changed[0])
    torch.testing.assert_close(answer_without(looked, map, cells, fill), attended.model.predict(changed)[0])
    with pytest.raises(RegardError, match="4 x 4 positions"):
        answer_without(looked, map, [(4, 0)], fill)


@pytest.mark.parametrize(
    ("point", "cell"),
    [((0, 0), (0, 0)), ((99.9, 49.9), (4, 9)), ((100, 50), (4, 9)), ((25, 31), (3, 2)), ((-1, 0), (0, 0))],
)
def test_the_patch_under_a_point(point: tuple[float, float], cell: tuple[int, int]) -> None:
    assert cell_at(*point, (50, 100), (5, 10)) == cell
