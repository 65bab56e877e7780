import pytest
import torch
from PIL import Image

from regard.data import CATALOG, catalog, get, open_data
from regard.types import RegardError


@pytest.mark.parametrize("name", CATALOG)
def test_every_entry_has_a_description(name):
    entry = CATALOG[name]
    assert entry.name == name
    assert entry.description.endswith(".")
    assert entry.source
    assert entry.licence
    assert (entry.fetch is None) == (entry.download == "")


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


def test_other_sets_need_a_folder(monkeypatch, tmp_path):
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
    questions = []

    def no(question):
        questions.append(question)
        return False

    assert get("svhn", tmp_path / "new", no) is False
    assert fetched == []
    assert not (tmp_path / "new").exists()
    for word in ("246 MB", "ufldl.stanford.edu", "non-commercial", str(tmp_path / "new")):
        assert word in questions[0]
    assert get("svhn", tmp_path / "new", lambda question: True) is True
    assert fetched == [tmp_path / "new"]


def test_the_error_for_a_set_without_download_names_its_source(tmp_path):
    with pytest.raises(RegardError, match="folder: there is nothing to download"):
        get("folder", tmp_path, lambda question: True)


def test_a_failing_download_is_named(tmp_path, monkeypatch):
    import torchvision.datasets as tv

    def offline(self):
        raise OSError("network unreachable")

    monkeypatch.setattr(tv.CIFAR10, "download", offline)
    with pytest.raises(RegardError, match=r"cifar10: could not be fetched .*network unreachable"):
        get("cifar10", tmp_path, lambda question: True)
