import pytest
import torch

from regard.bottleneck import DECODERS, build_decoder

SIZES = {
    "linear": 6 * 3 + 3,
    "mlp": (6 * 6 + 6) + (6 * 3 + 3),
    "relu_linear": 6 * 3 + 3,
}


@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder_has_its_size_and_teaches_all_of_it(name):
    torch.manual_seed(0)
    decoder = build_decoder(name, 6, 3)
    assert sum(p.numel() for p in decoder.parameters()) == SIZES[name]
    logits = decoder(torch.randn(5, 6))
    assert logits.shape == (5, 3)
    logits.square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in decoder.parameters())


def test_only_those_of_the_paper_are_not_linear():
    z = torch.randn(4, 6)
    for name in DECODERS:
        decoder = build_decoder(name, 6, 3)
        origin = decoder(torch.zeros(4, 6))
        linear = torch.allclose(decoder(2 * z) - origin, 2 * (decoder(z) - origin), atol=1e-5)
        odd = torch.allclose(decoder(-z) - origin, -(decoder(z) - origin), atol=1e-5)
        assert (linear and odd) is (name == "linear")
