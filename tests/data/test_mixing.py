"""MixUp and CutMix: values by hand, seeds, what is refused, and a run that goes on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from tests.training.tiny import metrics, tiny, weights

from regard.data import mix_batch
from regard.objectives import Weights, information_loss
from regard.training import Task, train
from regard.types import Batch, ModelOutput, RegardError

AT = {"seed": 3, "epoch": 1, "step": 2}


def batch(count: int = 4, classes: int = 3) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, 3, 8, 8, generator=generator)
    return Batch(images, torch.arange(count) % classes, torch.arange(count), boxes=torch.zeros(count, 4))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_mixup_mixes_pixels_and_labels_in_one_share(alpha: float) -> None:
    before = batch()
    after = mix_batch(before, 3, mixup=alpha, **AT)
    one_hot = F.one_hot(before.labels, 3).float()
    share = (after.mixture - one_hot.roll(1, 0)) / (one_hot - one_hot.roll(1, 0)).where(one_hot > 0, torch.nan)
    share = float(share[~share.isnan() & share.isfinite()][0])
    assert 0 <= share <= 1
    torch.testing.assert_close(after.images, share * before.images + (1 - share) * before.images.roll(1, 0))
    torch.testing.assert_close(after.mixture, share * one_hot + (1 - share) * one_hot.roll(1, 0))
    assert after.boxes is None
    assert torch.equal(after.labels, before.labels)


@pytest.mark.parametrize("step", range(5))
def test_cutmix_cuts_a_rectangle_whose_area_is_the_share(step: int) -> None:
    before = batch()
    after = mix_batch(before, 3, cutmix=1.0, seed=0, epoch=0, step=step)
    taken = (after.images == before.images.roll(1, 0)).all(1)
    kept = (after.images == before.images).all(1)
    assert (taken | kept).all()
    area = taken[0].float().mean()
    rows, columns = taken[0].any(1), taken[0].any(0)
    assert int(taken[0].sum()) == int(rows.sum()) * int(columns.sum()), "a rectangle"
    torch.testing.assert_close(after.mixture[1], torch.tensor([area, 1 - area, 0.0]))


def test_what_is_drawn_depends_on_seed_epoch_step_and_rank_alone() -> None:
    before = batch()
    first = mix_batch(before, 3, mixup=1.0, **AT).mixture
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert torch.equal(mix_batch(before, 3, mixup=1.0, **AT).mixture, first)
    assert torch.equal(torch.get_rng_state(), state), "the global generator is left alone"
    for other in ({"seed": 4}, {"epoch": 2}, {"step": 3}, {"rank": 1}):
        assert not torch.equal(mix_batch(before, 3, mixup=1.0, **AT | other).mixture, first)


def test_with_both_every_batch_takes_one_of_them() -> None:
    before, ways = batch(), set()
    for step in range(12):
        after = mix_batch(before, 3, mixup=1.0, cutmix=1.0, seed=0, epoch=0, step=step)
        either = (after.images == before.images) | (after.images == before.images.roll(1, 0))
        ways.add(bool(either.all()))
    assert ways == {True, False}


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_a_mixture_is_the_mixture_of_losses(smoothing: float) -> None:
    logits = torch.tensor([[[2.0, 0.0, -1.0], [0.5, 0.5, 3.0]], [[1.0, 1.0, 0.0], [0.0, 2.0, 1.0]]])
    mixture, labels = torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.4, 0.6]]), torch.tensor([0, 2])
    smooth = mixture * (1 - smoothing) + smoothing / 3
    expected = -(smooth * logits.log_softmax(-1)).sum(-1).mean()
    losses = information_loss(ModelOutput(logits), labels, Weights(smoothing=smoothing), mixture=mixture)
    torch.testing.assert_close(losses.total, expected)
    whole = F.one_hot(labels, 3).float()
    plain = information_loss(ModelOutput(logits), labels, Weights(smoothing=smoothing)).total
    torch.testing.assert_close(
        information_loss(ModelOutput(logits), labels, Weights(smoothing=smoothing), mixture=whole).total, plain
    )


def test_what_cannot_be_mixed_is_refused() -> None:
    several = replace(batch(), labels=torch.ones(4, 3))
    with pytest.raises(RegardError, match="one label each"):
        mix_batch(several, 3, mixup=1.0, **AT)
    for parts, said in (
        ({"task": "segmentation", "model": {"latent": None}}, "task classification only"),
        ({"train": {"cache_stem": True}, "model": {"freeze": "stem"}}, "train.cache_stem keeps single ones"),
    ):
        for way in ("mixup", "cutmix"):
            with pytest.raises(RegardError, match=said):
                tiny(augment={way: 0.5}, **parts)
    for value in (-0.1, float("nan")):
        with pytest.raises(RegardError, match=r"augment\.mixup"):
            tiny(augment={"mixup": value})


def test_a_run_on_several_labels_an_image_is_refused_before_it_starts(tmp_path: Path) -> None:
    lines = ["path,label"]
    for k in range(12):
        Image.fromarray(np.full((8, 8, 3), 20 * k, dtype=np.uint8)).save(tmp_path / f"{k}.png")
        lines.append(f"{k}.png,{'red;green' if k % 2 else 'green'}")
    (tmp_path / "table.csv").write_text("\n".join(lines))
    data = {"name": "csv", "root": str(tmp_path / "table.csv"), "options": {"size": 16}}
    with pytest.raises(RegardError, match="several labels an image"):
        train(tiny(data=data, augment={"cutmix": 1.0}), tmp_path / "run", quiet=True)


def test_a_mixed_run_learns_otherwise_and_goes_on_as_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny(augment={"mixup": 0.4, "cutmix": 1.0}, train={"epochs": 2})
    whole = train(recipe, tmp_path / "whole", quiet=True)
    plain = train(tiny(train={"epochs": 2}), tmp_path / "plain", quiet=True)
    assert metrics(whole) != metrics(plain)
    step = Task.training_step

    def stops(task: Task, batch: Batch, batch_idx: int) -> torch.Tensor:
        if task.current_epoch == 1:
            raise KeyboardInterrupt
        return step(task, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(Task, "training_step", stops)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, tmp_path / "broken", quiet=True)
    train(recipe, tmp_path / "broken", quiet=True)
    assert metrics(tmp_path / "broken") == metrics(whole)
    for name, values in weights(whole).items():
        assert torch.equal(weights(tmp_path / "broken")[name], values)
