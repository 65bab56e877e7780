"""Which files are looked at, and the limits."""

from pathlib import Path

import pytest

from regard.app.settings import Limits
from regard.app.uploads import given_files
from regard.types import RegardError


def test_files_and_folders(pictures: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "below").mkdir()
    (folder / "below" / "deep.JPG").write_bytes(b"x")
    expected = [folder / "0.png", folder / "1.png", folder / "2.png", folder / "3.png", folder / "below" / "deep.JPG"]
    assert sorted(given_files(str(folder), Limits())) == sorted(expected)
    assert given_files([str(p) for p in (*pictures, folder / "notes.txt")], Limits()) == pictures
    assert given_files(str(pictures[2]), Limits()) == [pictures[2]]
    assert given_files(None, Limits()) == given_files([], Limits()) == given_files("", Limits()) == []


def test_a_folder_without_pictures_and_a_single_other_file(tmp_path: Path) -> None:
    for name in ("a.txt", "b.csv"):
        (tmp_path / name).write_text("x")
    with pytest.raises(RegardError, match=r"no pictures among 2 files; they end in .jpg"):
        given_files([str(tmp_path / "a.txt"), str(tmp_path / "b.csv")], Limits())
    assert given_files([str(tmp_path / "a.txt")], Limits()) == [tmp_path / "a.txt"], "told by its content, later"


@pytest.mark.parametrize(("files", "size", "says"), [(3, 10**6, "4 pictures; at most 3"), (4, 100, "0.png: .* MiB")])
def test_limits(pictures: list[Path], files: int, size: int, says: str) -> None:
    with pytest.raises(RegardError, match=says):
        given_files([str(p) for p in pictures], Limits(file_bytes=size, files=files))
