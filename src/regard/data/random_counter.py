"""Random numbers without a state: a value is a function of (seed, stream, epoch, sample index, draw), nothing else.

A resumed run therefore continues with the same numbers, and neither a sample's batch nor the number of devices changes
them. The hash is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
number generators", OOPSLA 2014) in integer tensor operations, which give the same bits on every device.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def uniforms(
    index: Int[Tensor, " N"], draws: int, *, seed: int, epoch: int = 0, stream: int = 0
) -> Float[Tensor, "N {draws}"]:
    """Independent uniforms in [0, 1), multiples of 2**-24: row i belongs to sample ``index[i]``.

    Args:
        index: sample indices (N,), on the device on which the numbers are wanted.
        draws: numbers per sample; more draws leave the first ones as they are.
        seed: the run's seed.
        epoch: the epoch; 0 for what is the same in all epochs.
        stream: separates uses that share seed, epoch and index.
    """
    state = hashes(index, seed=seed, epoch=epoch, stream=stream)
    step = torch.arange(1, draws + 1, device=index.device) * _signed(_GOLDEN)
    return (_shift(_mix(state[:, None] + step), 40)).to(torch.float32) * 2.0**-24


def hashes(index: Int[Tensor, " N"], *, seed: int, epoch: int = 0, stream: int = 0) -> Int[Tensor, " N"]:
    """64 hashed bits per sample (as int64), for `uniforms` and for orders that need distinct keys."""
    key = _mix_int(_mix_int(_mix_int(seed) + epoch) + stream)
    return _mix(index.to(torch.int64) * _signed(_GOLDEN) + _signed(key))


def permutation(count: int, *, seed: int, epoch: int = 0, stream: int = 0) -> Int[Tensor, " N"]:
    """A random order of ``range(count)`` (count,): samples sorted by their hash."""
    return hashes(torch.arange(count), seed=seed, epoch=epoch, stream=stream).argsort(stable=True)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift(x, 30)) * _signed(_FIRST)
    x = (x ^ _shift(x, 27)) * _signed(_SECOND)
    return x ^ _shift(x, 31)


def _mix_int(x: int) -> int:
    x = (x + _GOLDEN) % 2**64
    x = (x ^ (x >> 30)) * _FIRST % 2**64
    x = (x ^ (x >> 27)) * _SECOND % 2**64
    return x ^ (x >> 31)


def _shift(x: Tensor, by: int) -> Tensor:
    """Logical right shift: torch's own keeps the sign."""
    return (x >> by) & (2 ** (64 - by) - 1)


def _signed(x: int) -> int:
    return x - 2**64 if x >= 2**63 else x
