import pytest
import torch
from torch import Tensor


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def features() -> Tensor:
    """(2,4,7,9): odd, not square, no channel of mean 0 or std 1."""
    generator = torch.Generator().manual_seed(1)
    scale = torch.tensor([0.5, 1.0, 2.0, 4.0]).view(4, 1, 1)
    return torch.randn(2, 4, 7, 9, generator=generator) * scale + scale
