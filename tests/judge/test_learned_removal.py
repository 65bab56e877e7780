"""What is learned for removal: an inpainting network and a fine-tuned copy; and their metrics in a judgement."""

import math

import pytest
import torch
from torch import nn

from regard.judge import JudgeOptions, fine_tune, judge, judge_methods, learn_inpainting
from regard.judge.inpainting import Inpainter, random_gaps
from regard.judge.learned import RemovalLearner
from regard.metrics import f_fidelity, linear, removed_cells, replaced
from regard.types import RegardError


def stripes(count: int, seed: int, size: int = 16) -> torch.Tensor:
    """Vertical stripes of a period of four pixels, with a phase and a colour: what a gap hides is all around it."""
    g = torch.Generator().manual_seed(seed)
    phase, colour = torch.randint(4, (count, 1, 1, 1), generator=g), torch.rand(count, 3, 1, 1, generator=g)
    x = torch.arange(size)[None, None, None, :]
    return colour * (0.5 + 0.5 * ((x + phase) % 4 < 2)).expand(count, 3, size, size)


@pytest.mark.parametrize("size", [(16, 16), (7, 9), (24, 10), (3, 3)])
def test_untrained_it_is_the_linear_imputation(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network, images = Inpainter(3, width=4, levels=3), torch.rand(3, 3, *size)
    removed = random_gaps(3, size, torch.Generator().manual_seed(0))
    with torch.no_grad():
        filled = network(images, removed)
    expected = torch.where(removed, linear(images, removed, tolerance=1e-2).clamp(0, 1), images)
    torch.testing.assert_close(filled, expected)
    assert 0 < float(removed.float().mean()) < 1


def test_it_learns_what_is_likely_in_a_gap() -> None:
    """On images it has not seen: stripes go on through a gap, where an imputation from neighbours is grey."""
    fill = learn_inpainting(stripes(96, 0), width=8, batch=8, steps=120, lr=0.01)
    images = stripes(24, 1)
    removed = torch.zeros(24, 1, 16, 16, dtype=torch.bool)
    removed[:, :, 4:11, 4:11] = True
    filled = replaced(images, removed, fill)
    known = removed.logical_not().expand_as(images)
    assert torch.equal(filled[known], images[known])
    assert float(filled.min()) >= 0
    assert float(filled.max()) <= 1
    error = (filled - images).abs().mean()
    assert error < 0.7 * (replaced(images, removed, "noisy_linear") - images).abs().mean()
    assert error < 0.7 * (replaced(images, removed, "mean") - images).abs().mean()


def test_learning_depends_on_its_seed_alone() -> None:
    state = torch.get_rng_state()
    images, removed = stripes(8, 0), random_gaps(8, (16, 16), torch.Generator().manual_seed(1))
    first, again, other = (learn_inpainting(images, width=4, steps=3, seed=seed)(images, removed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
    torch.set_rng_state(state)
    tuned = [fine_tune(network, images, steps=3, seed=seed)[1].weight for seed in (0, 0, 1)]
    assert torch.equal(tuned[0], tuned[1])
    assert not torch.equal(tuned[0], tuned[2])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("learn", [learn_inpainting, fine_tune])
def test_too_few_images_are_refused(learn) -> None:
    first = (nn.Flatten(),) if learn is fine_tune else ()
    with pytest.raises(RegardError, match="7 images"):
        learn(*first, stripes(7, 0))
    with pytest.raises(RegardError, match="steps=0"):
        learn(*first, stripes(8, 0), steps=0)


@pytest.mark.parametrize("beta", [-0.1, 0.0, 1.2])
def test_a_share_outside_is_refused(beta: float) -> None:
    with pytest.raises(RegardError, match=f"beta={beta}"):
        fine_tune(nn.Flatten(), stripes(8, 0), beta=beta)


class Counter(nn.Module):
    """Says 1 where more than nine tenths of the pixels are bright: a gap of an eighth turns it over."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.threshold = nn.Parameter(torch.tensor(60.0)), nn.Parameter(torch.tensor(0.9))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logit = self.scale * (images.mean((1, 2, 3)) - self.threshold)
        return torch.stack([-logit, logit], 1)


def test_a_fine_tuned_copy_keeps_its_prediction_under_gaps() -> None:
    network, g = Counter(), torch.Generator().manual_seed(0)
    images = torch.rand(64, 1, 1, 1, generator=g).gt(0.5).float().expand(64, 3, 16, 16).contiguous()
    black = lambda x, _: torch.zeros_like(x)  # noqa: E731
    before = [p.clone() for p in network.parameters()]
    tuned = fine_tune(network, images, beta=0.3, cell=2, baseline=black, steps=60, lr=0.05)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert not any(p.requires_grad for p in tuned.parameters())
    bright = images[images.mean((1, 2, 3)) > 0.5]
    gaps = replaced(bright, removed_cells(torch.full((len(bright),), 0.25), (16, 16), 2, g), black)
    with torch.no_grad():
        assert float(network(gaps).softmax(1)[:, 1].mean()) < 0.1
        assert float(tuned(gaps).softmax(1)[:, 1].mean()) > 0.8
        assert float(tuned(torch.zeros(1, 3, 16, 16)).softmax(1)[0, 0]) > 0.9  # and still tells dark images


LEARNED_METRICS = ("f_fidelity", "inpainted")


def test_their_metrics_in_a_judgement(subject, sample, tmp_path) -> None:
    how = JudgeOptions(methods=("input_gradient", "center"), metrics=LEARNED_METRICS, images=4, steps=4)
    images = stripes(16, 0)
    learner = RemovalLearner(subject.model, images, steps=5, seed=0)
    results = judge_methods(subject, sample, tmp_path / "judged", how, learner=learner)
    assert not results.failed
    classes = subject.model.predict(sample.images).argmax(1)
    from regard.explain import explain

    map = explain(subject.model, sample.images, "input_gradient", target=classes)
    own = f_fidelity(learner.tuned, sample.images, map, classes, steps=4, cell=learner.cell).gap
    score = results.scores("f_fidelity")["input_gradient"]
    assert score.value == pytest.approx(float(own.mean()), abs=1e-6)
    assert [floor.label for floor in score.references] == ["random, same bandwidth", "centre map"]
    assert math.isfinite(results.scores("gap_inpainted")["center"].value)


def test_they_are_off_unless_named_and_say_what_is_missing(subject, sample, tmp_path) -> None:
    with pytest.raises(RegardError, match="--learn-from"):
        judge(subject.model, sample, methods="center", metrics="f_fidelity")
    results = judge(
        subject.model, sample, methods="center", steps=2, again=2, out=tmp_path / "all", learn_from=stripes(16, 0)
    )
    assert not {m.key for m in results.measures} & {"f_fidelity", "gap_inpainted"}


@pytest.mark.parametrize("count", [3, 7])
def test_too_few_images_to_learn_from(subject, sample, count: int) -> None:
    with pytest.raises(RegardError, match=f"{count} images"):
        judge(subject.model, sample, methods="center", metrics="inpainted", learn_from=stripes(count, 0))


def test_images_that_are_judged_are_not_learned_from(subject, sample) -> None:
    mixed = torch.cat([stripes(8, 0), sample.images[1:2]])
    with pytest.raises(RegardError, match="1 of the images to learn from is judged"):
        judge(subject.model, sample, methods="center", metrics="inpainted", learn_from=mixed)
