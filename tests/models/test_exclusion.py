"""Classifiers that leave tokens out: saved and read, in one graph, in any mode."""

from pathlib import Path
from typing import Any

import pytest
import torch

from regard.models import AttentiveClassifier

SIZE = (32, 32)


@pytest.fixture
def classifier() -> AttentiveClassifier:
    """Half of its patches are closed, more or less, and differently in each image."""
    torch.manual_seed(0)
    model = AttentiveClassifier(
        "compact_vit",
        4,
        at="blocks.0",
        attention="mask",
        anchors=2,
        attention_options={"initial": 0.5, "initial_std": 0.3},
        exclude_tokens=True,
        latent=6,
        input_size=SIZE,
        backbone_options={"width": 16, "depth": 3, "heads": 2},
    )
    head = model.get_submodule("trunk.blocks.0.attention.proposal.head.logit")
    torch.nn.init.normal_(head.weight, std=2.0)
    with torch.no_grad():
        for _ in range(30):  # the head's running statistics
            model.train()(torch.rand(8, 3, *SIZE))
    return model.eval()


def test_its_prediction_is_the_same_dropped_or_masked(classifier: AttentiveClassifier) -> None:
    images = torch.rand(5, 3, *SIZE)
    with torch.no_grad():
        dropped, masked = classifier(images), classifier(images, drop=False)
    kept = (dropped.attention[0].map[0] > 0).flatten(1).sum(1)
    assert len(set(kept.tolist())) > 1
    assert kept.min() > 0
    assert kept.max() < 64
    torch.testing.assert_close(dropped.logits, masked.logits, rtol=0, atol=1e-5)
    torch.testing.assert_close(classifier.predict(images), masked.probabilities(), rtol=0, atol=1e-5)
    assert classifier.cut.is_cut


@pytest.mark.parametrize("samples", [0, 1, 3])
def test_equal_kept_shares_need_no_padding(samples: int) -> None:
    model = AttentiveClassifier(
        "compact_vit",
        4,
        at="blocks.0",
        attention="mask",
        attention_options={"keep": 0.25, "initial_std": 0.3},
        exclude_tokens=True,
        input_size=SIZE,
        backbone_options={"width": 16, "depth": 3, "heads": 2},
    ).eval()
    sequences: list[tuple[int, bool]] = []
    model.trunk.blocks[2].register_forward_pre_hook(
        lambda _m, args, kwargs: sequences.append((args[0].shape[1], kwargs["attn_mask"] is None)), with_kwargs=True
    )
    images = torch.rand(5, 3, *SIZE)
    with torch.no_grad():
        dropped = model(images, samples=samples)
        maps = dropped.attention[0].map
        masked = model(images, samples=samples, map_override=maps, drop=False)
    assert sequences == [(16, True), (64, False)]
    torch.testing.assert_close(dropped.logits, masked.logits, rtol=0, atol=1e-5)


def test_a_saved_classifier_predicts_the_same(classifier: AttentiveClassifier, tmp_path: Path) -> None:
    images = torch.rand(3, 3, *SIZE)
    classifier.save_pretrained(tmp_path)
    loaded = AttentiveClassifier.from_pretrained(tmp_path)
    assert torch.equal(loaded.predict(images), classifier.predict(images))
    lengths: list[int] = []
    loaded.trunk.blocks[2].register_forward_hook(lambda _m, _args, out: lengths.append(out.shape[1]))
    loaded.predict(images)
    assert lengths[0] < 64


def test_one_graph_masks_and_predicts_the_same(classifier: AttentiveClassifier, one_graph: Any) -> None:
    images = torch.rand(3, 3, *SIZE)
    with torch.no_grad():
        expected = classifier(images).logits
        torch.testing.assert_close(one_graph(classifier, images).logits, expected, rtol=0, atol=1e-5)
