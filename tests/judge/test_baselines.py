"""What a map that gates nothing cannot be asked."""

import pytest
import torch

from regard.judge.engine import _frozen
from regard.models import AttentiveClassifier

SMALL = {"input_size": (16, 16), "backbone_options": {"widths": (4, 4, 6, 8)}}


@pytest.mark.parametrize(("rival", "gates"), [("gap", False), ("ltpa", True), ("cbam", True)])
def test_only_gates_are_held_fast(rival: str, gates: bool) -> None:
    torch.manual_seed(0)
    model, images = AttentiveClassifier("compact", 4, attention=rival, **SMALL).eval(), torch.rand(5, 3, 16, 16)
    frozen = _frozen(model, images, 2)
    assert (frozen is not None) == gates
    if frozen is not None:
        rows = torch.tensor([3, 0])
        assert torch.allclose(frozen(images[rows], rows), model.predict(images[rows]), atol=1e-5)
        assert not torch.equal(frozen(images[rows], rows.flip(0)), frozen(images[rows], rows))
