"""The page in a browser: no errors or requests, a working slider, escaped text, and narrow screens."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from regard.report import write_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]
HOSTILE = "<script>alert(1)</script> \"quoted\" 'name' <img src=x onerror=alert(2)>"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="module")
def driver(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield browser
    browser.quit()


def show(driver: Any, file: Path, width: int = 1200) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.get(file.as_uri())


def test_opens_without_errors_or_requests(driver: Any, run_folder: Path) -> None:
    show(driver, write_report(run_folder))
    assert driver.get_log("browser") == []
    fetched = driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []
    assert driver.execute_script("return [...document.images].every(i => i.complete && i.naturalWidth > 0)")


def test_the_slider_changes_the_overlay(driver: Any, run_folder: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    show(driver, write_report(run_folder))
    layers = driver.find_elements(By.CSS_SELECTOR, ".gallery .layer")
    assert len(layers) == 12
    assert layers[0].value_of_css_property("opacity") == "0.6"
    slider = driver.find_element(By.ID, "opacity")
    slider.send_keys(Keys.END)
    assert {layer.value_of_css_property("opacity") for layer in layers} == {"1"}
    slider.send_keys(Keys.HOME)
    assert {layer.value_of_css_property("opacity") for layer in layers} == {"0"}
    assert driver.find_element(By.CSS_SELECTOR, "output").text == "0 %"


def test_the_outline_can_be_hidden(driver: Any, run_folder: Path) -> None:
    from selenium.webdriver.common.by import By

    show(driver, write_report(run_folder))
    outline = driver.find_element(By.CSS_SELECTOR, ".outline")
    assert outline.is_displayed()
    driver.find_element(By.ID, "outlined").click()
    assert not outline.is_displayed()


@pytest.mark.parametrize("width", [1200, 390])
def test_the_first_screen_has_pictures(driver: Any, make_run: Callable[..., Path], width: int) -> None:
    show(
        driver,
        write_report(make_run(edit=lambda e: e.update(warnings=["A long warning about this run. " * 30]))),
        width,
    )
    boxes = driver.execute_script(
        "return [...document.querySelectorAll('.strip img')].map(i => i.getBoundingClientRect().toJSON())"
    )
    assert len(boxes) == 6
    assert all(0 < box["top"] < box["bottom"] < 450 and 90 < box["width"] <= 200 for box in boxes)
    driver.execute_script("document.querySelector('.strip').click()")
    assert driver.current_url.endswith("#gallery")


def test_hostile_names_are_shown_as_text(driver: Any, make_run: Callable[..., Path]) -> None:
    from selenium.webdriver.common.by import By

    def edit(e: dict[str, Any]) -> None:
        e["data"]["classes"][0] = e["gallery"][0]["truth"] = e["gallery"][0]["prediction"] = HOSTILE
        e["gallery"][0]["item"] = f"{HOSTILE}.png"
        e["warnings"] = [HOSTILE]

    show(driver, write_report(make_run(edit=edit)))
    assert driver.get_log("browser") == []
    assert driver.find_element(By.CSS_SELECTOR, ".warnings li").text == HOSTILE
    card = driver.find_element(By.CSS_SELECTOR, ".card")
    assert card.find_element(By.CSS_SELECTOR, ".prediction strong").text == HOSTILE
    assert f"{HOSTILE}.png" in card.text
    assert len(driver.find_elements(By.CSS_SELECTOR, "script")) == 1


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_needs_no_sideways_scrolling(driver: Any, make_run: Callable[..., Path], width: int) -> None:
    def edit(e: dict[str, Any]) -> None:
        e["data"]["classes"][0] = e["scores"][0]["label"] = e["gallery"][0]["item"] = "x" * 300

    show(driver, write_report(make_run(edit=edit)), width)
    for details in ("false", "true"):
        script = f"document.querySelectorAll('details').forEach(d => d.open = {details}); "
        assert driver.execute_script(script + "return document.documentElement.scrollWidth") == width


def test_no_table_of_a_phone_loses_its_headers(driver: Any, make_run: Callable[..., Path]) -> None:
    def edit(e: dict[str, Any]) -> None:
        e["confusion"] = [{"truth": k, "predicted": k, "count": 5.0} for k in range(10)]

    show(driver, write_report(make_run(edit=edit)), 390)
    shown = "(h => h.getBoundingClientRect().height > 5 && getComputedStyle(h.closest('thead')).position != 'absolute')"
    assert driver.execute_script(f"return [...document.querySelectorAll('.matrix thead th')].every{shown}")
    heads = "[...document.querySelectorAll('.scores td.value')].map(c => getComputedStyle(c, '::before').content)"
    assert set(driver.execute_script(f"return {heads}")) == {'"Value"'}


def test_light_and_dark_differ_and_both_can_be_read(driver: Any, run_folder: Path) -> None:
    file, papers = write_report(run_folder), []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        show(driver, file)
        paper = colour(driver, "body", "backgroundColor")
        papers.append(paper)
        for selector in ("body", ".quiet", "a", ".meaning", ".detail", ".alarm", ".warnings h2", "summary"):
            behind = colour(driver, ".warnings", "backgroundColor") if "warnings" in selector else paper
            assert contrast(colour(driver, selector, "color"), behind) >= 4.5, (scheme, selector)
    assert papers[0] != papers[1]


def colour(driver: Any, selector: str, name: str) -> tuple[float, ...]:
    script = f"return getComputedStyle(document.querySelector({selector!r})).{name}"
    return tuple(float(c) for c in driver.execute_script(script).strip("rgba()").split(",")[:3])


def contrast(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Ratio of relative luminances, WCAG 2.2."""

    def luminance(rgb: tuple[float, ...]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
