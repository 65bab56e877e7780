import math

import pytest
import sklearn.metrics
import torch
from torchmetrics.functional import classification as theirs

from regard.metrics import classification as ours
from regard.metrics.scores import score
from regard.types import RegardError


@pytest.fixture
def single():
    g = torch.Generator().manual_seed(0)
    return torch.randn(200, 7, generator=g).softmax(1), torch.randint(7, (200,), generator=g)


@pytest.fixture
def multi():
    g = torch.Generator().manual_seed(1)
    return torch.rand(200, 5, generator=g), torch.randint(2, (200, 5), generator=g)


def test_accuracy_agrees_with_torchmetrics(single):
    p, y = single
    assert ours.accuracy(p, y).mean().item() == pytest.approx(
        theirs.multiclass_accuracy(p, y, 7, average="micro").item()
    )


def test_nll_agrees_with_scikit_learn(single):
    p, y = single
    expected = sklearn.metrics.log_loss(y.numpy(), p.double().numpy() / p.double().sum(1, keepdim=True).numpy())
    assert ours.nll(p, y).mean().item() == pytest.approx(expected, rel=1e-5)


def test_brier_agrees_with_its_formula_by_hand(single):
    p, y = single
    by_hand = [sum((p[i, k].item() - int(k == y[i])) ** 2 for k in range(7)) for i in range(5)]
    assert ours.brier(p, y)[:5].tolist() == pytest.approx(by_hand, rel=1e-5)


def test_multi_label_scores_agree_with_torchmetrics(multi):
    p, t = multi
    exact = theirs.multilabel_exact_match(p, t, 5).item()
    labels = theirs.multilabel_accuracy(p, t, 5, average=None)
    assert ours.accuracy(p, t).mean().item() == pytest.approx(exact)
    assert torch.allclose(ours.per_label_accuracy(p, t).mean(0), labels)
    bce = torch.nn.functional.binary_cross_entropy(p, t.float(), reduction="none").sum(1)
    assert torch.allclose(ours.nll(p, t), bce, rtol=1e-4)
    assert torch.allclose(ours.brier(p, t), (p - t).square().sum(1))


def test_a_constant_classifier_scores_chance_whatever_the_order_of_classes():
    p = torch.full((4, 4), 0.25)
    assert ours.accuracy(p, torch.arange(4)).tolist() == [0.25] * 4


def test_impossible_probability_is_finite_and_half_precision_is_read_as_float32():
    assert ours.nll(torch.tensor([[1.0, 0.0]]), torch.tensor([1])).item() == pytest.approx(87.3, abs=0.1)
    assert ours.nll(torch.tensor([[0.5, 0.5]]).bfloat16(), torch.tensor([1])).dtype == torch.float32


@pytest.mark.parametrize("metric", [ours.accuracy, ours.nll, ours.brier])
def test_nan_probabilities_score_nan_and_are_counted(metric):
    p = torch.tensor([[math.nan, 0.5], [0.5, 0.5]])
    values = metric(p, torch.tensor([0, 1]))
    assert values.isnan().tolist() == [True, False]
    assert score(values, reasons=ours.probability_conditions(p)).undefined == {"probability is NaN": 1}
    assert metric(p, torch.tensor([[0, 1], [0, 1]])).isnan().tolist() == [True, False]


def test_no_image_gives_no_value():
    assert ours.accuracy(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)).shape == (0,)


@pytest.mark.parametrize(
    ("p", "labels", "message"),
    [
        (torch.tensor([[2.0, -1.0]]), torch.tensor([0]), "softmax"),
        (torch.tensor([[0.9, 0.9]]), torch.tensor([0]), "do not sum to 1"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([2]), "for 2 classes"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([-1]), "for 2 classes"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([0.0]), "use integers"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([[1, 0, 0]]), "give 0/1"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([[2, 0]]), "give 0/1"),
    ],
)
def test_bad_input_is_named(p, labels, message):
    with pytest.raises(RegardError, match=message):
        ours.accuracy(p, labels)
