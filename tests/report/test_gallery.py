import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from regard.plot import colorize
from regard.report import write_report
from regard.report.gallery import LARGEST, build_gallery, finite_range, outline, value_range
from regard.report.runs import read_run


def decode(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_rules_in_reading_order_with_one_scale(run_folder: Path) -> None:
    run = read_run(run_folder)
    gallery = build_gallery(run)
    assert gallery is not None
    assert [(r.name, r.why, len(r.cards)) for r in gallery.rules] == [
        ("best", "lowest NLL", 4), ("typical", "NLL nearest the median", 4), ("worst", "highest NLL", 4),
    ]  # fmt: skip
    assert gallery.scale.low == 0
    assert gallery.scale.high == pytest.approx(run.pictures.maps.max())
    card = gallery.rules[0].cards[1]
    np.testing.assert_array_equal(decode(card.image), run.pictures.images[1])
    np.testing.assert_array_equal(decode(card.map), colorize(run.pictures.maps[1], gallery.scale))
    assert decode(card.layer).shape == (48, 48, 3)
    assert [c.right for c in gallery.rules[2].cards] == [False, False, False, True]


def test_the_scale_is_that_of_the_maps_shown(make_run: Callable[..., Path]) -> None:
    run = read_run(make_run(edit=lambda e: e.update(gallery=e["gallery"][:1])))
    gallery = build_gallery(run)
    assert gallery is not None
    assert gallery.scale.high == pytest.approx(run.pictures.maps[0].max())


def test_large_images_are_reduced(run_folder: Path) -> None:
    rng = np.random.default_rng(0)
    images, maps = rng.integers(0, 256, (12, 300, 500, 3), dtype=np.uint8), np.ones((12, 7, 9), np.float32)
    np.savez(run_folder / "gallery.npz", images=images, maps=maps)
    gallery = build_gallery(read_run(run_folder))
    assert gallery is not None
    card = gallery.rules[0].cards[0]
    assert max(decode(card.image).shape) == max(decode(card.layer).shape) == LARGEST
    assert (card.width, card.height) == (500, 300)
    assert not gallery.coarse
    assert card.outline == ""
    assert card.flat
    assert value_range(card.low, card.high) == "1.00 everywhere"
    assert value_range(*finite_range(np.full((2, 2), np.nan))) == "undefined"
    assert finite_range(np.array([[np.inf, 1.0], [2.0, np.nan]])) == (1.0, 2.0)


def test_what_was_not_bought_is_grey(make_run: Callable[..., Path]) -> None:
    folder = make_run(edit=lambda e: e["map"].update(unit="gate", choice=True))
    images, maps = np.zeros((12, 40, 60, 3), np.uint8), np.zeros((12, 2, 3), np.float32)
    maps[:, 1, 2] = maps[:, 0, 0] = 1
    np.savez(folder / "gallery.npz", images=images, maps=maps)
    gallery = build_gallery(read_run(folder))
    assert gallery is not None
    assert gallery.choice
    layer = decode(gallery.rules[0].cards[0].layer)
    assert layer.shape == (40, 60, 4)
    covered = np.kron(maps[0] == 0, np.ones((20, 20)))
    np.testing.assert_array_equal(layer[..., 3], 255 * covered)
    assert (layer[..., :3] == 128).all()
    page = write_report(folder).read_text(encoding="utf-8")
    assert "Images and what was bought of them" in page
    assert 'value="100" step="1" aria-label="Opacity' in page
    assert page.count("<figcaption>what was bought</figcaption>") == 12


def test_no_gallery(make_run: Callable[..., Path]) -> None:
    assert build_gallery(read_run(make_run(edit=lambda e: e.update(gallery=[])))) is None


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_an_outline_runs_between_inside_and_outside(mask: np.ndarray) -> None:
    edges = set(re.findall(r"M(\d+) (\d+)([hv])1", outline(mask)))
    height, width = mask.shape

    def at(y: int, x: int) -> bool:
        return 0 <= y < height and 0 <= x < width and bool(mask[y, x])

    expected = {(str(x), str(y), "h") for y in range(height + 1) for x in range(width) if at(y, x) != at(y - 1, x)}
    expected |= {(str(x), str(y), "v") for y in range(height) for x in range(width + 1) if at(y, x) != at(y, x - 1)}
    assert edges == expected
