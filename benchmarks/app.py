"""The app as its users feel it: the first page, an explained photograph, a hundred uploads, two users at once.

The command `regard app` runs in a process of its own and is used through its own interface, as the page does. Wall
times depend on what else the machine does: processor seconds of the server and the load average stand beside them.

    python benchmarks/app.py [--repeats 5] [--uploads 100]
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from gradio_client import Client, handle_file
from PIL import Image

from common import record
from regard.backbones import PACKAGED
from regard.models import AttentiveClassifier

PAGE_SECONDS, PICTURE_SECONDS = 3.0, 1.0
NETWORK = "tf_efficientnet_lite0"
GROWTH = 2.0
"""MiB by which the most that the server holds may grow from the first to the second half of the uploads."""


@contextmanager
def app(*words: str) -> Iterator[tuple[str, int, float]]:
    """Address and process of a started app, and the seconds from its start to the end of the first page."""
    begin = time.perf_counter()
    command = [sys.executable, "-u", "-m", "regard", "app", *words, "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        with urllib.request.urlopen(url) as answer:
            assert b"Look" in answer.read()
        yield url, process.pid, time.perf_counter() - begin
        process.terminate()


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """MiB that the process holds."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


class User:
    """One user with the page open."""

    def __init__(self, url: str, model: str) -> None:
        self.client = Client(url, verbose=False, analytics_enabled=False, download_files=False)
        self.model = model
        self.client.predict(api_name="/loading")
        self.client.predict(model, api_name="/opening")

    def upload(self, picture: Path) -> str:
        """The name by which the app knows the picture."""
        chosen: str = self.client.predict([handle_file(str(picture))], api_name="/receiving")[0]["value"]
        return chosen

    def look(self, file: str, method: str) -> str:
        """The maps that are shown."""
        found: str = self.client.predict(self.model, file, [method], "", "", 0, api_name="/looking")[2]
        assert "mapcard" in found, found
        return found


def first_pages(words: list[str], repeats: int) -> dict[str, Any]:
    walls, processor = [], []
    for _ in range(repeats):
        with app(*words) as (_, pid, seconds):
            walls.append(seconds)
            processor.append(processor_seconds(pid))
    return {
        "wall_seconds": statistics.median(walls),
        "slowest_wall_seconds": max(walls),
        "quickest_wall_seconds": min(walls),
        "processor_seconds": statistics.median(processor),
        "load_average": os.getloadavg()[0],
    }


def explained(url: str, pid: int, model: str, method: str, picture: Path, repeats: int) -> dict[str, Any]:
    """From the upload to the maps on the page; the first time, after the model is open, apart."""
    user, walls, processor = User(url, model), [], []
    for _ in range(repeats + 1):
        begin, before = time.perf_counter(), processor_seconds(pid)
        user.look(user.upload(picture), method)
        walls.append(time.perf_counter() - begin)
        processor.append(processor_seconds(pid) - before)
    return {
        "first_wall_seconds": walls[0],
        "wall_seconds": statistics.median(walls[1:]),
        "slowest_wall_seconds": max(walls[1:]),
        "processor_seconds": statistics.median(processor[1:]),
        "load_average": os.getloadavg()[0],
    }


def uploads(url: str, pid: int, model: str, folder: Path, count: int) -> dict[str, Any]:
    """Memory of the server after every tenth of many different pictures in a row."""
    user, held = User(url, model), []
    for k in range(count):
        file = folder / f"upload{k}.jpg"
        Image.effect_noise((800, 600), 20 + k).convert("RGB").save(file)
        user.look(user.upload(file), "grad_cam")
        if k % 10 == 9:
            held.append(memory(pid))
    half = len(held) // 2  # single readings go up and down by what the allocator gives back
    return {"mebibytes_after_every_ten": held, "growth_of_the_second_half": max(held[half:]) - max(held[:half])}


def two_users(url: str, model: str, folder: Path, looks: int) -> dict[str, Any]:
    """Both look at their own picture at the same time; how many answers were another one than the user's alone."""
    files = []
    for k in range(2):
        files.append(folder / f"user{k}.jpg")
        Image.effect_noise((800, 600), 40 + 40 * k).convert("RGB").save(files[k])
    users = [User(url, model) for _ in files]

    def picture_of(html: str) -> str:
        return re.sub(r"[\d.]+ s</p>", "", html)  # all but the seconds that it took

    alone = [picture_of(user.look(user.upload(file), "grad_cam")) for user, file in zip(users, files, strict=True)]
    wrong = [0, 0]

    def use(k: int) -> None:
        for _ in range(looks):
            wrong[k] += picture_of(users[k].look(users[k].upload(files[k]), "grad_cam")) != alone[k]

    threads = [threading.Thread(target=use, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"looks": 2 * looks, "of_another_picture": sum(wrong), "differ": alone[0] != alone[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--uploads", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.manual_seed(0)
        attended = AttentiveClassifier(
            NETWORK, 1000, attention="noise", input_size=(224, 224), pretrained=PACKAGED[NETWORK]
        )
        attended.save_pretrained(folder / "attended")
        picture = folder / "photograph.jpg"
        Image.effect_noise((1600, 1200), 60).convert("RGB").save(picture)
        words = ["--model", str(folder / "attended"), "--model", NETWORK, "--runs", str(folder / "runs")]
        values: dict[str, Any] = {
            "targets": {"page_seconds": PAGE_SECONDS, "picture_seconds": PICTURE_SECONDS, "growth_mebibytes": GROWTH},
            "first_page": first_pages(words, options.repeats),
        }
        with app(*words) as (url, pid, _):
            values["grad_cam"] = explained(url, pid, NETWORK, "grad_cam", picture, 2 * options.repeats)
            own = str(folder / "attended")
            values["learned_attention"] = explained(url, pid, own, "attention", picture, 2 * options.repeats)
            values["uploads"] = uploads(url, pid, NETWORK, folder, options.uploads)
            values["two_users"] = two_users(url, NETWORK, folder, 10)
    values["met"] = {
        "first_page": values["first_page"]["wall_seconds"] <= PAGE_SECONDS,
        "grad_cam": values["grad_cam"]["wall_seconds"] <= PICTURE_SECONDS,
        "learned_attention": values["learned_attention"]["wall_seconds"] <= PICTURE_SECONDS,
        "uploads": values["uploads"]["growth_of_the_second_half"] <= GROWTH,
        "two_users": values["two_users"]["of_another_picture"] == 0,
    }
    notes = (
        f"{NETWORK} at 224 pixels, a photograph of 1600 x 1200; learned attention is that of the same network with an "
        "untrained noise gate, which takes as long as a trained one; from the upload to the maps in the page"
    )
    record("app", values, notes=notes)


if __name__ == "__main__":
    main()
