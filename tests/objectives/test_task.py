import pytest
import torch
import torch.nn.functional as F

from regard.objectives import task_loss

LOGITS = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))  # S, B, n
LABELS = torch.tensor([0, 4, 2, 2])
TARGETS = torch.tensor([[0, 1, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 0, 1]])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_indices_cost_their_cross_entropy_in_every_sample(smoothing):
    expected = torch.stack([F.cross_entropy(s, LABELS, label_smoothing=smoothing) for s in LOGITS]).mean()
    torch.testing.assert_close(task_loss(LOGITS, LABELS, smoothing=smoothing), expected)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_labels_by_0_and_1_cost_the_sum_over_labels(dtype):
    samples = [F.binary_cross_entropy_with_logits(s, TARGETS.float(), reduction="sum") / 4 for s in LOGITS]
    torch.testing.assert_close(task_loss(LOGITS, TARGETS.to(dtype)), torch.stack(samples).mean())


def test_smoothed_targets_are_drawn_to_one_half():
    soft = TARGETS.float() * 0.8 + 0.1
    expected = F.binary_cross_entropy_with_logits(LOGITS[:1], soft[None], reduction="sum") / 4
    torch.testing.assert_close(task_loss(LOGITS[:1], TARGETS, smoothing=0.2), expected)


def test_the_expectation_over_samples_stands_outside_the_logarithm():
    inside = F.nll_loss(LOGITS.softmax(-1).mean(0).log(), LABELS)
    assert task_loss(LOGITS, LABELS) > inside + 0.01


def test_half_precision_logits_are_judged_in_float32():
    half = LOGITS.bfloat16()
    got = task_loss(half, LABELS)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, task_loss(half.float(), LABELS), rtol=0, atol=0)


def test_the_gradient_is_the_softmax_minus_the_label():
    logits = LOGITS.clone().requires_grad_()
    task_loss(logits, LABELS).backward()
    expected = (LOGITS.softmax(-1) - F.one_hot(LABELS, 5)) / 12
    torch.testing.assert_close(logits.grad, expected)
