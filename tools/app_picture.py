"""Makes docs/images/app.png: the tab *Look* of `regard app` on a test image of a finished run.

    python tools/app_picture.py runs/demo

Needs the extra `app`, Chromium and its driver.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

from regard.plot import picture_of
from regard.training import load_run

OUT = Path(__file__).resolve().parents[1] / "docs" / "images" / "app.png"
WIDTH = 1100
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage")


def until(condition: Callable[[], Any], seconds: float = 180) -> Any:
    """What a condition gives once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except WebDriverException:
            pass
        time.sleep(0.2)
    raise TimeoutError("the page did not come so far")


def take(url: str, picture: Path) -> Image.Image:
    """The page after a picture was dropped on it, down to the end of what the network still knows."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        metrics = {"width": WIDTH, "height": 1700, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.get(url)
        until(lambda: "classes" in driver.find_element("id", "look-notes").text)
        driver.find_element("css selector", "#look-files input[type=file]").send_keys(str(picture))
        until(lambda: driver.find_elements("css selector", "#look-curve svg"))
        time.sleep(1)  # pictures are decoded after they were received
        end = driver.execute_script(
            "return document.querySelector('#look-curve').closest('.row').getBoundingClientRect().bottom"
        )
        shot = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
        return shot.crop((0, 0, WIDTH, min(shot.height, int(end) + 12)))
    finally:
        driver.quit()


def main() -> None:
    """Starts the app, takes the picture and writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    with tempfile.TemporaryDirectory() as folder:
        name = Path(folder) / "runs" / run.name
        name.parent.mkdir()
        shutil.copytree(run, name, ignore=shutil.ignore_patterns("checkpoints"))
        file = Path(folder) / "test image.png"
        Image.fromarray(picture_of(load_run(run).data.test.batch([0]).images[0])).save(file)
        command = [sys.executable, "-u", "-m", "regard", "app", "--model", f"runs/{run.name}", "--device", "cpu"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                shot = take(process.stdout.readline().split()[1], file)
            finally:
                process.terminate()
    shot.save(OUT, optimize=True)
    print(OUT)


if __name__ == "__main__":
    main()
