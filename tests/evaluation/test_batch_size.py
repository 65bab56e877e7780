"""How many images are shown at a time depends on their size, and on the device."""

import pytest
import torch

from regard.data import TensorSplit
from regard.evaluation.observe import LARGEST_BATCH, max_batch_size


def split(height: int, width: int) -> TensorSplit:
    return TensorSplit(
        "test",
        images=torch.zeros(2, 3, height, width, dtype=torch.uint8),
        labels=torch.tensor([0, 1]),
        classes=("a", "b"),
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((32, 32), LARGEST_BATCH),
        ((48, 48), LARGEST_BATCH),
        ((48, 96), LARGEST_BATCH // 2),
        ((192, 192), 16),
        ((900, 900), 1),
    ],
)
def test_large_images_are_few(size: tuple[int, int], expected: int) -> None:
    assert max_batch_size(split(*size)) == expected


def test_other_devices_take_all() -> None:
    assert max_batch_size(split(192, 192), "cuda") == LARGEST_BATCH
