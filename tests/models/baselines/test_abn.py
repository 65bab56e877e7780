"""Attention Branch Network against its formula, its size, its loss."""

import pytest
import torch
import torch.nn.functional as F
from tests.models.baselines.cases import CLASSES, COMPACT, WRN, Case

from regard.attention import create_attention
from regard.backbones import attach, create_backbone, record
from regard.models.baselines.abn import at_stride_one, branch_of
from regard.objectives import Weights, information_loss
from regard.types import RegardError


def size(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_value() -> None:
    case = Case("abn", "compact", ("stage2",), {}, COMPACT)
    model = case.build().train()
    model(case.images())  # running statistics that are not those of a fresh normalisation
    model.eval()
    trunk, branch = model.trunk, model.trunk.stage2.attention
    with torch.no_grad():
        f = trunk.stage2.module(trunk.stage1(trunk.stem(case.images())))
        (norm, convolution, norm2), (to_map, norm3) = (branch.stage[1], *branch.classes[:2]), branch.map

        def normalised(x: torch.Tensor, bn: torch.nn.BatchNorm2d) -> torch.Tensor:
            mean, var, w, b = (v[:, None, None] for v in (bn.running_mean, bn.running_var, bn.weight, bn.bias))
            return (x - mean) / (var + bn.eps).sqrt() * w + b

        x = F.conv2d(normalised(branch.stage[0](f), norm), convolution.weight)
        x = normalised(x, norm2).clamp(min=0)
        map = 1 / (1 + (-normalised(F.conv2d(x, to_map.weight, padding=1), norm3)).exp())
        scores = torch.einsum("ij,bjhw->bi", branch.score.weight[:, :, 0, 0], x) / (8 * 8)
        logits = trunk.head(trunk.stage3(f * (1 + map)).mean((2, 3)))
        output = model(case.images())
    assert torch.allclose(output.attention[0].map[0], map, atol=1e-5)
    assert torch.allclose(output.auxiliary[0][0], scores, atol=1e-5)
    assert torch.allclose(output.logits[0], logits, atol=1e-5)


def blocks(channels: int, width: int, count: int) -> int:
    """Parameters of pre-activation basic blocks; the first one widens."""
    first = 2 * channels + 9 * channels * width + 2 * width + 9 * width**2 + channels * width
    return first + (count - 1) * (4 * width + 18 * width**2)


def branch(width: int, n: int) -> int:
    """Parameters behind the stage: BN, Conv1x1, BN, Conv3x3 to one, BN, Conv1x1."""
    return 2 * width + width * n + 2 * n + 9 * n + 2 + n * n


@pytest.mark.parametrize(("depth", "width"), [(10, 1), (16, 2)])
def test_size_on_a_wrn(depth: int, width: int) -> None:
    options = {"depth": depth, "width": width}
    model = Case("abn", "wrn", ("block2",), {}, options).build()
    extra = blocks(32 * width, 64 * width, (depth - 4) // 6) + branch(64 * width, CLASSES)
    assert size(model) == size(create_backbone("wrn", CLASSES, **options)) + extra


def test_size_on_compact_and_a_resnet() -> None:
    stage3 = 9 * 8 * 10 + 2 * 10 + 2 * (9 * 100 + 2 * 10)
    model = Case("abn", "compact", ("stage2",), {}, COMPACT).build()
    assert size(model) == size(create_backbone("compact", CLASSES, **COMPACT)) + stage3 + branch(10, CLASSES)
    layer4 = 9 * 256 * 512 + 9 * 512**2 + 256 * 512 + 3 * 2 * 512 + 2 * (9 * 512**2 + 2 * 512)
    model = Case("abn", "resnet18", ("layer3",), {}, {}, 64).build()
    assert size(model) == size(create_backbone("resnet18", CLASSES)) + layer4 + branch(512, CLASSES)


def test_both_scores_learn_the_label() -> None:
    case = Case("abn", "compact", ("stage2",), {}, COMPACT)
    output, labels = case.build()(case.images()), torch.tensor([4, 0, 2])
    losses = information_loss(output, labels, Weights())
    both = F.cross_entropy(output.logits[0], labels) + F.cross_entropy(output.auxiliary[0][0], labels)
    assert torch.allclose(losses.total, both)
    assert torch.allclose(losses.task + losses.auxiliary, both)


def test_the_branch_is_initialized_with_the_scale_of_the_stage() -> None:
    stage = create_backbone("wrn", CLASSES, **WRN).block3
    fresh = at_stride_one(stage)
    for (name, old), new in zip(stage.named_parameters(), fresh.parameters(), strict=True):
        if name.endswith("conv2.weight"):
            assert not torch.equal(old, new)
            assert abs(new.std() / old.std() - 1) < 0.05
        if "bn" in name:
            assert torch.equal(old, new)
    assert fresh(torch.rand(1, 32, 8, 8)).shape == (1, 64, 8, 8)
    assert stage(torch.rand(1, 32, 8, 8)).shape == (1, 64, 4, 4)


def test_a_stage_may_be_named_and_must_be_there() -> None:
    named = Case("abn", "compact", ("stage1",), {"stage": "stage2"}, COMPACT).build()
    assert size(named) == size(Case("abn", "compact", ("stage1",), {}, COMPACT).build())
    for at, options, words in (
        (("stage3",), {}, "no stage with convolutions stands after stage3"),
        (("stage1",), {"stage": "head"}, "head has no convolution"),
        (("stgae1",), {}, "nearest: stage1"),
        (("stage1", "stage2"), {}, "attends at one"),
    ):
        with pytest.raises(RegardError, match=words):
            Case("abn", "compact", at, options, COMPACT).build()
    with pytest.raises(RegardError, match=r"makes .* of a grid of"):
        Case("abn", "convnext_atto", ("stages.2",), {}, {}, 64).build()


def test_behind_another_random_layer_every_sample_has_scores_of_its_own() -> None:
    torch.manual_seed(0)
    network = create_backbone("compact", CLASSES, **COMPACT)
    branch = branch_of(network, "stage2", CLASSES)
    attach(network, "stage1", lambda channels: create_attention("aib", channels), input_size=(32, 32))
    attach(network, "stage2", branch, input_size=(32, 32))
    with record(network.eval(), samples=2) as recorder, torch.no_grad():
        network(torch.rand(3, 3, 32, 32))
    scores = recorder.outputs[1].logits
    assert scores.shape == (2, 3, CLASSES)
    assert not torch.equal(scores[0], scores[1])
