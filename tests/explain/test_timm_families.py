"""Every family of timm's classifiers gets a map by default, or a clear refusal; docs/families.md lists them."""

import json
from pathlib import Path

import pytest
import timm
import torch

from regard.backbones import last_layer
from regard.explain import explain
from regard.models import AttentiveClassifier
from regard.types import RegardError

ROOT = Path(__file__).parents[2]
FAMILIES = json.loads((ROOT / "results" / "timm_families.json").read_text())["values"]["families"]


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


def test_the_table_in_the_docs_is_the_recorded_one(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import timm_families

    table = timm_families.table(FAMILIES)
    assert table in (ROOT / "docs" / "families.md").read_text()
    assert table.count("\n") == len(FAMILIES) + 1


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_does_what_is_recorded(family):
    """In shards with ``-n``, or ``-k resnet``; the largest needs some gigabytes."""
    recorded = FAMILIES[family]
    network, shape = small(recorded["name"]), tuple(recorded["input"])
    for method in ("grad_cam", "rollout"):
        if "grid" in recorded[method]:
            values = explain(network, torch.rand(1, *shape), method).values
            assert list(values.shape[2:]) == recorded[method]["grid"]
        else:
            with pytest.raises(RegardError):
                explain(network, torch.rand(1, *shape), method)
    if "grid" not in recorded["attention"]:
        with pytest.raises(RegardError):
            AttentiveClassifier(recorded["name"], 5, input_size=shape[1:])
        return
    model = AttentiveClassifier(recorded["name"], 5, input_size=shape[1:])
    assert (model.at[0], model.cut.is_cut) == (recorded["attention"]["layer"], recorded["attention"]["cut"])
