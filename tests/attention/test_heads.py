import pytest
import torch

from regard.attention import ContextHead


@pytest.mark.parametrize("initial", [0.3, 0.8])
def test_the_map_starts_at_its_initial_value_for_any_features(initial):
    head = ContextHead(8, initial)
    for features in (torch.randn(8, 8, 12, 12), 50 + 30 * torch.rand(8, 8, 12, 12)):
        start = torch.sigmoid(head(features))
        assert start.shape == (8, 1, 12, 12)
        assert start.mean().item() == pytest.approx(initial, abs=0.05)


def test_in_training_maps_do_not_depend_on_scale_or_offset_of_features():
    head = ContextHead(8)
    features = torch.rand(4, 8, 12, 12)
    torch.testing.assert_close(head(features), head(20 * features + 3), atol=1e-2, rtol=0)


def test_the_receptive_field_is_smaller_than_the_image():
    head = ContextHead(4).eval()
    features = torch.randn(1, 4, 48, 48, requires_grad=True)
    head(features)[0, 0, 24, 24].backward()
    receptive_field = features.grad.abs().sum((0, 1)).nonzero()
    extent = receptive_field.max(0).values - receptive_field.min(0).values + 1
    assert torch.all(extent > 3)  # more than the paper's head
    assert torch.all(extent >= 15)
    assert torch.all(extent < 24)
    for line in receptive_field.T:
        assert line.min() < 24 < line.max()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3), (9, 8)])
def test_grids_of_any_size(size):
    head = ContextHead(4).eval()
    out = head(torch.randn(2, 4, *size))
    assert out.shape == (2, 1, *size)
    assert torch.isfinite(out).all()
