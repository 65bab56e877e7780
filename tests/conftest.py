"""Shape annotations are checked while testing; REGARD_DATA names the folder of real data."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

settings.register_profile("regard", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("regard")
install_import_hook(["regard.types", "regard.metrics", "regard.data"], "beartype.beartype")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `gpu` are skipped where there is no CUDA device."""
    import torch

    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture
def shapes_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Networks without numbers; what has to be computed, whether the attention is a cut, is left out."""
    import torch

    from regard.backbones import Cut, attach

    monkeypatch.setattr(sys.modules[attach.__module__], "find_cut", lambda *_: Cut(is_cut=True))
    with torch.device("meta"):
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the research data sets; tests that need it are skipped without it."""
    folder = os.environ.get("REGARD_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("set REGARD_DATA to the folder with osie/, cub50/, ecssd/, interiors/, cifar10/ (docs/data.md)")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Made-up birds in their boxes, 48 x 48, with parts and gaze; tests read them."""
    from tests.data.cub_files import make_cub

    from regard.data import cub

    return cub(make_cub(tmp_path_factory.mktemp("data") / "cub50"), size=48, crop=True)


@pytest.fixture(scope="session")
def evaluated_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its plain twin, evaluated; tests read it and write nothing into it."""
    from dataclasses import replace

    from tests.training.tiny import tiny

    from regard.evaluation import evaluate
    from regard.training import plain_twin, save_recipe, train

    recipe = tiny(twin=True)
    folder = train(recipe, tmp_path_factory.mktemp("runs") / "tiny", quiet=True)
    train(plain_twin(recipe), folder / "twin", quiet=True)
    # the recipe names a budget only afterwards: training has too few steps to meet one
    save_recipe(replace(recipe, objective=replace(recipe.objective, budget_bits=10.0)), folder / "recipe.yaml")
    evaluate(folder)
    return folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder of this test only."""
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tests run in parallel processes; one torch thread each is fastest."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium with its driver."""
    browser = shutil.which("chromium")
    if browser is None or shutil.which("chromedriver") is None:
        pytest.skip("apt-get install chromium chromium-driver")
    return browser
