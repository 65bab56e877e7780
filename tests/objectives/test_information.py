import dataclasses

import pytest
import torch

from regard.bottleneck import GaussianBottleneck
from regard.objectives import Weights, anchor_losses, information_loss, task_loss, warmup_share
from regard.types import AttentionOutput, LatentOutput, ModelOutput

S, B, K = 2, 3, 4
LABELS = torch.tensor([0, 1, 4])
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
    return information_loss(out, LABELS, dataclasses.replace(NOTHING, **weights), warmup=warmup).total.item()


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
    start = task_loss(TWO.logits, LABELS) + PRIOR
    assert total(TWO) == pytest.approx(start.item(), rel=1e-5)
    assert total(TWO, **{name: weight}) == pytest.approx((start + weight * PARTS[name]).item(), rel=1e-5)


def test_all_parts_together_and_each_reported_apart():
    weights = dict(zip(PARTS, (0.1, 0.2, 0.3, 0.6, 0.4, 0.5), strict=True))
    losses = information_loss(TWO, LABELS, Weights(**weights))
    expected = task_loss(TWO.logits, LABELS) + PRIOR + sum(w * PARTS[name] for name, w in weights.items())
    torch.testing.assert_close(losses.total, expected)
    torch.testing.assert_close(losses.task, task_loss(TWO.logits, LABELS))
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
    losses = information_loss(output(bottleneck=False), LABELS, Weights(beta=1, map_beta=1, code_beta=1))
    assert torch.equal(losses.total, losses.task)
    assert losses.rate is losses.price is losses.code is None


def test_a_continuous_unpriced_map_adds_nothing():
    out = output(layer(priced=False, quantized=False), bottleneck=False)
    losses = information_loss(out, LABELS, Weights(beta=1, map_beta=1, code_beta=1, codebook=1, commitment=1))
    assert torch.equal(losses.total, losses.task)
    assert losses.price is losses.code is None


def test_the_released_form_pays_its_penalty_and_reports_the_rate():
    bottleneck = GaussianBottleneck(6, K, kl="released")
    out = ModelOutput(rand(1, B, 5), (), bottleneck(rand(B, 6), sample=True))
    losses = information_loss(out, LABELS, Weights(beta=2.0))
    torch.testing.assert_close(losses.total - losses.task, 2 * out.latent.penalty.mean(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses.rate, out.latent.rate.mean())
    assert losses.rate > 2 * out.latent.penalty.mean()


def test_smoothing_reaches_the_task():
    losses = information_loss(TWO, LABELS, Weights(smoothing=0.2))
    torch.testing.assert_close(losses.task, task_loss(TWO.logits, LABELS, smoothing=0.2))
    assert losses.task != task_loss(TWO.logits, LABELS)


def test_the_warm_up_is_linear_and_ends():
    assert [warmup_share(step, 4) for step in (0, 1, 2, 4, 9)] == [0, 0.25, 0.5, 1, 1]
    assert warmup_share(0, 0) == 1
