"""A glance at a large picture in a file buys what it would of the picture in memory, and answers alike."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from tests.models.test_glance import SIZE, build
from torch.nn.functional import adaptive_avg_pool2d

from regard.models import predict_large
from regard.types import RegardError

NAMES = ["patches", "crop", "masked", "patches, three looks", "masked, two looks"]


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_of_the_models_size_is_what_it_is(name: str, tmp_path: Path) -> None:
    model = build(name)
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "one.png")
        answer = predict_large(model, tmp_path / "one.png")
        assert (answer.part, answer.patch) == ((0, 0, *SIZE), (8, 8))
        assert torch.equal(answer.bought, model.explain(tmp_path / "one.png").values[0, 0] > 0)
        torch.testing.assert_close(answer.probabilities, model.predict(tmp_path / "one.png")[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_bought_patches_come_from_the_full_resolution(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tiled picture of 1.2 million pixels, more than may be decoded at once."""
    monkeypatch.setenv("REGARD_MAX_PIXELS", "900000")
    model = build(name)
    height, width = 1003, 1201
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels[:500] //= 3
    tifffile.imwrite(tmp_path / "one.tif", pixels, photometric="rgb", tile=(64, 64), compression="zlib")
    answer = predict_large(model, tmp_path / "one.tif")
    patch = int(8 * min(height / 48, width / 64))  # 150
    top, left = (height - 6 * patch) // 2, (width - 8 * patch) // 2
    assert answer.part == (top, left, top + 6 * patch, left + 8 * patch)
    assert answer.patch == (patch, patch)
    part = (
        torch.from_numpy(pixels[top : top + 6 * patch, left : left + 8 * patch]).permute(2, 0, 1)[None].double() / 255
    )
    tiles = part.view(1, 3, 6, patch, 8, patch).permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
    fine = adaptive_avg_pool2d(tiles, 8).view(1, 6, 8, 3, 8, 8).permute(0, 3, 1, 4, 2, 5).reshape(1, 3, *SIZE).float()
    on = answer.bought.repeat_interleave(8, 0).repeat_interleave(8, 1)
    torch.testing.assert_close(answer.image, torch.where(on, fine, torch.zeros(())), atol=1e-6, rtol=0)
    assert int(answer.bought.sum()) == 12
    expected = model.predict(fine, map_override=answer.bought.float()[None, None])[0]
    torch.testing.assert_close(answer.probabilities, expected, atol=1e-6, rtol=0)
    if model.attention.looks == 1:
        assert model.attention.glance is not None
        with torch.no_grad():
            low = adaptive_avg_pool2d(part, model.attention.glance_size).float()
            logits = model.attention.glance(model.normalized(low))[0]
        assert torch.equal(answer.bought, model.attention.best(logits)[0, 0] > 0)
    else:
        assert torch.equal(answer.bought, model.purchases(fine)[0, 0] > 0), "averages of averages are the averages"


def test_what_it_refuses(tmp_path: Path) -> None:
    Image.new("RGB", (64, 47)).save(tmp_path / "small.png")
    with pytest.raises(RegardError, match=r"small.png: 47x64 pixels are fewer than the model's 48x64; use `predict`"):
        predict_large(build("crop"), tmp_path / "small.png")
    Image.new("RGB", (64, 48)).save(tmp_path / "one.png")
    with pytest.raises(RegardError, match="places='random' are drawn by all of the image's pixels"):
        predict_large(build("crop", places="random"), tmp_path / "one.png")
    for places in ("center", "grid"):
        assert int(predict_large(build("patches", places=places), tmp_path / "one.png").bought.sum()) == 12
