"""Raw samples of trackers as they come: other units of time, rates that vary, pauses."""

import time

import numpy as np
import pytest

from regard.gaze import fixations_from_samples
from regard.types import RegardError

HOW = {"image": "a", "size": (100, 120), "pixels_per_degree": 30}
PLACES = np.array([[20, 20], [60, 60], [90, 40]])
METHODS = pytest.mark.parametrize("method", ["idt", "ivt"])


def three_fixations(t):
    """Gaze at three places for a second each, with a tracker's noise; times in ms."""
    noise = np.random.default_rng(0).normal(0, 0.05, (len(t), 2))
    x, y = (PLACES[np.minimum(t // 1000, 2).astype(int)] + noise).T
    return x, y


def steady(t):
    noise = np.random.default_rng(0).normal(0, 0.05, (len(t), 2))
    return 50 + noise[:, 0], 50 + noise[:, 1]


T = np.arange(0, 3000, 4.0)


@METHODS
@pytest.mark.parametrize(
    ("unit", "name", "factor"), [("s", "seconds", 1e-3), ("us", "microseconds", 1e3), ("ns", "nanoseconds", 1e6)]
)
@pytest.mark.parametrize("interval", [1.0, 4.0, 16.0])
def test_other_units_of_time_are_named_and_converted(unit, name, factor, interval, method):
    t = np.arange(0, 3000, interval)
    x, y = three_fixations(t)
    with pytest.raises(RegardError, match=rf"look like {name} .*time_unit='{unit}'"):
        fixations_from_samples(t * factor, x, y, **HOW, method=method)
    f = fixations_from_samples(t * factor, x, y, **HOW, method=method, time_unit=unit)
    assert f.x == pytest.approx(PLACES[:, 0], abs=1.5)
    assert f.duration == pytest.approx([1000] * 3, abs=4 * interval)


@METHODS
def test_a_constant_rate_gives_the_samples_own_means(method):
    x, y = three_fixations(T)
    f = fixations_from_samples(T, x, y, **HOW, method=method)
    assert len(f) == 3
    assert f.x[2] == pytest.approx(x[T >= 2000].mean(), abs=0.3)
    shifted = fixations_from_samples(T + 1e9, x, y, **HOW, method=method)
    np.testing.assert_allclose(shifted.x, f.x)
    np.testing.assert_allclose(shifted.duration, f.duration, atol=1e-3)


RNG = np.random.default_rng(1)
IRREGULAR = {
    "every 12th late": np.cumsum([48.0 if k % 12 == 0 else 32.0 for k in range(90)]),
    "jitter": np.cumsum(RNG.uniform(10, 24, 180)),
    "frames dropped": np.delete(np.arange(0, 3000, 16.0), np.arange(5, 180, 9)),
    "rate changes": np.concatenate([np.arange(0, 1500, 8.0), np.arange(1508, 3000, 32.0)]),
    "times rounded to ms": np.round(np.arange(0, 3000, 1000 / 120)),
    "clock drifts": np.arange(0, 3000, 4.0) * 1.0007,
    "webcam": np.cumsum(RNG.choice([33.0, 66.0, 50.0], 60)),
}


@METHODS
@pytest.mark.parametrize("kind", IRREGULAR)
def test_steady_gaze_at_an_irregular_rate_is_one_fixation(kind, method):
    t = IRREGULAR[kind]
    x, y = steady(t)
    f = fixations_from_samples(t, x, y, **HOW, method=method)
    assert len(f) == 1
    assert f.duration[0] == pytest.approx(t[-1] - t[0], rel=0.02)
    assert (f.x[0], f.y[0]) == pytest.approx((x.mean(), y.mean()), abs=0.05)


@METHODS
@pytest.mark.parametrize("left_out", [True, False])
@pytest.mark.parametrize(("lost", "expected"), [(4, 1), (60, 1), (160, 2), (400, 2)])
def test_a_blink_ends_a_fixation_and_a_lost_sample_does_not(lost, expected, left_out, method):
    x, y = steady(T)
    gone = (T > 1000) & (1000 + lost >= T)
    if left_out:
        f = fixations_from_samples(T[~gone], x[~gone], y[~gone], **HOW, method=method)
    else:
        f = fixations_from_samples(T, np.where(gone, np.nan, x), np.where(gone, np.nan, y), **HOW, method=method)
    assert len(f) == expected
    if expected == 2:
        assert f.duration == pytest.approx([1000, 3000 - 1000 - lost], abs=12)
    assert len(fixations_from_samples(T[~gone], x[~gone], y[~gone], **HOW, method=method, gap_ms=3)) == (lost > 4) + 1


def test_a_pause_takes_no_time():
    later = T + 3 * 24 * 3600 * 1000.0  # three days
    x, y = three_fixations(T)
    start = time.process_time()
    f = fixations_from_samples(np.append(T, later), np.tile(x, 2), np.tile(y, 2), **HOW)
    assert time.process_time() - start < 5
    assert len(f) == 6


def test_a_rate_too_low_for_the_shortest_fixation_is_named():
    t = np.arange(0, 3000, 100.0)
    x, y = steady(t)
    with pytest.raises(RegardError, match=r"rate of 10 samples a second .* give at least 200"):
        fixations_from_samples(t, x, y, **HOW)
    assert len(fixations_from_samples(t, x, y, **HOW, minimum_ms=200)) == 1


def test_samples_in_fractions_are_named_and_converted():
    x, y = three_fixations(T)
    with pytest.raises(RegardError, match="fractions of the image"):
        fixations_from_samples(T, x / 120, y / 100, **HOW)
    f = fixations_from_samples(T, x / 120, y / 100, **HOW, units="fraction")
    assert f.y == pytest.approx(PLACES[:, 1], abs=1.5)


def test_gaze_that_was_lost_throughout_has_no_fixation():
    assert len(fixations_from_samples(T, np.full(len(T), np.nan), np.full(len(T), np.nan), **HOW)) == 0
