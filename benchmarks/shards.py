"""Tar shards at the size of a real set: opening, reading, and a run that is killed in the middle of an epoch.

    python benchmarks/shards.py [--images 50000] [--shards 100]

Generated JPEG images of 64 pixels in shards, and the first 10,000 of them as files. Timed: opening the set, the first
time and with its index in the cache; the first batch; images a second of the loader alone with none, one and two
workers, beside the same images in a folder, by regard, by timm and torchvision, these with PyTorch's loader.
Then a small network trains on all with two workers, is killed (SIGKILL) in the middle of its second epoch, and goes on;
every image must have been trained on once in each epoch.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import ROOT, record

sys.path.insert(0, str(ROOT))

import numpy as np
import torch
from PIL import Image
from tests.training.tiny import tiny
from timm.data import create_dataset
from torch.utils.data import DataLoader, Subset
from torchvision import datasets
from torchvision.transforms import v2

from regard.data import loader, open_data
from regard.training import save_recipe

SIZE, CLASSES, FILES, TIMED = 64, 10, 10_000, 4_000


def write(folder: Path, images: int, shards: int) -> None:
    """The shards, and the first images as files by class."""
    random = np.random.default_rng(0)
    (folder / "shards").mkdir()
    for k in range(CLASSES):
        (folder / "files" / str(k)).mkdir(parents=True)
    each = images // shards
    for shard in range(shards):
        with tarfile.open(folder / "shards" / f"train-{shard:04d}.tar", "w") as archive:
            for i in range(shard * each, (shard + 1) * each):
                small = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                file = io.BytesIO()
                Image.fromarray(small).resize((SIZE, SIZE), Image.Resampling.BILINEAR).save(file, "jpeg", quality=90)
                for suffix, content in ((".jpg", file.getvalue()), (".cls", str(i % CLASSES).encode())):
                    entry = tarfile.TarInfo(f"{i:06d}{suffix}")
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
                if i < FILES:
                    (folder / "files" / str(i % CLASSES) / f"{i:06d}.jpg").write_bytes(file.getvalue())


def seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def rate(batches: Iterable[Any]) -> float:
    """Images a second of an epoch of `TIMED` images."""
    return TIMED / seconds(lambda: [None for _ in batches])


def rates(folder: Path, workers: int) -> dict[str, float]:
    """Of every reader, one after the other."""
    some = torch.randperm(FILES * 4 // 5, generator=torch.Generator().manual_seed(0))[:TIMED].tolist()
    shards, files = (
        open_data(name, folder / place, size=SIZE).train for name, place in (("shards", "shards"), ("folder", "files"))
    )
    to_tensor = v2.Compose([v2.ToImage(), v2.CenterCrop(SIZE), v2.ToDtype(torch.float32, scale=True)])
    timms = create_dataset("", root=str(folder / "files"), search_split=False, transform=to_tensor)
    torchs = datasets.ImageFolder(str(folder / "files"), transform=to_tensor)

    def own(split: Any) -> float:
        return rate(replace(loader(split, 64, shuffle=False, num_workers=workers), order=torch.tensor(some)))

    def others(dataset: Any) -> float:
        return rate(DataLoader(Subset(dataset, some), batch_size=64, num_workers=workers))

    read = {"shards": own(shards), "folder": own(files), "timm": others(timms), "torchvision": others(torchs)}
    return {name: round(value, 1) for name, value in read.items()}


PROGRAM = """
import json, sys
from regard.training import train, load_recipe
from regard.training.task import Task
step = Task.training_step
def noted(self, batch, *more):
    with open(sys.argv[3], "a") as file:
        file.write(json.dumps([self.current_epoch, batch.index.tolist()]) + chr(10))
    return step(self, batch, *more)
Task.training_step = noted
train(load_recipe(sys.argv[1]), sys.argv[2], quiet=True)
"""


def killed_run(folder: Path) -> dict[str, Any]:
    """Trains two epochs with two workers, kills the first try in the middle of the second, and reads what was seen."""
    data = {"name": "shards", "root": str(folder / "shards"), "options": {"size": 32}, "workers": 2}
    save_recipe(tiny("x", data=data, train={"epochs": 2, "batch_size": 100}), folder / "x.yaml")
    seen = folder / "seen.jsonl"
    command = [sys.executable, "-c", PROGRAM, str(folder / "x.yaml"), str(folder / "run"), str(seen)]
    first = subprocess.Popen(command, cwd=ROOT)
    while first.poll() is None and not (seen.exists() and seen.read_text().count("[1, ") > 20):
        time.sleep(0.5)
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = len(seen.read_text().splitlines())
    subprocess.run(command, cwd=ROOT, check=True)
    lines = [json.loads(line) for line in seen.read_text().splitlines()]
    images = len(open_data("shards", folder / "shards", size=32).train)
    epochs = [
        [i for epoch, batch in part for i in batch if epoch == k] for k, part in ((0, lines), (1, lines[before:]))
    ]
    return {
        "training_images": images,
        "steps_before_the_kill": before,
        "seen_once_in_epoch": [sorted(epoch) == list(range(images)) for epoch in epochs],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--shards", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["REGARD_CACHE"] = str(folder / "cache")
        write(folder, options.images, options.shards)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result: dict[str, Any] = {"images": options.images, "shards": options.shards}
        result["open_first_seconds"] = round(seconds(lambda: open_data("shards", folder / "shards", size=SIZE)), 2)
        result["open_again_seconds"] = round(seconds(lambda: open_data("shards", folder / "shards", size=SIZE)), 2)
        data = open_data("shards", folder / "shards", size=SIZE)
        first = loader(data.train, 64, shuffle=True, num_workers=2)
        result["first_batch_seconds"] = round(seconds(lambda: next(iter(first))), 2)
        result["index_mib"] = round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024, 1)
        result["images_a_second"] = {f"{workers} workers": rates(folder, workers) for workers in (0, 1, 2)}
        result["killed_run"] = killed_run(folder)
    print(json.dumps(result, indent=1))
    if options.images >= 50_000:
        record("shards", result, notes="one thread a process; 64-pixel JPEG images; other work ran on the machine")


if __name__ == "__main__":
    main()
