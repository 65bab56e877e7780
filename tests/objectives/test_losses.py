import dataclasses

import pytest
import torch
import torch.nn.functional as F

from regard.bottleneck import GaussianBottleneck
from regard.objectives import Weights, anchor_losses, information_loss, task_loss, warmup_share
from regard.types import AttentionOutput, LatentOutput, ModelOutput

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


def test_smoothed_targets_move_towards_one_half():
    soft = TARGETS.float() * 0.8 + 0.1
    expected = F.binary_cross_entropy_with_logits(LOGITS[:1], soft[None], reduction="sum") / 4
    torch.testing.assert_close(task_loss(LOGITS[:1], TARGETS, smoothing=0.2), expected)


def test_losses_of_samples_are_averaged_after_the_logarithm():
    inside = F.nll_loss(LOGITS.softmax(-1).mean(0).log(), LABELS)
    assert task_loss(LOGITS, LABELS) > inside + 0.01


def test_losses_of_half_precision_logits_are_computed_in_float32():
    half = LOGITS.bfloat16()
    got = task_loss(half, LABELS)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, task_loss(half.float(), LABELS), rtol=0, atol=0)


def test_the_gradient_is_the_softmax_minus_the_label():
    logits = LOGITS.clone().requires_grad_()
    task_loss(logits, LABELS).backward()
    expected = (LOGITS.softmax(-1) - F.one_hot(LABELS, 5)) / 12
    torch.testing.assert_close(logits.grad, expected)


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
def test_a_given_or_continuous_map_trains_no_anchors(missing):
    assert anchor_losses(attention(**dict.fromkeys(missing))) is None


S, B, K = 2, 3, 4
OUTPUT_LABELS = torch.tensor([0, 1, 4])
NOTHING = Weights(codebook=0.0, commitment=0.0)


def rand(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def latent():
    return LatentOutput(*(rand(S * B, K, seed=i) for i in range(3)), rate=rand(S * B), penalty=5 + rand(S * B))


def layer(*, priced=True, quantized=True, seed=0):
    out = AttentionOutput(
        features=rand(S * B, 2, 4, 5),
        map=rand(S, B, 1, 4, 5, seed=seed),
        mean=rand(B, 1, 4, 5),
        raw=rand(S, B, 1, 4, 5, seed=seed),
    )
    if priced:
        out = dataclasses.replace(out, price=10 * rand(S, B, 1, 4, 5, seed=seed + 1))
    if quantized:
        index = (rand(S, B, 1, 4, 5, seed=seed + 2) * 3).long()
        parts = {"index": index, "anchors": rand(3).sort().values, "log_prior": rand(3).log_softmax(0)}
        out = dataclasses.replace(out, code=30 + rand(B, seed=seed + 3), kept=rand(B, seed=seed + 4), **parts)
    return out


def output(*layers, bottleneck=True):
    return ModelOutput(rand(S, B, 5, seed=9), layers, latent() if bottleneck else None)


def total(out, warmup=1.0, **weights):
    return information_loss(out, OUTPUT_LABELS, dataclasses.replace(NOTHING, **weights), warmup=warmup).total.item()


TWO = output(layer(seed=10), layer(seed=20))
PARTS = {
    "beta": TWO.latent.penalty.mean(),
    "map_beta": sum(x.price.sum((2, 3, 4)).mean() for x in TWO.attention),
    "code_beta": sum(x.code.mean() for x in TWO.attention),
    "kept_beta": sum(x.kept.mean() for x in TWO.attention) / 2,
    "codebook": sum(anchor_losses(x).codebook for x in TWO.attention),
    "commitment": sum(anchor_losses(x).commitment for x in TWO.attention),
}
PRIOR = sum(anchor_losses(x).prior for x in TWO.attention)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("weight", [0.5, 3.0])
def test_every_weight_adds_its_own_part_and_nothing_else(name, weight):
    start = task_loss(TWO.logits, OUTPUT_LABELS) + PRIOR
    assert total(TWO) == pytest.approx(start.item(), rel=1e-5)
    assert total(TWO, **{name: weight}) == pytest.approx((start + weight * PARTS[name]).item(), rel=1e-5)


def test_all_parts_together_and_each_reported_apart():
    weights = dict(zip(PARTS, (0.1, 0.2, 0.3, 0.6, 0.4, 0.5), strict=True))
    losses = information_loss(TWO, OUTPUT_LABELS, Weights(**weights))
    expected = task_loss(TWO.logits, OUTPUT_LABELS) + PRIOR + sum(w * PARTS[name] for name, w in weights.items())
    torch.testing.assert_close(losses.total, expected)
    torch.testing.assert_close(losses.task, task_loss(TWO.logits, OUTPUT_LABELS))
    torch.testing.assert_close(losses.rate, TWO.latent.rate.mean())
    torch.testing.assert_close(losses.price, PARTS["map_beta"])
    torch.testing.assert_close(losses.code, PARTS["code_beta"])
    torch.testing.assert_close(losses.kept, PARTS["kept_beta"])


@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_the_warm_up_scales_what_is_paid_for_bits_and_nothing_else(warmup):
    paid = {"beta": 0.1, "map_beta": 0.2, "code_beta": 0.3}
    start = total(TWO, codebook=0.4, commitment=0.1)
    full = total(TWO, codebook=0.4, commitment=0.1, **paid)
    assert full > start + 1
    assert total(TWO, warmup, codebook=0.4, commitment=0.1, **paid) == pytest.approx(
        start + warmup * (full - start), rel=1e-5
    )


def test_a_plain_network_pays_for_its_task_alone():
    losses = information_loss(output(bottleneck=False), OUTPUT_LABELS, Weights(beta=1, map_beta=1, code_beta=1))
    assert torch.equal(losses.total, losses.task)
    assert losses.rate is losses.price is losses.code is None


def test_a_continuous_unpriced_map_adds_nothing():
    out = output(layer(priced=False, quantized=False), bottleneck=False)
    losses = information_loss(out, OUTPUT_LABELS, Weights(beta=1, map_beta=1, code_beta=1, codebook=1, commitment=1))
    assert torch.equal(losses.total, losses.task)
    assert losses.price is losses.code is None


def test_the_released_form_pays_its_penalty_and_reports_the_rate():
    bottleneck = GaussianBottleneck(6, K, kl="released")
    out = ModelOutput(rand(1, B, 5), (), bottleneck(rand(B, 6), sample=True))
    losses = information_loss(out, OUTPUT_LABELS, Weights(beta=2.0))
    torch.testing.assert_close(losses.total - losses.task, 2 * out.latent.penalty.mean(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses.rate, out.latent.rate.mean())
    assert losses.rate > 2 * out.latent.penalty.mean()


def test_smoothing_reaches_the_task():
    losses = information_loss(TWO, OUTPUT_LABELS, Weights(smoothing=0.2))
    torch.testing.assert_close(losses.task, task_loss(TWO.logits, OUTPUT_LABELS, smoothing=0.2))
    assert losses.task != task_loss(TWO.logits, OUTPUT_LABELS)


def test_the_warm_up_is_linear_and_ends():
    assert [warmup_share(step, 4) for step in (0, 1, 2, 4, 9)] == [0, 0.25, 0.5, 1, 1]
    assert warmup_share(0, 0) == 1
