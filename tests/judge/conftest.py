"""A small attended network with little training, and generated images."""

import pytest
import torch

from regard.data import TensorSplit
from regard.evaluation import sample_of
from regard.judge.subject import Subject
from regard.models import AttentiveClassifier


@pytest.fixture(scope="session")
def subject():
    torch.manual_seed(0)
    model = AttentiveClassifier("compact", 3, attention="noise", anchors=4, input_size=(16, 16)).eval()
    return Subject("small", model, ("a", "b", "c"))


@pytest.fixture(scope="session")
def sample():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6, 3, 16, 16), generator=generator, dtype=torch.uint8)
    boxes = torch.tensor([[2.0, 3.0, 9.0, 12.0]]).repeat(6, 1)
    split = TensorSplit("test", ("a", "b", "c"), images, torch.arange(6) % 3, boxes=boxes)
    return sample_of(split, "generated", 4, (16, 16))
