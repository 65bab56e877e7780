"""A run with a cached stem equals the run that computes its stem each time."""

import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.training.tiny import metrics, tiny, weights
from torch import nn

from regard.data import loader
from regard.evaluation import observe
from regard.evaluation.interventions import predict_with_maps
from regard.models import AttentiveClassifier
from regard.training import build_data, build_model, load_run, stem_cache, train, with_stem
from regard.training.build import build_augmentation
from regard.training.stem_cache import stem_key, stem_splits
from regard.types import RegardError


@pytest.fixture
def cached(tmp_path: Path) -> dict[str, object]:
    return {"cache_stem": True, "cache_dtype": "float32", "cache_folder": str(tmp_path / "cached")}


STILL = {"crop_padding": 0}
FROZEN = {"freeze": "stage1"}


@pytest.mark.parametrize("model", [{}, {"attention": None, "latent": None}, {"attention": "aib", "anchors": 4}])
def test_a_run_is_the_same_with_and_without_a_cached_stem(tmp_path: Path, cached: dict, model: dict) -> None:
    folders = [
        train(
            tiny("run", model=FROZEN | model, augment=STILL, train={"epochs": 2} | options), tmp_path / name, quiet=True
        )
        for name, options in (("with", cached), ("without", {}))
    ]
    first, second = (weights(folder) for folder in folders)
    assert any(not torch.equal(first[key], value) for key, value in _fresh(model).items()), "nothing was learned"
    for key, value in first.items():
        # features from a file lie in memory in another order than a convolution's, and so does the noise that is drawn
        rtol, atol = (0.1, 0.05) if "mean_path" in key else (1e-3, 1e-5)
        assert torch.allclose(value, second[key], rtol=rtol, atol=atol), key
    for a, b in zip(*(metrics(folder) for folder in folders), strict=True):
        assert a == pytest.approx(b, rel=1e-3)


def _fresh(model: dict) -> dict[str, torch.Tensor]:
    recipe = tiny("run", model=FROZEN | model)
    torch.manual_seed(0)
    return build_model(recipe, build_data(recipe)).state_dict()


def test_a_trained_run_is_evaluated_on_images(tmp_path: Path, cached: dict) -> None:
    recipe = tiny("run", model=FROZEN, train=cached)
    _, model, data = load_run(train(recipe, tmp_path / "run", quiet=True))
    model.freeze("stage1")
    images = data.test.batch(range(35)).images
    observation = observe(model, data.test, seed=0)
    assert torch.allclose(
        observation.mean, model(images, samples=0, stem=model.stem(images)).probabilities(), atol=1e-5
    )


def test_test_images_with_their_stem_are_evaluated_as_without(cached: dict) -> None:
    recipe = tiny("run", model=FROZEN, train=cached | {"cache_dtype": "float16"})
    data = build_data(recipe)
    model = build_model(recipe, data).eval()
    joined = with_stem(recipe, data, model).test
    batch, plain = joined.batch([3, 1]), data.test.batch([3, 1])
    assert batch.images.equal(plain.images)
    assert batch.stem is not None
    torch.testing.assert_close(batch.stem, model.stem(plain.images), msg="in full precision, whatever training caches")
    assert joined.images is data.test.images, "attributes of the split are kept"
    observation, expected = (observe(model, split, seed=0, samples=(4,)) for split in (joined, data.test))
    for a, b in (
        (observation.mean, expected.mean),
        (observation.one, expected.one),
        (observation.averaged[4], expected.averaged[4]),
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    index = torch.tensor([5, 0, 2])
    given = [gate[index.flip(0)] for gate in observation.gates]
    (predictions, bits), (expected_predictions, expected_bits) = (
        predict_with_maps(model, split, given, index) for split in (joined, data.test)
    )
    torch.testing.assert_close(predictions, expected_predictions, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(bits, expected_bits, rtol=1e-4, atol=1e-4)
    off = replace(recipe, train=replace(recipe.train, cache_stem=False))
    assert with_stem(off, data, model) is data


def test_half_precision_costs_little(tmp_path: Path, cached: dict) -> None:
    recipe = tiny("run", model=FROZEN, augment=STILL, train=cached | {"cache_dtype": "float16"})
    data = build_data(recipe)
    model = build_model(recipe, data).eval()
    batch = stem_splits(recipe, model, data, quiet=True).val.batch(range(33))
    full = model(data.val.batch(range(33)).images, samples=0).probabilities()
    assert batch.images.numel() == 0
    assert torch.allclose(model(batch.images, samples=0, stem=batch.stem).probabilities(), full, atol=2e-3)


def test_processes_that_need_one_file_at_once_compute_it_once(
    tmp_path: Path, cached: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny("run", model=FROZEN, augment=STILL, train=cached)
    data, write, written = build_data(recipe), stem_cache._write, []
    model = build_model(recipe, data)
    models = [deepcopy(model) for _ in range(3)]

    def slowly(path: Path, *more: object) -> None:
        written.append(path.name)
        time.sleep(0.3)
        write(path, *more)

    monkeypatch.setattr(stem_cache, "_write", slowly)
    with ThreadPoolExecutor(3) as pool:
        splits = list(pool.map(lambda model: stem_splits(recipe, model, data, quiet=True), models))
    assert sorted(name.partition("-")[0] for name in written) == ["masks", "masks", "train", "val"]
    assert len(set(written)) == 4
    for split in splits[1:]:
        assert torch.equal(split.train.features, splits[0].train.features)
    assert sorted(path.name for path in (tmp_path / "cached").iterdir()) == sorted(written), "no lock is left"


def test_every_view_is_the_stem_of_an_augmented_image(cached: dict) -> None:
    recipe = tiny("run", model=FROZEN, augment={"crop_padding": 3}, train=cached | {"views": 3, "seed": 5})
    data = build_data(recipe)
    model = build_model(recipe, data)
    split = stem_splits(recipe, model, data, quiet=True).train
    batch, augment = data.train.batch(range(64)), build_augmentation(recipe)
    for view in range(3):
        expected = model.stem(augment(batch, seed=recipe.train.seed, epoch=view).images)
        assert torch.allclose(split.features[view], expected, atol=1e-6)
    assert not torch.equal(split.features[0], split.features[1])


def test_an_epochs_view_depends_on_seed_epoch_and_sample_only(cached: dict) -> None:
    recipe = tiny("run", model=FROZEN, train=cached | {"views": 3})
    data = build_data(recipe)
    split = stem_splits(recipe, build_model(recipe, data), data, quiet=True).train
    views = torch.stack([split.at(seed, epoch).view for seed in (0, 1) for epoch in range(20)])
    assert torch.equal(views[3], split.at(0, 3).view)
    assert views.unique().tolist() == [0, 1, 2]
    assert (views.float().std(0) > 0).all(), "a sample keeps its view"
    assert len(views.unique(dim=0)) == len(views)
    here = split.at(0, 5)
    for batch in loader(here, 8, shuffle=True, seed=0, epoch=5):
        assert torch.equal(batch.stem, here.features[here.view[batch.index], batch.index])
        assert torch.equal(batch.labels, data.train.labels[batch.index])


@pytest.mark.parametrize(("augment", "seed"), [({}, 0), (STILL, 7)])
def test_cached_features_are_shared_by_other_arms_and_without_augmentation_by_seeds(
    cached: dict, monkeypatch: pytest.MonkeyPatch, augment: dict, seed: int
) -> None:
    recipe = tiny("run", model=FROZEN, augment=augment, train=cached)
    data = build_data(recipe)
    torch.manual_seed(0)
    before = stem_splits(recipe, build_model(recipe, data), data, quiet=True)
    plain = FROZEN | {"attention": None, "latent": None}
    other = tiny("other", model=plain, augment=augment, train=cached | {"seed": seed, "epochs": 3})
    torch.manual_seed(0)
    model = build_model(other, data)
    monkeypatch.setattr(AttentiveClassifier, "stem", lambda *_: pytest.fail("computed again"))
    after = stem_splits(other, model, data, quiet=True)
    assert torch.equal(after.train.features, before.train.features)


def test_every_seed_has_views_of_its_own(cached: dict) -> None:
    splits = {}
    for seed in (0, 1):
        recipe = tiny("run", model=FROZEN, augment={"crop_padding": 3}, train=cached | {"views": 2, "seed": seed})
        data = build_data(recipe)
        torch.manual_seed(0)
        model = build_model(recipe, data)
        splits[seed] = stem_splits(recipe, model, data, quiet=True)
        augment, batch = build_augmentation(recipe), data.train.batch(range(8))
        for view in range(2):
            expected = model.stem(augment(batch, seed=seed, epoch=view).images)
            assert torch.allclose(splits[seed].train.features[view, :8], expected, atol=1e-6)
    assert not torch.equal(splits[0].train.features, splits[1].train.features)
    assert torch.equal(splits[0].val.features, splits[1].val.features)
    files = [path.name for path in Path(str(cached["cache_folder"])).iterdir()]
    assert sum(name.startswith("train-") for name in files) == 2
    assert sum(name.startswith("val-") for name in files) == 1


def frozen(backbone: str, upto: str, options: dict, **arguments) -> AttentiveClassifier:
    """A network with the same weights whatever its options."""
    torch.manual_seed(0)
    model = AttentiveClassifier(backbone, 3, attention=None, input_size=(64, 64), backbone_options=options, **arguments)
    for index, value in enumerate(model.state_dict().values()):
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=torch.Generator().manual_seed(index)))
    model.freeze(upto)
    return model


@pytest.mark.parametrize(
    ("backbone", "upto", "options", "same_shape"),
    [
        ("resnet10t", "layer4", {"output_stride": 8}, False),
        ("resnet10t", "layer4", {"output_stride": 16}, False),
        ("resnet10t", "layer3", {"act_layer": "gelu"}, True),
    ],
)
def test_options_that_change_no_weight_are_another_key(
    backbone: str, upto: str, options: dict, same_shape: bool
) -> None:
    plain, other, again = (frozen(backbone, upto, o) for o in ({}, options, {}))
    images = torch.rand(2, 3, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), other.state_dict().values(), strict=True))
    assert (plain.stem(images).shape == other.stem(images).shape) is same_shape
    assert stem_key(plain) != stem_key(other)
    assert stem_key(plain) == stem_key(again)


def test_a_stride_of_a_network_of_ones_own_is_part_of_the_key() -> None:
    def own(stride: int, slope: float) -> AttentiveClassifier:
        torch.manual_seed(0)
        first = nn.Sequential(nn.Conv2d(3, 4, 3, stride=stride, padding=1), nn.LeakyReLU(slope))
        network = nn.Sequential(OrderedDict(first=first, pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten()))
        network.add_module("head", nn.Linear(4, 3))
        model = AttentiveClassifier(network, 3, attention=None, input_size=(16, 16))
        model.freeze("first")
        return model

    keys = [stem_key(own(*settings)) for settings in ((1, 0.1), (1, 0.2), (2, 0.1), (1, 0.1))]
    assert keys[0] == keys[3]
    assert len(set(keys)) == 3


def test_bare_parameters_before_the_layer_are_part_of_the_key() -> None:
    options = {"img_size": 32, "embed_dim": 32, "depth": 2, "num_heads": 2, "patch_size": 16}
    torch.manual_seed(0)
    model = AttentiveClassifier(
        "vit_tiny_patch16_224",
        3,
        attention=None,
        input_size=(32, 32),
        backbone_options={key: value for key, value in options.items() if key != "img_size"},
    )
    model.freeze("blocks.0")
    before = stem_key(model)
    with torch.no_grad():
        model.trunk.pos_embed += 1
    assert stem_key(model) != before


@pytest.mark.parametrize(
    "change",
    [
        {"train": {"cache_dtype": "float16"}},
        {"train": {"views": 2}},
        {"augment": {"crop_padding": 2}},
        {"data": {"options": {"size": 16, "train": 64, "val": 33, "test": 35, "seed": 1, "cache": False}}},
        {"model": {"freeze": "stem"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_stem_view_or_image_is_another_file(cached: dict, change: dict) -> None:
    for more in ({}, change):
        parts = {"model": FROZEN | more.get("model", {}), "train": cached | more.get("train", {})}
        recipe = tiny("run", **{k: v for k, v in more.items() if k not in parts}, **parts)
        torch.manual_seed(0)
        data = build_data(recipe)
        stem_splits(recipe, build_model(recipe, data), data, quiet=True)
    files = list(Path(str(cached["cache_folder"])).iterdir())
    assert sum(path.name.startswith("train-") for path in files) == 2
    assert not [path for path in files if path.suffix != ".npy"]


def test_other_weights_are_another_file_and_a_damaged_one_is_named(cached: dict) -> None:
    recipe = tiny("run", model=FROZEN, train=cached)
    data = build_data(recipe)
    for seed in (0, 1):
        torch.manual_seed(seed)
        stem_splits(recipe, model := build_model(recipe, data), data, quiet=True)
    files = sorted(Path(str(cached["cache_folder"])).glob("val-*"))
    assert len(files) == 2
    for path in files:
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RegardError, match=r"val-\w+\.npy: cannot be read .*remove it"):
        stem_splits(recipe, model, data, quiet=True)


@pytest.mark.parametrize(
    ("model", "train_", "message"),
    [
        ({}, {"cache_stem": True}, "needs model.freeze"),
        (FROZEN, {"cache_stem": True, "compile": True}, "train.compile cannot"),
        (FROZEN, {"views": 0}, "train.views"),
    ],
)
def test_a_recipe_that_contradicts_the_cache_is_refused(model: dict, train_: dict, message: str) -> None:
    with pytest.raises(RegardError, match=message):
        tiny("run", model=model, train=train_)
