"""Predictions and masks compared with pysodmetrics; only numpy, so that both environments generate the same values."""

from functools import cache

import numpy as np


def noise(shape, seed):
    """Values in [0,1) by hashing positions: the same with every version of numpy."""
    state = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state += np.uint64(seed * 0xD1B54A32D192ED03 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    state ^= state >> np.uint64(31)
    return ((state >> np.uint64(40)).astype(np.float64) / 2**24).reshape(shape)


def blob(shape, cy, cx, radius):
    """A soft disc."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return 1 / (1 + np.exp(np.hypot(y - cy, x - cx) - radius))


@cache
def cases():
    """name -> (prediction in [0,1], mask)."""
    out = {}
    small, large, flat = (17, 23), (41, 32), (1, 9)
    disc = blob(large, 20, 15, 9) > 0.5
    shifted = 0.8 * blob(large, 23, 11, 8) + 0.2 * noise(large, 1)
    ring = disc & ~(blob(large, 20, 15, 4) > 0.5)
    out["noise on noise"] = noise(small, 2), noise(small, 3) > 0.7
    out["disc, shifted"] = shifted, disc
    out["disc, 8 bits"] = np.floor(shifted * 256).clip(0, 255) / 255, disc
    out["disc, float32"] = shifted.astype(np.float32), disc
    out["disc, 8 bits of float32"] = (np.floor(shifted * 256).clip(0, 255) / 255).astype(np.float32), disc
    out["disc, perfect"] = disc.astype(np.float64), disc
    out["disc, inverted"] = 1 - disc.astype(np.float64), disc
    out["ring"] = shifted, ring
    out["two objects"] = noise(large, 4) * shifted, disc | (blob(large, 2, 29, 3) > 0.5)
    out["scattered pixels"] = noise(large, 5), noise(large, 6) > 0.97
    out["one pixel"] = noise(small, 7), np.arange(17 * 23).reshape(small) == 150
    out["all but one pixel"] = noise(small, 8), np.arange(17 * 23).reshape(small) != 150
    out["first column"] = noise(small, 9), np.mgrid[:17, :23][1] == 0
    out["first row and column"] = noise(small, 10), (np.mgrid[:17, :23] == 0).any(0)
    out["left half"] = noise(small, 11), np.mgrid[:17, :23][1] < 12
    out["saturated"] = np.where(noise(large, 12) > 0.3, disc, shifted), disc
    out["one row"] = noise(flat, 13), np.arange(9)[None] % 4 == 1
    for value in (0.0, 0.25, 0.5, 1.0):
        out[f"constant {value:g}"] = np.full(large, value), disc
    for name, fill in (("empty", False), ("full", True)):
        out[f"{name} mask"] = noise(small, 15), np.full(small, fill)
        out[f"{name} mask, constant 0"] = np.zeros(small), np.full(small, fill)
        out[f"{name} mask, constant 1"] = np.ones(small), np.full(small, fill)
    out["last column"] = noise(small, 16), np.mgrid[:17, :23][1] == 22
    return out
