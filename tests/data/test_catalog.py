import inspect

import pytest
import torch
from PIL import Image

from regard.cli.data import catalog_records, get_lines, info_record
from regard.data import CATALOG, catalog, clutter, get, open_data
from regard.types import RegardError


@pytest.mark.parametrize("name", CATALOG)
def test_every_entry_says_what_it_is(name):
    entry = CATALOG[name]
    assert entry.name == name
    assert entry.description.endswith(".")
    assert entry.source
    assert entry.licence
    assert (entry.fetch is None) == (entry.download == "")
    record = info_record(name)
    assert all(record.values())
    assert ("seed=0" in record["options"]) == (name not in ("digits", "atari_head"))  # whose parts are fixed
    assert "download" not in record["options"]
    assert name in {row["name"] for row in catalog_records("description")}


def test_clutters_splits_and_size_are_its_own_defaults():
    record = info_record("clutter")
    defaults = {p.name: p.default for p in inspect.signature(clutter).parameters.values()}
    for name in ("train", "val", "test"):
        assert f"{defaults[name]:,} {name}" in record["splits"]
    assert f"{defaults['size']}x{defaults['size']}" in record["size"]
    assert "CC BY" in record["licence"]
    assert f"distractors={defaults['distractors']}" in record["options"]


@pytest.mark.parametrize(
    ("name", "splits", "size"),
    [
        ("svhn", "10% for val of the training images", "as in content"),
        ("folder", "10% for val and 10% for test of", "224x224"),
    ],
)
def test_what_other_sets_say_of_splits_and_size(name, splits, size):
    record = info_record(name)
    assert record["splits"].startswith(splits)
    assert record["size"].startswith(size)


def test_all_sets_have_a_licence_in_one_table():
    assert [row["name"] for row in catalog_records("licence")] == list(CATALOG)
    assert all(all(row.values()) for row in catalog_records("licence"))


def test_an_unknown_name_lists_the_near_ones():
    with pytest.raises(RegardError, match="'cifar' is not in the catalog; did you mean cifar10"):
        open_data("cifar")
    with pytest.raises(RegardError, match="'zzz' is not in the catalog; there are clutter"):
        open_data("zzz")


def test_clutter_opens_without_a_folder(monkeypatch):
    monkeypatch.delenv("REGARD_DATA", raising=False)
    options = {"train": 4, "val": 2, "test": 2, "cache": False}
    data = open_data("clutter", **options)
    assert torch.equal(data.train.images, open_data("clutter", "anywhere", **options).train.images)


def test_others_need_one(monkeypatch, tmp_path):
    monkeypatch.delenv("REGARD_DATA", raising=False)
    with pytest.raises(RegardError, match="svhn: no folder given"):
        open_data("svhn")
    monkeypatch.setenv("REGARD_DATA", str(tmp_path))
    with pytest.raises(RegardError, match=rf"svhn: 'train' not found in {tmp_path}"):
        open_data("svhn")


def test_own_folders_open_by_name(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(6):
            Image.new("L", (9, 9)).save(tmp_path / name / f"{k}.png")
    assert open_data("folder", tmp_path, size=8).classes == ("a", "b")


def test_an_unknown_option_is_named(tmp_path):
    with pytest.raises(RegardError, match=r"clutter: .*'sise'"):
        open_data("clutter", sise=3)


def test_opening_never_downloads(tmp_path):
    with pytest.raises(RegardError, match="opening never downloads"):
        open_data("svhn", tmp_path, download=True)


@pytest.fixture
def fetched(monkeypatch):
    calls = []
    entry = CATALOG["svhn"]
    fields = {**vars(entry), "fetch": calls.append}
    monkeypatch.setitem(catalog.CATALOG, "svhn", type(entry)(**fields))
    return calls


def test_a_download_asks_first_and_shows_size_source_and_licence(fetched, tmp_path):
    asked = []

    def no(question):
        asked.append(question)
        return False

    assert get("svhn", tmp_path / "new", no) is False
    assert fetched == []
    assert not (tmp_path / "new").exists()
    for word in ("246 MB", "ufldl.stanford.edu", "non-commercial", str(tmp_path / "new")):
        assert word in asked[0]
    assert get("svhn", tmp_path / "new", lambda question: True) is True
    assert fetched == [tmp_path / "new"]


def test_the_commands_answers(fetched, tmp_path):
    lines = get_lines("svhn", tmp_path, yes=True, ask=lambda question: pytest.fail("asked in spite of --yes"))
    assert "non-commercial" in lines[0]
    assert lines[-1] == f"svhn is in {tmp_path}"
    assert get_lines("svhn", tmp_path, yes=False, ask=lambda question: False) == ["svhn was not downloaded"]
    assert len(fetched) == 1


def test_what_cannot_be_fetched_says_where_it_comes_from(tmp_path):
    with pytest.raises(RegardError, match="folder: there is nothing to download"):
        get("folder", tmp_path, lambda question: True)


def test_a_failing_download_is_named(tmp_path, monkeypatch):
    import torchvision.datasets as tv

    def offline(self):
        raise OSError("network unreachable")

    monkeypatch.setattr(tv.CIFAR10, "download", offline)
    with pytest.raises(RegardError, match=r"cifar10: could not be fetched .*network unreachable"):
        get("cifar10", tmp_path, lambda question: True)
