"""Randomization of every parameter, including anchors; the given network itself is not changed."""

import pytest
import timm
import torch
from torch import nn

from regard.judge.randomization import randomized, stages
from regard.models import AttentiveClassifier
from regard.types import RegardError


@pytest.fixture(scope="module")
def attentive():
    torch.manual_seed(0)
    model = AttentiveClassifier("compact", 3, attention="noise", anchors=4, latent=4, input_size=(16, 16))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return model.eval()


@pytest.fixture(scope="module")
def vit():
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", img_size=32, depth=2, embed_dim=24, num_heads=2, num_classes=3)
    with torch.no_grad():
        for p in model.parameters():  # as after training: nothing has its first value
            p.add_(0.1 * torch.randn_like(p))
    return model.eval()


@pytest.mark.parametrize("name", ["attentive", "vit"])
def test_every_parameter_lies_in_one_stage_and_changes_when_all_are_randomized(name, request):
    model = request.getfixturevalue(name)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    last = randomized(model, stages(model), seed=1)
    changed = dict(last.named_parameters())
    same = [k for k, p in model.named_parameters() if torch.equal(p, changed[k])]
    assert not same
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    touched: list[str] = []
    for stage in stages(model):
        other = dict(randomized(model, [stage], seed=1).named_parameters())
        touched += [k for k, p in model.named_parameters() if not torch.equal(p, other[k])]
    assert sorted(touched) == sorted(k for k, _ in model.named_parameters())


def test_anchors_are_initialised_again(attentive):
    """Anchors are parameters outside any layer, which other implementations leave as learned."""
    names = [k for k, _ in attentive.named_parameters() if k.endswith("raw")]
    assert names
    last = randomized(attentive, stages(attentive))
    assert torch.allclose(last.get_parameter(names[0]), torch.linspace(0, 1, 5)[1:][:3], atol=0.4)
    assert not torch.equal(last.get_parameter(names[0]), attentive.get_parameter(names[0]))


def test_stages_go_from_the_image_to_the_output(attentive):
    first = randomized(attentive, stages(attentive)[-1:])
    assert torch.equal(first.trunk.stem[0].weight, attentive.trunk.stem[0].weight)
    assert not torch.equal(first.decoder.weight, attentive.decoder.weight)


def test_the_seed_decides_and_the_global_random_state_stays(vit):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, same, other = (randomized(vit, stages(vit), seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one.cls_token, same.cls_token)
    assert torch.equal(one.blocks[0].mlp.fc1.weight, same.blocks[0].mlp.fc1.weight)
    assert not torch.equal(one.blocks[0].mlp.fc1.weight, other.blocks[0].mlp.fc1.weight)


def test_modes_are_kept_and_a_constant_parameter_changes():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(5))

    model = nn.Sequential(Scaled(), nn.Linear(2, 2)).eval()
    forgotten = randomized(model, stages(model))
    assert not forgotten.training
    assert (forgotten[0].scale != 1).all()


def test_an_unknown_part_is_named(vit):
    with pytest.raises(RegardError, match="nearest"):
        randomized(vit, ["blokcs"])


def test_the_seed_that_built_a_network_does_not_restore_its_values():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    assert not torch.equal(randomized(model, stages(model), seed=0)[0].weight, model[0].weight)
