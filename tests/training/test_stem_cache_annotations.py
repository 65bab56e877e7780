"""With a cached stem, masks, boxes and gaze are moved as augmentation moved the image, and every task learns."""

from pathlib import Path

import pytest
import torch
from tests.training.gaze_data import SIDE, clutter_with_gaze
from tests.training.tiny import metrics, tiny, weights

from regard.data import Augmentation, shuffle_gaze
from regard.models import Segmenter
from regard.training import build_model, data_record, train
from regard.training.recipe_model import AlignRecipe, ImposeRecipe
from regard.training.stem_cache import annotations_in, pack_masks, stem_splits, unpack_masks
from regard.types import RegardError

FROZEN = {"freeze": "stage1", "at": ["stage2"], "latent": None, "fcn": "fcn16s"}
STILL = {"crop_padding": 0}
SEGMENTS = {"task": "segmentation"}


@pytest.fixture
def cached(tmp_path):
    return {"cache_stem": True, "cache_dtype": "float32", "cache_folder": str(tmp_path / "cached")}


@pytest.fixture
def data(monkeypatch):
    sets = {"clutter": clutter_with_gaze(), "osie": clutter_with_gaze(train=24, val=4, test=4, fixations=9)}
    monkeypatch.setattr(data_record, "open_data", lambda name, *_, **__: sets[name])
    return sets["clutter"]


ARMS = {
    "segmentation": SEGMENTS,
    "segmentation, other gaze": SEGMENTS | {"align": AlignRecipe(gaze="osie", batch_size=4)},
    "segmentation, masks": SEGMENTS | {"align": AlignRecipe(target="mask")},
    "classification, own gaze": {"align": AlignRecipe(gaze="own", shuffled=True)},
    "classification, imposed": {"impose": ImposeRecipe(map="human", random_dose=True)},
}


@pytest.mark.parametrize("arm", ARMS)
def test_a_run_is_the_same_with_and_without_a_cached_stem(tmp_path, cached, data, arm):
    model = FROZEN | {"attention": "uniform" if "imposed" in arm else "deterministic"}
    folders = []
    for name, options in (("with", cached), ("without", {})):
        parts = {"model": model, "augment": STILL, "train": {"epochs": 2} | options}
        folders.append(train(tiny("run", **parts, **ARMS[arm]), tmp_path / name, quiet=True))
    first, second = (weights(folder) for folder in folders)
    for key, value in first.items():
        assert torch.allclose(value, second[key], rtol=1e-3, atol=1e-5), key
    with_, without = (metrics(folder) for folder in folders)
    assert len(with_) == 2
    for a, b in zip(with_, without, strict=True):
        assert a == pytest.approx(b, rel=1e-3)
    if "align" in ARMS[arm]:
        assert with_[0]["train/align"] > 0


def test_annotations_are_those_of_the_view(cached, data):
    recipe = tiny(
        "run", **SEGMENTS, model=FROZEN, augment={"crop_padding": 3, "flip": True}, train=cached | {"views": 3}
    )
    model = build_model(recipe, data)
    assert isinstance(model, Segmenter)
    split = stem_splits(recipe, model, data, quiet=True).train.at(seed=5, epoch=1)
    assert split.view.unique().tolist() == [0, 1, 2]
    got, still = split.batch(range(64)), data.train.batch(range(64))
    assert got.size == (SIDE, SIDE)
    assert got.split == "train"
    views = [Augmentation(crop_padding=3, flip=True)(still, seed=0, epoch=view) for view in range(3)]
    for i, view in enumerate(split.view.tolist()):
        for name in ("masks", "boxes", "fixations", "moved"):
            expected = getattr(views[view], name)[i]
            assert torch.equal(getattr(got, name)[i].nan_to_num(-1), expected.nan_to_num(-1)), name
        assert torch.allclose(got.stem[i], model.stem(views[view].images[i : i + 1])[0], atol=1e-6)


def test_shuffled_gaze_uses_the_same_features(cached, data):
    recipe = tiny("run", model=FROZEN, train=cached)
    torch.manual_seed(0)
    model = build_model(recipe, data)
    one = stem_splits(recipe, model, data, quiet=True).train
    shuffled = type(data)(**{**vars(data), "train": shuffle_gaze(data.train, seed=1)})
    model.stem = lambda _: pytest.fail("computed again")
    two = stem_splits(recipe, model, shuffled, quiet=True).train
    assert torch.equal(one.features, two.features)
    assert not torch.equal(one.annotations["fixations"].nan_to_num(-1), two.annotations["fixations"].nan_to_num(-1))


def test_other_masks_are_another_file(cached, data):
    recipe = tiny("run", **SEGMENTS, model=FROZEN, train=cached)
    torch.manual_seed(0)
    model = build_model(recipe, data)
    inverse = type(data.train)(**{**vars(data.train), "masks": ~data.train.masks})
    for splits in (data, type(data)(**{**vars(data), "train": inverse})):
        split = stem_splits(recipe, model, splits, quiet=True).train
        assert torch.equal(split.at(0, 0).batch([0, 1]).masks.any(), torch.tensor(True))
    assert torch.equal(stem_splits(recipe, model, data, quiet=True).val.batch([3]).masks, data.val.batch([3]).masks)
    files = [path.name.rsplit("-", 1)[0] for path in Path(cached["cache_folder"]).iterdir()]
    assert sorted(files) == ["masks-train", "masks-train", "masks-val", "train", "val"]


@pytest.mark.parametrize("width", [1, 7, 8, 9, 16])
def test_masks_are_packed_eight_pixels_per_byte(width):
    masks = torch.rand(2, 3, 1, 4, width) > 0.5
    bytes_ = pack_masks(masks)
    assert bytes_.shape == (2, 3, 1, 4, -(-width // 8))
    assert torch.equal(unpack_masks(bytes_, width), masks)


def test_a_split_without_annotations_has_none(data):
    bare = type(data.train)("train", data.train.classes, data.train.images, data.train.labels)
    assert annotations_in(bare, (SIDE, SIDE), [lambda batch: batch]) == {}


def test_a_decoder_that_reads_inside_of_the_stem_is_refused(cached, data):
    recipe = tiny("run", **SEGMENTS, model=FROZEN | {"freeze": "stage2", "fcn": "fcn8s"}, train=cached)
    model = build_model(recipe, data)
    inner = model.read[0].name
    with pytest.raises(RegardError, match=rf"reads {inner}, which lies inside of .* stage2.*freeze up to {inner}"):
        stem_splits(recipe, model, data, quiet=True)


@pytest.mark.parametrize("decoder", ["fcn32s", "fcn16s"])
@pytest.mark.parametrize("samples", [0, 1, 3])
def test_a_segmenter_gives_the_same_output_from_its_stem(decoder, samples):
    torch.manual_seed(0)
    model = Segmenter("resnet18", decoder=decoder, at="layer4", attention="noise", input_size=(64, 96)).eval()
    model.freeze("layer3")
    assert not next(model.trunk.layer3.parameters()).requires_grad
    assert next(model.trunk.layer4.parameters()).requires_grad
    images = torch.rand(2, 3, 64, 96)
    stem = model.stem(images)
    torch.manual_seed(1)
    full = model(images, samples=samples)
    torch.manual_seed(1)
    rest = model(images[:, :, :0, :0], samples=samples, stem=stem)
    assert rest.logits.shape == (max(samples, 1), 2, 1, 64, 96)
    assert torch.allclose(full.logits, rest.logits, atol=1e-5)
    assert torch.equal(full.attention[0].map, rest.attention[0].map)
