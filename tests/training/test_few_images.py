"""Fewer images than a batch: one smaller batch; never a run that finishes without a step."""

from pathlib import Path

import pytest
import torch
from tests.training.tiny import metrics, tiny

from regard.data import Loader
from regard.evaluation import evaluate
from regard.report import read_evaluation
from regard.training import build_data, train
from regard.training.batches import Batches
from regard.types import RegardError


def few(train_images: int, batch: int, **parts: dict) -> object:
    """A recipe of so many training images, three of val and of test."""
    options = {"size": 16, "train": train_images, "val": 3, "test": 3, "cache": False}
    training = {"batch_size": batch} | parts.pop("train", {})
    return tiny("few", data={"options": options}, train=training, **parts)


@pytest.mark.parametrize(
    ("images", "batch", "size", "steps"),
    [(10, 32, 10, 1), (31, 32, 31, 1), (2, 64, 2, 1), (33, 32, 32, 1), (64, 32, 32, 2)],
)
def test_a_small_set_is_one_batch(images: int, batch: int, size: int, steps: int) -> None:
    recipe = few(images, batch)
    batches = Batches(recipe, build_data(recipe))
    assert (batches.batch_size, batches.steps_per_epoch) == (size, steps)


@pytest.mark.parametrize(("images", "world", "size"), [(10, 4, 2), (4, 4, 1), (7, 2, 3)])
def test_every_process_has_as_many(images: int, world: int, size: int) -> None:
    recipe = few(images, 32, train={"devices": world})
    data = build_data(recipe)
    if world > 3:
        with pytest.raises(RegardError, match=f"3 val images for {world} processes"):
            _ = Batches(recipe, data).batch_size
    else:
        assert Batches(recipe, data).batch_size == size
        assert Batches(recipe, data).steps_per_epoch == 1


@pytest.mark.parametrize(
    "parts",
    [{}, {"train": {"ema": 0.9}}, {"train": {"mean_share": 0.5}}, {"model": {"attention": "aib", "anchors": 4}}],
    ids=repr,
)
@pytest.mark.parametrize("images", [2, 7])
def test_few_images_are_learned_from(
    images: int, parts: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = few(images, 8, **{k: dict(v) for k, v in parts.items()})
    folder = train(recipe, tmp_path / "run", quiet=True)
    (line,) = metrics(folder)
    assert torch.isfinite(torch.tensor(line["train/loss"]))
    said = " ".join(capsys.readouterr().err.split())
    assert f"{images} training images are fewer than train.batch_size 8" in said
    assert f"each step takes {images}" in said
    fresh = train(few(images, images, **{k: dict(v) for k, v in parts.items()}), tmp_path / "same", quiet=True)
    assert metrics(fresh) == [line], "as if the batch had been given so"
    evaluate(folder)
    assert any(f"all {images} training images" in warning for warning in read_evaluation(folder).warnings)


def test_one_training_image_of_which_batch_norm_knows_nothing_is_an_error(tmp_path: Path) -> None:
    recipe = few(1, 8, model={"backbone": "resnet18", "backbone_options": {}, "at": ["layer4"]})
    with pytest.raises(RegardError, match=r"a batch of one image cannot be normalised .*at least two images"):
        train(recipe, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "environment.json").exists()


def test_one_training_image_with_larger_features_is_learned_from(tmp_path: Path) -> None:
    folder = train(few(1, 8), tmp_path / "run", quiet=True)
    assert torch.isfinite(torch.tensor(metrics(folder)[0]["train/loss"]))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_masks_are_learned_from_few_images(count: int, tmp_path: Path) -> None:
    options = {"size": 16, "train": count, "val": 2, "test": 2, "cache": False}
    recipe = tiny(
        "seg",
        task="segmentation",
        data={"options": options},
        model={"latent": None, "fcn": "fcn8s"},
        train={"batch_size": 8},
    )
    folder = train(recipe, tmp_path / "run", quiet=True)
    assert torch.isfinite(torch.tensor(metrics(folder)[0]["train/loss"]))
    evaluate(folder)


@pytest.mark.parametrize("count", [2, 3])
def test_clips_are_learned_from_few(count: int, tmp_path: Path) -> None:
    options = {"size": 16, "train": count, "val": 2, "test": 2, "cache": False}
    recipe = tiny(
        "act",
        task="action",
        data={"name": "moving_clutter", "options": options},
        model={"latent": None},
        train={"batch_size": 8},
    )
    folder = train(recipe, tmp_path / "run", quiet=True)
    assert torch.isfinite(torch.tensor(metrics(folder)[0]["train/loss"]))


def test_a_run_without_a_step_is_no_finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Loader, "__len__", lambda _: 0)
    with pytest.raises(RegardError, match="no step can be made"):
        train(few(10, 4), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "environment.json").exists()


@pytest.mark.parametrize("test_images", [1, 2])
def test_a_single_test_image_is_an_error_with_the_remedy(test_images: int, tmp_path: Path) -> None:
    options = {"size": 16, "train": 5, "val": 1, "test": test_images, "cache": False}
    folder = train(tiny("one", data={"options": options}), tmp_path / "run", quiet=True)
    if test_images == 1:
        with pytest.raises(RegardError, match=r"a single test image; .* give at least two"):
            evaluate(folder)
    else:
        evaluate(folder)
        assert read_evaluation(folder).data.size == 2
