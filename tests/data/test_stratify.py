import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.data.splits import complete, stratified
from regard.types import RegardError


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=80),
    shares=st.sampled_from([(0.1,), (0.1, 0.2), (0.3, 0.3)]),
    seed=st.integers(0, 99),
)
def test_parts_are_disjoint_complete_and_in_proportion(labels, shares, seed):
    labels = torch.tensor(labels)
    parts = stratified(labels, shares, seed=seed)
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(len(labels)))
    for part in parts:
        assert torch.equal(part, part.sort().values)
    for value in labels.unique():
        n = int((labels == value).sum())
        for part, share in zip(parts[1:], shares, strict=True):
            got = int((labels[part] == value).sum())
            assert abs(got - share * n) <= 1
            assert got >= 1 or n <= len(shares)


def test_the_seed_decides():
    labels = torch.arange(300) % 3
    first = stratified(labels, (0.2,), seed=1)[1]
    assert torch.equal(first, stratified(labels, (0.2,), seed=1)[1])
    assert not torch.equal(first, stratified(labels, (0.2,), seed=2)[1])


def test_multi_label_targets_are_split_by_chance():
    rest, part = stratified(torch.ones(50, 4), (0.2,), seed=0)
    assert (len(rest), len(part)) == (40, 10)


@pytest.mark.parametrize("shares", [(0.0,), (0.5, 0.5), (1.2,), (-0.1, 0.5)])
def test_shares_must_leave_something(shares):
    with pytest.raises(RegardError, match="shares"):
        stratified(torch.arange(10), shares, seed=0)


def test_missing_splits_are_taken_from_train_and_given_splits_stay(tmp_path):
    labels = torch.arange(60) % 3
    given = {"train": torch.arange(45), "test": torch.arange(45, 60)}
    groups = complete(given, labels, {"val": 0.2, "test": 0.5}, seed=0, where=tmp_path)
    assert torch.equal(groups["test"], given["test"])
    assert len(groups["val"]) == 9
    assert torch.equal(torch.cat([groups["train"], groups["val"]]).sort().values, given["train"])
    assert given.keys() == {"train", "test"}


@pytest.mark.parametrize(("train", "test", "empty"), [(0, 3, "train"), (2, 3, "val")])
def test_a_split_without_an_item_is_named(train, test, empty, tmp_path):
    given = {"train": torch.arange(train), "test": torch.arange(train, train + test)}
    with pytest.raises(RegardError, match=rf"{tmp_path}: no image for '{empty}' among {train + test}"):
        complete(given, torch.arange(train + test), {"val": 0.2, "test": 0.2}, seed=0, where=tmp_path)
