import stat
import zipfile

import pytest

from regard.data.files import open_zip
from regard.types import RegardError


@pytest.mark.parametrize(
    "name", ["../a.jpg", "train/../../a.jpg", "/etc/a.jpg", "C:/a.jpg", "C:\\a.jpg", "..\\a.jpg", "\\\\host\\a"]
)
def test_an_entry_that_leaves_its_folder_is_named(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("train/good.jpg", "x")
        archive.writestr(zipfile.ZipInfo(name), "x")
    with pytest.raises(RegardError, match="leaves the archive's folder"):
        open_zip(tmp_path / "a.zip")


def test_a_link_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("train/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(RegardError, match="'train/link'"):
        open_zip(tmp_path / "a.zip")


def test_ordinary_entries_pass(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("train/a..b/0..jpg", "x")
        archive.writestr("test/", "")
    with open_zip(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["train/a..b/0..jpg", "test/"]


def test_a_damaged_or_missing_archive_is_named(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK nothing")
    with pytest.raises(RegardError, match=r"a\.zip: damaged zip"):
        open_zip(tmp_path / "a.zip")
    with pytest.raises(RegardError, match=r"b\.zip: no such file"):
        open_zip(tmp_path / "b.zip")
