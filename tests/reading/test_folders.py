"""Names that lead nowhere else, and folders whose links do not lead out of them."""

import pytest

from regard.reading import check_links, check_name
from regard.types import RegardError

BAD = [
    "",
    "..",
    "../x",
    "a/../../x",
    "/abs",
    "a//b",
    "a/./b",
    " ",
    "a/ /b",
    "C:\\x",
    "..\\x",
    "a\0b",
    "a\nb",
    "\x1b]0;t\x07",
    "x" * 201,
]


@pytest.mark.parametrize("name", BAD)
def test_names_that_lead_out_are_refused(name):
    with pytest.raises(RegardError, match="does not name a folder below another"):
        check_name(name, "name")


@pytest.mark.parametrize("name", ["mine", "mine/twin", "a b", "größe-1", "..x", "v1.2"])
def test_names_of_people_are_kept(name):
    assert check_name(name, "name") == name


def test_links_inside_are_allowed_and_links_out_are_named(tmp_path):
    run = tmp_path / "run"
    (run / "deep").mkdir(parents=True)
    (run / "a.json").write_text("{}")
    (run / "deep/b.json").symlink_to(run / "a.json")
    check_links(run)
    for name, target in (("c.json", tmp_path), ("deep/d", "/etc"), ("e", "../../outside"), ("f", "/nowhere/at/all")):
        (run / name).symlink_to(target)
        with pytest.raises(RegardError, match=rf"{name}: is a link that leads out of .*run"):
            check_links(run)
        (run / name).unlink()
    (tmp_path / "also").symlink_to(run)  # the folder itself may be reached by a link
    check_links(tmp_path / "also")


def test_links_in_a_circle_lead_nowhere(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(RegardError, match="is a link that leads out"):
        check_links(tmp_path)


def test_the_cache_of_the_hub_is_allowed(tmp_path):
    snapshot = tmp_path / "models--me--net/snapshots/abc"
    (tmp_path / "models--me--net/blobs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (tmp_path / "models--me--net/blobs/1").write_text("{}")
    (snapshot / "config.json").symlink_to("../../blobs/1")
    check_links(snapshot)
