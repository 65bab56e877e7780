"""The page of the architecture names what exists, where it says that it is."""

import importlib
import inspect
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LINKS = re.findall(r"\[`(regard[\w.]*)`\]\(\.\./(src/[\w/]+\.py)\)", PAGE)


def test_an_image_takes_at_most_twelve_steps() -> None:
    path = PAGE.split("## ")[1]
    steps = [int(number) for number in re.findall(r"^\| (\d+) \|", path, re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1))
    assert 8 <= len(steps) <= 12
    assert len(re.findall(r"\[`regard", path)) == len(steps)


@pytest.mark.parametrize(("name", "file"), LINKS, ids=[name for name, _ in LINKS])
def test_what_is_named_exists_in_the_file_that_is_linked(name: str, file: str) -> None:
    module = ".".join(Path(file).with_suffix("").parts[1:]).removesuffix(".__init__")
    thing = importlib.import_module(module)
    for part in name.removeprefix(module).split(".")[1:]:
        thing = getattr(thing, part)
    if not isinstance(thing, dict):  # jaxtyping wraps functions while testing
        assert Path(str(inspect.getsourcefile(inspect.unwrap(thing)))).resolve() == ROOT / file


def test_the_picture_of_the_layers_shows_those_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    picture = (ROOT / "docs" / "images" / "layers.svg").read_text(encoding="utf-8")
    drawn: dict[int, list[str]] = {}
    for y, name in re.findall(r'<text class="name" x="[\d.]+" y="(\d+)">([^<]+)</text>', picture):
        drawn.setdefault(int(y), []).append(name)
    assert [" | ".join(drawn[y]) for y in sorted(drawn)] == layers
