"""Two small networks, pictures of noise, and an app that is not served."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from regard.app.context import AppContext
from regard.app.settings import AppSettings, Limits
from regard.judge import Subject, open_subject
from regard.models import AttentiveClassifier

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Folders of an attended network, whose third class has a hostile name, and of a plain one of the same classes."""
    folder = tmp_path_factory.mktemp("models")
    classes = ("cat", "dog", HOSTILE)
    torch.manual_seed(0)
    net = AttentiveClassifier("compact", 3, attention="noise", input_size=(16, 16), classes=classes)
    with torch.no_grad():  # maps that differ from position to position, and answers that differ from picture to picture
        for parameter in net.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    net.save_pretrained(folder / "attended")
    plain = AttentiveClassifier("compact", 3, attention=None, input_size=(16, 16), classes=classes)
    plain.save_pretrained(folder / "plain")
    return str(folder / "attended"), str(folder / "plain")


@pytest.fixture(scope="session")
def attended(models: tuple[str, str]) -> Subject:
    return open_subject(models[0])


@pytest.fixture(scope="session")
def plain(models: tuple[str, str]) -> Subject:
    return open_subject(models[1])


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Four pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(4):
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(folder / f"{k}.png")
    return sorted(folder.iterdir())


@pytest.fixture
def context(models: tuple[str, str], tmp_path: Path) -> AppContext:
    """An app that offers both networks, for this machine alone."""
    folder = tmp_path / "app"
    folder.mkdir()
    return AppContext(AppSettings(models=models, runs=tmp_path / "runs", device="cpu", limits=Limits(files=6)), folder)


@pytest.fixture(scope="session")
def url(models: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the command, in a process of its own."""
    pytest.importorskip("gradio")
    words = ["app", *(word for model in models for word in ("--model", model)), "--device", "cpu"]
    words += ["--runs", str(tmp_path_factory.mktemp("runs"))]
    command = [sys.executable, "-u", "-m", "regard", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert line.startswith("page: http"), line + process.communicate()[1]
    yield line.split()[1]
    process.terminate()
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, ""), "it is the way to end it, and nothing was complained of before"
