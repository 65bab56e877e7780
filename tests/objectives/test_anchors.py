import dataclasses

import pytest
import torch

from regard.objectives import anchor_losses
from regard.types import AttentionOutput


def attention(**changes):
    g = torch.Generator().manual_seed(0)
    raw = torch.rand(2, 3, 1, 4, 5, generator=g).requires_grad_()
    anchors = torch.tensor([0.1, 0.4, 0.9], requires_grad=True)
    index = torch.randint(0, 3, (2, 3, 1, 4, 5), generator=g)
    values = {
        "features": torch.zeros(6, 2, 4, 5),
        "map": anchors.detach()[index],
        "mean": raw[0],
        "raw": raw,
        "index": index,
        "anchors": anchors,
        "log_prior": torch.tensor([0.2, 0.3, 0.5]).log().requires_grad_(),
    }
    return AttentionOutput(**{**values, **changes})


def test_the_losses_are_their_formulas_averaged_over_positions():
    out = attention()
    losses = anchor_losses(out)
    square = distance = surprise = 0.0
    for a, k in zip(out.raw.flatten().tolist(), out.index.flatten().tolist(), strict=True):
        square += (a - [0.1, 0.4, 0.9][k]) ** 2 / 120
        surprise -= torch.tensor([0.2, 0.3, 0.5])[k].log().item() / 120
        distance += abs(a - [0.1, 0.4, 0.9][k]) / 120
    assert losses.codebook.item() == pytest.approx(square, rel=1e-5)
    assert losses.commitment.item() == pytest.approx(square, rel=1e-5)
    assert losses.prior.item() == pytest.approx(surprise, rel=1e-5)


def test_each_loss_moves_one_thing_only():
    out = attention()
    for loss, moved in zip(anchor_losses(out), ("anchors", "raw", "log_prior"), strict=True):
        for name in ("anchors", "raw", "log_prior"):
            gradient = torch.autograd.grad(loss, getattr(out, name), retain_graph=True, allow_unused=True)[0]
            assert (gradient is not None) is (name == moved)
            assert gradient is None or gradient.abs().sum() > 0


def test_the_prior_learns_the_share_of_each_anchor():
    out = attention()
    logits = torch.zeros(3, requires_grad=True)
    for _ in range(300):
        loss = anchor_losses(dataclasses.replace(out, log_prior=logits.log_softmax(0))).prior
        logits.data -= torch.autograd.grad(loss, logits)[0]
    share = torch.bincount(out.index.flatten(), minlength=3) / 120
    torch.testing.assert_close(logits.softmax(0).detach(), share, atol=1e-4, rtol=0)


@pytest.mark.parametrize("missing", [("index",), ("index", "anchors", "log_prior")])
def test_a_given_or_continuous_map_teaches_no_anchors(missing):
    assert anchor_losses(attention(**dict.fromkeys(missing))) is None
