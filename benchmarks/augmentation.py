"""In-memory batched augmentation against torchvision's per-sample transforms, on the same images in one run.

Both sides give batches of float images in [0,1], randomly cropped (reflecting padding of 4) and mirrored, of a
CIFAR-sized set in memory: torchvision as it is mostly used (PIL image, RandomCrop, RandomHorizontalFlip, ToTensor,
stacked), regard by ``loader`` with ``Augmentation``. One process, one thread, the two sides taken in turns; the ratio
is that of the medians. Requirement: at least 5.
"""

from __future__ import annotations

import itertools
import statistics
import time

import torch
from PIL import Image
from torchvision import transforms

from common import record, seconds_in_turns
from regard.data import Augmentation, TensorSplit, loader

SAMPLES, BATCH, ROUNDS = 2560, 128, 9
REQUIRED = 5.0


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = torch.randint(0, 256, (SAMPLES, 3, 32, 32), dtype=torch.uint8)
    split = TensorSplit("train", ("a", "b"), images, torch.zeros(SAMPLES, dtype=torch.int64))
    arrays = images.permute(0, 2, 3, 1).contiguous().numpy()
    transform = transforms.Compose(
        [transforms.RandomCrop(32, 4, padding_mode="reflect"), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    )
    augment = Augmentation(crop_padding=4, flip=True)

    epochs = itertools.count()

    def per_sample() -> None:
        for part in torch.randperm(SAMPLES).split(BATCH):
            torch.stack([transform(Image.fromarray(arrays[i])) for i in part.tolist()])

    def batched() -> None:
        for batch in loader(split, BATCH, shuffle=True, seed=0, epoch=next(epochs), augment=augment):
            assert batch.images.shape[-1] == 32

    sides = {"torchvision": per_sample, "regard": batched}
    seconds = seconds_in_turns(sides, ROUNDS, clock=time.process_time)
    times = {name: [s / SAMPLES * 1e6 for s in values] for name, values in seconds.items()}
    micro = {name: statistics.median(values) for name, values in times.items()}
    ratio = micro["torchvision"] / micro["regard"]
    for name, value in micro.items():
        print(f"{name:12s} {value:7.1f} us a sample (processor time, one thread)")
    print(f"ratio        {ratio:7.1f} (required {REQUIRED})")
    path = record(
        "augmentation",
        {
            "microseconds_a_sample": micro,
            "ratio": ratio,
            "required": REQUIRED,
            "passed": ratio >= REQUIRED,
            "all": times,
        },
        seeds=(0,),
        notes=f"{SAMPLES} images 3x32x32, batch {BATCH}, median of {ROUNDS} rounds, processor time of one thread",
    )
    print(path)


if __name__ == "__main__":
    main()
