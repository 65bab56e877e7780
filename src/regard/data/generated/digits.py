"""scikit-learn's handwritten digits without clutter: 8x8, grey, split as in ``clutter``.

A network trained on ``clutter`` can be tested here on digits that it has not seen.
"""

from __future__ import annotations

import torch

from regard.data.generated.clutter import DIGIT_CLASSES, digits_of_split
from regard.data.splits import DataSplits, TensorSplit

DIGITS_SOURCE = "scikit-learn's copy of UCI Optical Recognition of Handwritten Digits, test part"


def digits() -> DataSplits:
    """1,797 digits of 8x8 pixels, white on black; 60 % train, 14 % val, 26 % test, the same items as in ``clutter``."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    ink = torch.from_numpy(loaded.images).float().mul(255 / 16).round().to(torch.uint8)
    labels = torch.from_numpy(loaded.target).long()
    splits = {}
    for name in ("train", "val", "test"):
        own, counts = digits_of_split(name)
        index = torch.cat([own[c, : counts[c]] for c in range(len(DIGIT_CLASSES))]).sort().values
        splits[name] = TensorSplit(
            name, DIGIT_CLASSES, ink[index, None].expand(-1, 3, -1, -1).contiguous(), labels[index]
        )
    return DataSplits.of_parts(splits, source=DIGITS_SOURCE, licence="CC BY 4.0 (E. Alpaydin, C. Kaynak)", mirror=False)
