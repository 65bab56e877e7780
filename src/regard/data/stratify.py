"""Random parts of a set in which each class has its share (stratified splits), decided by a seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Int, Num
from torch import Tensor

from regard.data.random_counter import permutation
from regard.types import RegardError

_STREAM = 200


def stratified(labels: Num[Tensor, "N *n"], shares: tuple[float, ...], *, seed: int) -> tuple[Int[Tensor, " M"], ...]:
    """Positions of the rest, then of one part for each share; disjoint, each in ascending order.

    Each class gives round(share * its number) to each part, and at least one where it has more items than there are
    parts. Multi-label targets are split without regard to classes: their combinations are too many to stratify.

    Args:
        labels: class index (N,) or multi-label targets (N,n).
        shares: share of each part, in (0, 1), together below 1.
        seed: decides which items; the same items for the same labels and seed.
    """
    if min(shares) <= 0 or sum(shares) >= 1:
        raise RegardError(f"shares {shares} of a split must be positive and leave something: together below 1")
    groups = labels if labels.dim() == 1 else torch.zeros(len(labels))
    order = permutation(len(labels), seed=seed, stream=_STREAM)
    rest: list[Tensor] = []
    parts: list[list[Tensor]] = [[] for _ in shares]
    for value in groups.unique():
        own = order[groups[order] == value]
        least = int(len(own) > len(shares))
        start = 0
        for part, share in zip(parts, shares, strict=True):
            end = start + max(least, round(share * len(own)))
            part.append(own[start:end])
            start = end
        rest.append(own[start:])
    return tuple(torch.cat(group).sort().values for group in (rest, *parts))


def complete(
    groups: Mapping[str, Int[Tensor, " _"]],
    labels: Num[Tensor, "N *n"],
    shares: Mapping[str, float],
    *,
    seed: int,
    where: Path,
) -> dict[str, Int[Tensor, " _"]]:
    """Positions of every split: the given ones; missing ones are taken from ``train``, each class in proportion.

    ``shares`` names the splits besides ``train`` and what each takes of it where it is absent or empty in ``groups``;
    ``labels`` are those of all items, ``where`` is the file or folder that errors name.

    Raises:
        RegardError: a split is left without an item.
    """
    groups, own = dict(groups), groups["train"]
    missing = {name: share for name, share in shares.items() if not len(groups.get(name, ()))}
    if missing and len(own):
        parts = stratified(labels[own], tuple(missing.values()), seed=seed)
        groups |= {name: own[part] for name, part in zip(("train", *missing), parts, strict=True)}
    for name in ("train", *shares):
        if not len(groups.get(name, ())):
            raise RegardError(f"{where}: no image for {name!r} among {len(labels)}; add some or change the shares")
    return groups
