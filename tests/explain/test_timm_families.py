"""Every family of timm's classifiers gets a map by default, or a clear refusal."""

import sys
from pathlib import Path

import pytest
import timm
import torch

from regard.backbones import last_layer
from regard.explain import explain
from regard.models import AttentiveClassifier
from regard.types import RegardError

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import timm_families


def small(name, **options):
    """A network of few blocks with random weights."""
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=5, **options).eval()


def test_a_vit_of_any_size_gets_attention_by_default_and_is_read_at_a_block():
    model = AttentiveClassifier("test_vit", 5, input_size=(160, 160))
    output = model.eval()(torch.rand(2, 3, 160, 160))
    assert output.attention[0].map.shape == (1, 2, 1, 10, 10)
    assert last_layer(small("test_vit"), (3, 160, 160)) == "blocks.4"  # not the heads by tokens inside block 5


def test_a_stage_that_returns_a_tuple_is_passed_over():
    model = AttentiveClassifier("pit_ti_224", 5)
    assert model.at == ("transformers.1.blocks.5",)
    assert model.eval()(torch.rand(1, 3, 224, 224)).attention[0].map.shape == (1, 1, 1, 14, 14)


def test_tokens_whose_patches_overlap_have_their_places():
    model = AttentiveClassifier("levit_128s", 5)
    assert model.at == ("stages.0",)
    assert model.cut.is_cut


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pvt_v2_b0", r"changes its tokens on the way .*\(196, 49\)"),
        ("xcit_nano_12_p8_224", "784 tokens and matrices of 32"),
        ("convit_tiny", "no attention between tokens"),
    ],
)
def test_rollout_refuses_matrices_that_are_not_of_all_tokens(name, words):
    with pytest.raises(RegardError, match=words):
        explain(small(name), torch.rand(1, 3, 224, 224), "rollout")


@pytest.mark.slow
@pytest.mark.parametrize("family", timm_families.families())
def test_a_family_gets_a_map_or_a_refusal(family):
    """In shards with ``-n``, or ``-k resnet``; the largest needs some gigabytes."""
    result = timm_families.try_family(timm_families.smallest(family))
    for step in ("grad_cam", "attention", "rollout"):
        assert "fault" not in result[step]
        assert ("grid" in result[step]) != ("refused" in result[step])
