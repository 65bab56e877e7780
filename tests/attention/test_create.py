import pytest
import torch
from torch import nn

from regard.attention import (
    ATTENTION,
    FIXED_MAPS,
    GATES,
    HEADS,
    LEARNED_MAPS,
    AnchorQuantizer,
    DeterministicMap,
    NoiseGate,
    ResidualGate,
    VariationalMap,
    create_attention,
)
from regard.objectives import Weights, information_loss
from regard.types import ModelOutput, RegardError

EVERYTHING = Weights(beta=0.1, map_beta=0.1, code_beta=0.1, codebook=0.4, commitment=0.1)
NAMES = [*ATTENTION, *(f"{proposal}+{gate}" for proposal in [*LEARNED_MAPS, *FIXED_MAPS] for gate in GATES)]


@pytest.mark.parametrize("anchors", [None, 6])
@pytest.mark.parametrize("name", NAMES)
def test_every_mechanism_runs_and_trains_all_its_parameters(name, anchors):
    attention = create_attention(name, 4, anchors=anchors)
    features = torch.randn(3, 4, 6, 8, requires_grad=True)
    out = attention(features, samples=2)
    assert out.features.shape == (6, 4, 6, 8)
    assert out.map.shape == (2, 3, 1, 6, 8)
    logits = out.features.square().mean((2, 3)).reshape(2, 3, 4)
    loss = information_loss(ModelOutput(logits, (out,)), torch.tensor([0, 1, 3]), EVERYTHING).total
    loss.backward()
    assert torch.isfinite(loss)
    assert features.grad.abs().sum() > 0
    parameters = dict(attention.named_parameters())
    learned = isinstance(attention.proposal, VariationalMap | DeterministicMap)
    assert bool(parameters) is (learned or anchors is not None)
    for key, parameter in parameters.items():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        assert parameter.grad.abs().sum() > 0, key
    assert (out.price is not None) is isinstance(attention.gate, NoiseGate)
    if anchors is not None:
        assert attention.quantizer.upper == attention.gate.upper
        assert attention.quantizer.pinned is attention.gate.pinned


def test_aib_is_built_as_in_the_paper():
    aib = create_attention("aib", 4, anchors=20)
    assert isinstance(aib.proposal, VariationalMap)
    assert isinstance(aib.proposal.head, nn.Conv2d)
    assert aib.proposal.head.kernel_size == (3, 3)
    assert isinstance(aib.gate, ResidualGate)
    assert isinstance(aib.quantizer, AnchorQuantizer)
    torch.testing.assert_close(aib.quantizer.anchors, torch.linspace(0, 1, 20))


@pytest.mark.parametrize(("head", "start"), [("conv", 0.5), ("context", 0.8)])
@pytest.mark.parametrize("initial", [None, 0.3])
def test_heads_by_name_start_where_they_should(head, start, initial):
    attention = create_attention("mask", 16, head=head, initial=initial)
    assert isinstance(attention.proposal.head, type(HEADS[head](16, 0.5)))
    mean = attention(0.1 * torch.randn(8, 16, 12, 12)).mean.mean().item()
    assert mean == pytest.approx(initial or start, abs=0.08)


def test_a_custom_head_and_options_reach_the_proposal(features):
    head = nn.Conv2d(4, 1, 1)
    assert create_attention("noise", 4, head=head).proposal.head is head
    assert torch.all(create_attention("uniform+mask", 4, value=0.25)(features).map == 0.25)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("uniform", {"valu": 0.25}, "no option valu; it takes value"),
        ("uniform", {"head": "conv"}, "no option head; it takes value"),
        ("center+noise", {"initial": 0.5}, "no option initial; it takes sigma"),
        ("random", {"head": nn.Conv2d(4, 1, 1)}, "no option head; it takes cells"),
        ("noise", {"value": 0.5}, "no option value; it takes head, initial"),
        ("noise", {"initial": 1.0}, "initial=1.0: .* between 0 and 1"),
        ("noise", {"head": nn.Conv2d(4, 1, 1), "initial": 0.5}, "does not reach a head that is a module"),
        ("noise", {"head": "cnov"}, "head='cnov': no such head; there are conv, context"),
    ],
)
def test_an_option_that_would_do_nothing_is_an_error(name, options, message):
    with pytest.raises(RegardError, match=message):
        create_attention(name, 4, **options)


@pytest.mark.parametrize(("name", "near"), [("nois", "noise"), ("abi", "aib"), ("noise+mask", "noise"), ("", "aib")])
def test_an_unknown_name_gives_the_near_ones(name, near):
    with pytest.raises(RegardError, match=f"attention='{name.replace('+', '[+]')}'.*{near}"):
        create_attention(name, 4)
