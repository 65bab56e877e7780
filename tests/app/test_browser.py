"""Every tab in a browser: it does its job on generated pictures, without an error and without a request to others."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.app.conftest import HOSTILE
from tests.report.test_browser import FLAGS

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def driver(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield browser
    browser.quit()


class Page:
    """The page in the browser, with what a user does on it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, url: str, width: int = 1200) -> None:
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(url)
        self.until(lambda: "3 classes" in self.text("look-notes"))

    def until(self, condition: Callable[[], Any], seconds: float = 90) -> Any:
        from selenium.common.exceptions import WebDriverException

        end = time.monotonic() + seconds
        while True:
            try:
                if found := condition():
                    return found
            except WebDriverException:
                pass
            assert time.monotonic() < end, self.driver.find_element("css selector", "body").text[-2000:]
            time.sleep(0.1)

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements("css selector", selector)

    def text(self, part: str) -> str:
        return self.driver.find_element("id", part).text

    def give(self, part: str, *files: Path) -> None:
        before = len(self.all(f"#{part} .file"))
        self.driver.find_element("css selector", f"#{part} input[type=file]").send_keys("\n".join(map(str, files)))
        self.until(lambda: len(self.all(f"#{part} .file")) > before)

    def click(self, part: str) -> None:
        self.driver.execute_script("document.getElementById(arguments[0]).click()", part)

    def tab(self, name: str) -> None:
        (button,) = [b for b in self.all("button[role=tab]") if b.text.strip() == name]
        self.driver.execute_script("arguments[0].click()", button)

    def errors(self) -> list[str]:
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]

    def elsewhere(self, url: str) -> list[str]:
        """Addresses of other hosts that were asked for."""
        events = [json.loads(line["message"])["message"] for line in self.driver.get_log("performance")]
        asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        assert any(address.startswith(url) for address in asked)
        return [address for address in asked if address.startswith("http") and not address.startswith(url)]


@pytest.fixture
def page(driver: Any, url: str) -> Page:
    page = Page(driver)
    page.open(url)
    return page


def test_look(page: Page, url: str, pictures: list[Path], tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    hostile = tmp_path / f"{HOSTILE}.png"
    shutil.copy(pictures[0], hostile)
    page.give("look-files", hostile)
    page.until(lambda: len(page.all("#look-maps .mapcard")) == 2)
    page.until(lambda: page.all("#look-curve svg"))
    assert any(name in page.text("look-bars") for name in ("cat", "dog", HOSTILE))
    assert "positions kept" in page.text("look-kept")
    assert page.all("img[src='x']") == []

    slider = page.driver.find_element("css selector", "#look-opacity input[type=range]")
    page.driver.execute_script(
        "arguments[0].value = 20; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", slider
    )
    layer = page.driver.find_element("css selector", "#look-maps .layer")
    page.until(lambda: layer.value_of_css_property("opacity") == "0.2")

    patches = page.until(lambda: page.driver.find_element("css selector", "#look-patches img"))
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", patches)
    ActionChains(page.driver).move_to_element(patches).click().perform()
    page.until(lambda: page.text("look-answer").startswith("1 of "))

    page.click("look-save")
    page.until(lambda: ".svg" in page.text("look-saved"))
    assert page.errors() == []
    assert page.elsewhere(url) == []


def test_a_file_that_is_no_picture(page: Page, url: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("<script>alert(1)</script>")
    page.give("look-files", bad)
    page.until(lambda: "bad.png: not an image that can be read" in page.text("look-notes"))
    assert page.errors() == []


def test_compare_people_and_run(page: Page, url: str, pictures: list[Path], tmp_path: Path) -> None:
    page.tab("Compare")
    page.give("compare-files", *pictures)
    page.click("compare-go")
    page.until(lambda: len(page.all("#compare-pair .mapcard")) == 2)
    assert "of 4 pictures predicted differently" in page.text("compare-notes")
    assert "3.png" in page.text("compare-table")

    gaze = tmp_path / "gaze.csv"
    rows = [f"{k}.png,{s},{3 + 5 * s + k},{4 + 3 * s}" for k in range(4) for s in range(4)]
    gaze.write_text("\n".join(["image,subject,x,y", *rows]) + "\n")
    page.tab("People")
    page.give("people-gaze", gaze)
    page.give("people-files", *pictures)
    page.click("people-go")
    page.until(lambda: page.all("#people-image .fixations"))
    assert "4 images, 16 fixations" in page.text("people-notes")

    page.tab("Run")
    page.until(lambda: "`regard train` makes one" in page.text("run-notes"))
    assert page.errors() == []
    assert page.elsewhere(url) == []


@pytest.mark.parametrize(("width", "tabs"), [(390, ("Compare", "People", "Run", "Look")), (320, ("Compare", "Look"))])
def test_a_phone_needs_no_sideways_scrolling(
    driver: Any, url: str, pictures: list[Path], width: int, tabs: tuple[str, ...]
) -> None:
    page = Page(driver)
    page.open(url, width)
    page.give("look-files", pictures[0])
    page.until(lambda: page.all("#look-curve svg"))
    for name in tabs:  # on the narrowest, the others are behind a menu
        page.tab(name)
        assert driver.execute_script("return document.documentElement.scrollWidth") == width, name
