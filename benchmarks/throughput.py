"""Reading images of a usual size: the loader alone, beside timm's and torchvision's; and a folder of 100,000 files.

    python benchmarks/throughput.py [--images 2000] [--files 100000]

1. Images a second: generated JPEG photographs of 320 x 256 pixels in ten classes, resized so that 224 is just covered
   and cut to the centre, batches of 64, with one and two workers: regard's loader on a folder and on the same images
   through ``--data.name timm``; timm's own loader (``create_loader``, without prefetching to a GPU) and PyTorch's on
   torchvision's ``ImageFolder``. All four decode the same files with one thread a process, in turns.
2. A folder of 100,000 small files: seconds until it is open and until its first batch; memory of this process and its
   workers (proportional set size, which counts a shared page once) in the first and the last third of an epoch.

Small images so that a run takes under ten minutes on one core; the ratios are what is looked at.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from timm.data import create_dataset, create_loader
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import v2

from common import record
from regard.data import loader, open_data

SIZE, BATCH, CLASSES, ROUNDS = 224, 64, 10, 3


def photographs(folder: Path, count: int) -> None:
    """JPEG files with some texture, by class."""
    random = np.random.default_rng(0)
    for k in range(CLASSES):
        (folder / "train" / f"class{k}").mkdir(parents=True)
    for i in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (32, 40, 3), dtype=np.uint8))
        picture = coarse.resize((320, 256), Image.Resampling.BICUBIC)
        picture.save(folder / "train" / f"class{i % CLASSES}" / f"{i:06d}.jpg", quality=90)


def many_files(folder: Path, count: int) -> None:
    """Small JPEG files by class; their content is one of a hundred."""
    random, contents = np.random.default_rng(1), []
    for _ in range(100):
        file = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file, "jpeg", quality=80)
        contents.append(file.getvalue())
    for k in range(100):
        (folder / f"class{k:02d}").mkdir(parents=True)
    for i in range(count):
        (folder / f"class{i % 100:02d}" / f"{i:06d}.jpg").write_bytes(contents[i % 99])


def rate(batches: Iterable[Any], count: int) -> float:
    """Images a second; a loader that gives fewer or more images is a fault."""
    begin, seen = time.perf_counter(), 0
    for batch in batches:
        seen += len(batch.images) if hasattr(batch, "images") else len(batch[0])
    assert seen == count, (seen, count)
    return count / (time.perf_counter() - begin)


def readers(folder: Path, workers: int) -> dict[str, Callable[[], Iterable[Any]]]:
    """Name -> a fresh epoch over all images in their order."""
    whole = {"val_share": 0.01, "test_share": 0.01, "size": SIZE}
    own = open_data("folder", folder / "train", **whole).train
    through = open_data("timm", folder / "train", name="folder", **whole).train
    names = {own.item_name(i) for i in range(len(own))}
    to_tensor = v2.Compose([v2.ToImage(), v2.Resize(SIZE), v2.CenterCrop(SIZE), v2.ToDtype(torch.float32, scale=True)])
    torchs = datasets.ImageFolder(str(folder / "train"), transform=to_tensor, is_valid_file=lambda path: path in names)
    timms = create_dataset("", root=str(folder / "train"), search_split=False)
    timms.reader.samples = [sample for sample in timms.reader.samples if sample[0] in names]
    how: dict[str, Any] = {"num_workers": workers, "is_training": False, "use_prefetcher": False, "crop_pct": 1.0}
    how |= {"interpolation": "bilinear", "persistent_workers": False}
    return {
        "folder": lambda: loader(own, BATCH, shuffle=False, num_workers=workers),
        "timm set": lambda: loader(through, BATCH, shuffle=False, num_workers=workers),
        "timm": lambda: create_loader(timms, (3, SIZE, SIZE), BATCH, **how),
        "torchvision": lambda: DataLoader(torchs, batch_size=BATCH, num_workers=workers),
    }


def rates(folder: Path, count: int) -> dict[str, dict[str, float]]:
    """Workers -> reader -> images a second: the best of some rounds, taken in turns."""
    results: dict[str, dict[str, float]] = {}
    for workers in (1, 2):
        opened = readers(folder, workers)
        best = dict.fromkeys(opened, 0.0)
        for k in range(ROUNDS):
            for name in list(opened)[:: -1 if k % 2 else 1]:
                best[name] = max(best[name], rate(opened[name](), count))
        results[str(workers)] = {name: round(value, 1) for name, value in best.items()}
        fastest = max(best["timm"], best["torchvision"])
        results[str(workers)]["share of the faster"] = round(best["folder"] / fastest, 3)
    return results


def memory() -> float:
    """MiB of this process and its children, a page that several share counted once."""
    total = 0
    for pid in [os.getpid(), *children(os.getpid())]:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
    return round(total / 1024, 1)


def children(pid: int) -> list[int]:
    own = [
        int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()
    ]
    return [each for child in own for each in (child, *children(child))]


def large_folder(folder: Path, count: int) -> dict[str, Any]:
    """Time to the first batch, and memory as an epoch goes on."""
    begin = time.perf_counter()
    data = open_data("folder", folder, size=32, val_share=0.01, test_share=0.01)
    opened = time.perf_counter()
    batches = iter(loader(data.train, BATCH, shuffle=True, num_workers=2))
    next(batches)
    first = time.perf_counter()
    steps, readings = len(data.train) // BATCH, []
    for step, _ in enumerate(batches, start=1):
        if step % max(steps // 30, 1) == 0:
            readings.append(memory())
    third = max(len(readings) // 3, 1)
    early, late = np.mean(readings[:third]), np.mean(readings[-third:])
    return {
        "files": count,
        "open_seconds": round(opened - begin, 2),
        "first_batch_seconds": round(first - begin, 2),
        "memory_mib_first_third": round(float(early), 1),
        "memory_mib_last_third": round(float(late), 1),
        "growth": round(float(late / early - 1), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--files", type=int, default=100_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photographs(folder / "photos", options.images)
        kept = len(open_data("folder", folder / "photos" / "train", size=SIZE, val_share=0.01, test_share=0.01).train)
        result: dict[str, Any] = {"images": kept, "images_a_second": rates(folder / "photos", kept)}
        shutil.rmtree(folder / "photos")
        many_files(folder / "many", options.files)
        result["large_folder"] = large_folder(folder / "many", options.files)
    print(json.dumps(result, indent=1))
    if options.images >= 2000 and options.files >= 100_000:
        notes = f"JPEG of 320x256 to {SIZE}, batches of {BATCH}, one thread a process, best of {ROUNDS} rounds in turns"
        record("throughput", result, notes=f"{notes}; other work ran on the machine")


if __name__ == "__main__":
    main()
