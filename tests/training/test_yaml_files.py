"""Files around recipes: found by path or name, read into a dataclass, refused with their name."""

import re
from dataclasses import dataclass
from dataclasses import field as default
from pathlib import Path

import pytest

from regard.training import find_yaml, read_yaml
from regard.types import RegardError


@dataclass(frozen=True, kw_only=True)
class Garden:
    """What grows."""

    title: str
    """One line."""
    rows: list[int] = default(default_factory=lambda: [1, 2])
    """How many in each."""

    def __post_init__(self) -> None:
        if not self.rows:
            raise RegardError("rows: at least one")


def written(folder: Path, text: str) -> Path:
    path = folder / "herbs.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_found_by_its_path_and_by_its_name(tmp_path: Path) -> None:
    path = written(tmp_path, "title: Kräuter\n")
    assert find_yaml("garden", str(path), tmp_path / "elsewhere") == path
    assert find_yaml("garden", "herbs", tmp_path) == path
    with pytest.raises(RegardError, match=r"garden 'roses': no such file, .*\(there: herbs\)"):
        find_yaml("garden", "roses", tmp_path)
    with pytest.raises(RegardError, match=r"\(there: none here\)"):
        find_yaml("garden", "roses", tmp_path / "elsewhere")
    assert read_yaml(Garden, path, help="ask") == Garden(title="Kräuter", rows=[1, 2])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: a\ncolour: red\n", "colour.*; ask the gardener"),
        ("rows: [1]\n", "title.*; ask the gardener"),
        ("title: a\nrows: [many]\n", "rows.*; ask the gardener"),
        ("- a list\n", "; ask the gardener"),
        ("title: [\n", "; ask the gardener"),
        ("title: a\nrows: []\n", "rows: at least one$"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_files_name(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(RegardError, match=rf"^{re.escape(str(path))}: .*{said}"):
        read_yaml(Garden, path, help="ask the gardener")
