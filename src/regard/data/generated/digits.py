"""scikit-learn's handwritten digits, bare: 8x8, grey, parted as in ``clutter``, so that what was learned there can be
tested here on digits that it has not seen.
"""

from __future__ import annotations

import torch

from regard.data.generated.clutter import CLASSES, members
from regard.data.splits import DataSplits, TensorSplit, pixel_statistics

SOURCE = "scikit-learn's copy of UCI Optical Recognition of Handwritten Digits, test part"


def digits() -> DataSplits:
    """1,797 digits of 8x8 pixels, white on black; 60 % train, 14 % val, 26 % test, the same items as in ``clutter``."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    ink = torch.from_numpy(loaded.images).float().mul(255 / 16).round().to(torch.uint8)
    labels = torch.from_numpy(loaded.target).long()
    splits = {}
    for name in ("train", "val", "test"):
        own, counts = members(name)
        index = torch.cat([own[c, : counts[c]] for c in range(len(CLASSES))]).sort().values
        splits[name] = TensorSplit(name, CLASSES, ink[index, None].expand(-1, 3, -1, -1).contiguous(), labels[index])
    mean, std = pixel_statistics(splits["train"])
    return DataSplits(
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        mean=mean,
        std=std,
        source=SOURCE,
        licence="CC BY 4.0 (E. Alpaydin, C. Kaynak)",
        mirror=False,
    )
