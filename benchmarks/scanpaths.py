"""Which similarities of scanpaths see where people look, and in which order: OSIE, all 700 images.

    REGARD_DATA=... python benchmarks/scanpaths.py

Fourteen observers are "people". Scored are the fifteenth, the fifteenth with the fixations of each image in a random
order, and fixations drawn at random from people's on the image and from people's on all other images.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from common import record
from regard.gaze import Fixations, make_fixations, read_osie, scanpaths
from regard.score import score_scanpaths

SEED = 0


def shuffled(people: Fixations, chance: np.random.Generator) -> Fixations:
    """Each viewing's fixations in a random order."""
    rows = [
        (image, who, *path[k])
        for image, paths in scanpaths(people).items()
        for who, path in paths.items()
        for k in chance.permutation(len(path))
    ]
    return as_table(rows, people)


def drawn(people: Fixations, chance: np.random.Generator, *, here: bool) -> Fixations:
    """On each image one scanpath of the median length: fixations drawn from this image's, or from all others'."""
    every = scanpaths(people)
    length = round(float(np.median([len(path) for paths in every.values() for path in paths.values()])))
    pools = {image: np.concatenate(list(paths.values())) for image, paths in every.items()}
    rows = []
    for image in every:
        pool = pools[image] if here else np.concatenate([pool for other, pool in pools.items() if other != image])
        rows += [(image, "drawn", *pool[k]) for k in chance.integers(0, len(pool), length)]
    return as_table(rows, people)


def as_table(rows: list[tuple[object, ...]], people: Fixations) -> Fixations:
    image, subject, x, y, duration = zip(*rows, strict=True)
    sizes = {name: (int(h), int(w)) for name, (h, w) in zip(people.images, people.sizes, strict=True)}
    return make_fixations(image=image, subject=subject, x=x, y=y, duration=duration, sizes=sizes, units="pixels")


def main() -> None:
    root = Path(os.environ.get("REGARD_DATA", ""))
    if not (root / "osie").is_dir():
        sys.exit("set REGARD_DATA to the folder with osie/")
    everyone = read_osie(root / "osie")
    *others, last = everyone.subjects
    people, person = everyone.select(subjects=others), everyone.select(subjects=[last])
    chance = np.random.default_rng(SEED)
    models = {
        "an observer": person,
        "the observer, random order": shuffled(person, chance),
        "drawn from this image": drawn(people, chance, here=True),
        "drawn from other images": drawn(people, chance, here=False),
    }
    begin = time.perf_counter()
    results = score_scanpaths(models, people)
    seconds = time.perf_counter() - begin
    kinds = {**results.models, **results.references}
    scores = {kind: {m: asdict(mean) for m, mean in of.items()} for kind, of in kinds.items()}
    values = {"images": results.images, "viewings": results.people, "seconds": round(seconds, 1), "scores": scores}
    record("scanpaths", values | {"share": results.share, "floor": results.floor}, seeds=[SEED])
    for metric in results.floor:
        print(metric, {kind: round(of[metric].mean, 3) for kind, of in kinds.items()})


if __name__ == "__main__":
    main()
