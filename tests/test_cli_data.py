"""What `regard data` prints: the catalog, one set's facts, and the messages of a download."""

import inspect

import pytest

from regard.cli.data import catalog_records, get_lines, info_record
from regard.data import CATALOG, catalog, clutter


@pytest.mark.parametrize("name", CATALOG)
def test_every_entry_has_all_facts_and_options(name):
    record = info_record(name)
    assert all(record.values())
    assert ("seed=0" in record["options"]) == (name not in ("digits", "atari_head"))  # their splits are fixed
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
def test_splits_and_size_of_other_sets(name, splits, size):
    record = info_record(name)
    assert record["splits"].startswith(splits)
    assert record["size"].startswith(size)


def test_all_sets_have_a_licence_in_one_table():
    assert [row["name"] for row in catalog_records("licence")] == list(CATALOG)
    assert all(all(row.values()) for row in catalog_records("licence"))


@pytest.fixture
def fetched(monkeypatch):
    calls = []
    entry = CATALOG["svhn"]
    fields = {**vars(entry), "fetch": calls.append}
    monkeypatch.setitem(catalog.CATALOG, "svhn", type(entry)(**fields))
    return calls


def test_the_lines_of_data_get(fetched, tmp_path):
    lines = get_lines("svhn", tmp_path, yes=True, ask=lambda question: pytest.fail("asked in spite of --yes"))
    assert "non-commercial" in lines[0]
    assert lines[-1] == f"svhn is in {tmp_path}"
    assert get_lines("svhn", tmp_path, yes=False, ask=lambda question: False) == ["svhn was not downloaded"]
    assert len(fetched) == 1
