import numpy as np
import pytest
import torch

from regard.gaze import fixation_counts, make_fixations, observers_information, other_fixations
from regard.gaze.ceilings import ten_others

SIZES = {f"{k}": (6, 8) for k in range(14)} | {"empty": (6, 8)}


def table():
    rng = np.random.default_rng(0)
    image = np.repeat([str(k) for k in range(14)], 5)
    return make_fixations(image=image, x=rng.uniform(0, 8, 70), y=rng.uniform(0, 6, 70), sizes=SIZES)


def test_all_others():
    f = table()
    rest = f.select(images=[name for name in f.images if name != "3"])
    got = other_fixations(f)(3, (6, 8))
    assert torch.equal(got, fixation_counts(rest, grid=(6, 8)))


def test_ten_others_are_ten_never_the_image_and_decided_by_the_seed():
    f = table()
    a = ten_others(f, 3, grid=(12, 16))
    assert a.sum() == 50
    assert torch.equal(a, other_fixations(f, convention="mit")(3, (12, 16)))
    assert not torch.equal(a, ten_others(f, 3, grid=(12, 16), seed=1))
    few = f.select(images=["3", "4", "empty"])
    assert torch.equal(ten_others(few, 0, grid=(6, 8)), fixation_counts(f.select(images=["4"]), grid=(6, 8)))


def test_observers_who_agree_say_more_bits():
    prior = torch.full((1, 1, 20, 20), 1 / 400, dtype=torch.float64)
    who = torch.tensor([0, 0, 1, 1])
    same = torch.tensor([[5.5, 5.5], [15.5, 8.5]] * 2, dtype=torch.float64)
    apart = torch.tensor([[1.5, 1.5], [2.5, 1.5], [17.5, 18.5], [18.5, 18.5]], dtype=torch.float64)
    agree, differ = (observers_information(xy, who, prior, sigma=1.0) for xy in (same, apart))
    assert agree > 3
    assert differ == pytest.approx(np.log2(0.1), abs=1e-6)  # nothing but the prior that is mixed in
    assert observers_information(same, who, prior, sigma=1.0, grid=(2, 2)) < agree
