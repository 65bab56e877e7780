"""Similarities of scanpaths: known values, closed forms, an outside implementation, and properties."""

import itertools
import json

import numpy as np
import pytest
from tests.metrics.scanpath import multimatch_cases as cases

from regard.cli.names import SCANPATH_NAMES as NAMES
from regard.metrics.scanpath import (
    MULTIMATCH,
    SCANPATH_METRICS,
    cluster_symbols,
    fixation_clusters,
    grid_symbols,
    multimatch,
    scanmatch,
    scanpath_similarity,
    sequence_score,
    string_edit,
)
from regard.types import RegardError

SIZE = (300, 400)
KNOWN = json.loads(cases.FILE.read_text())


def word(text):
    return np.array([ord(letter) for letter in text], dtype=np.int64)


def drawn(seed, n=8, duration=None):
    rng = np.random.default_rng(seed)
    times = rng.integers(50, 800, n) if duration is None else np.full(n, duration)
    return np.stack([rng.uniform(0, 400, n), rng.uniform(0, 300, n), times], 1).astype(np.float64)


def subsequence(a, b):
    """The longest common subsequence by trying all."""
    for n in range(min(len(a), len(b)), 0, -1):
        if set(itertools.combinations(a.tolist(), n)) & set(itertools.combinations(b.tolist(), n)):
            return n
    return 0


@pytest.mark.parametrize("k", range(len(cases.LENGTHS)))
def test_multimatch_is_that_of_multimatch_gaze(k):
    assert list(multimatch(*cases.pair(k), cases.SIZE).values()) == pytest.approx(KNOWN[k], abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "edits"), [("kitten", "sitting", 3), ("saturday", "sunday", 3), ("abc", "abc", 0), ("ab", "cdef", 4)]
)
def test_string_edit_counts_insertions_deletions_and_replacements(a, b, edits):
    expected = 1 - edits / max(len(a), len(b))
    assert string_edit(word(a), word(b)) == pytest.approx(expected, abs=1e-12)
    assert string_edit(word(b), word(a)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_the_sequence_score_is_the_longest_common_subsequence(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, 7), rng.integers(0, 4, 9)
    assert sequence_score(a, b) == pytest.approx(subsequence(a, b) / 9, abs=1e-12)


def test_cells_and_clusters_of_fixations():
    path = np.array([[0.0, 0, 1], [399.9, 299.9, 1], [200, 0, 1]])
    assert grid_symbols(path, SIZE, (5, 5)).tolist() == [0, 24, 2]
    assert cluster_symbols(path, np.array([[390.0, 290], [10, 10], [210, 10]])).tolist() == [1, 0, 2]
    spots = np.array([[50.0, 50], [350, 250]])
    points = np.concatenate([spot + np.random.default_rng(0).normal(0, 4, (20, 2)) for spot in spots])
    found = fixation_clusters(points, 30.0)
    assert sorted(found.round(-1).tolist()) == spots.tolist()


@pytest.mark.parametrize(("apart", "value"), [(0, 1), (1, 1 - 1 / 3.5), (3, 1 - 3 / 3.5), (5, 0)])
def test_scanmatch_falls_with_the_distance_in_cells(apart, value):
    a = np.array([[10.0, 10, 100]] * 3)
    b = a + np.array([apart * 400 / 12, 0, 0])
    assert scanmatch(a, b, SIZE) == pytest.approx(value, abs=1e-12)


def test_scanmatch_counts_a_fixation_by_its_duration_where_asked():
    one, two = np.array([[10.0, 10, 100], [390, 290, 100]]), np.array([[10.0, 10, 300], [390, 290, 100]])
    assert scanmatch(one, two, SIZE) == 1
    assert scanmatch(one, two, SIZE, ms=50.0) == pytest.approx(4 / 8)
    assert scanmatch(one, two, SIZE, ms=1000.0) == 1, "each at least once"
    assert np.isnan(scanmatch(one, drawn(0, duration=np.nan), SIZE, ms=50.0))


@pytest.mark.parametrize("seed", range(4))
def test_all_are_symmetric_and_one_for_the_same_path(seed):
    a, b = drawn(seed), drawn(seed + 100, 11)
    centers = fixation_clusters(np.concatenate([a, b])[:, :2], 30.0)
    there, back = (scanpath_similarity(*order, SIZE, centers) for order in ((a, b), (b, a)))
    assert tuple(there) == SCANPATH_METRICS == NAMES
    assert there == pytest.approx(back, abs=1e-12)
    assert all(0 <= value < 1 for value in there.values())
    assert set(scanpath_similarity(a, a, SIZE, centers).values()) == {1.0}


def test_what_a_short_path_or_an_unknown_duration_leaves_undefined():
    assert np.isnan(list(multimatch(drawn(0, 2), drawn(1), SIZE).values())).all()
    unknown = multimatch(drawn(0, duration=np.nan), drawn(1), SIZE)
    assert [name for name in MULTIMATCH if np.isnan(unknown[name])] == ["duration"]
    empty = np.empty((0, 3))
    assert np.isnan(scanmatch(empty, drawn(0), SIZE))
    assert np.isnan(string_edit(word(""), word("a")))
    assert np.isnan(sequence_score(word("a"), word("")))


def test_strings_of_another_shape_are_refused():
    with pytest.raises(RegardError, match=r"\(2, 1\)"):
        string_edit(np.zeros((2, 1), dtype=np.int64), word("a"))
