"""JSON and YAML from others: bounded in levels, numbers and what aliases unfold to."""

import re
import time

import pytest
import yaml

from regard.experiments.tables import open_table
from regard.reading import DataError, parse_json, parse_yaml, read_json_file, read_yaml_file
from regard.training import load_recipe
from regard.types import RegardError

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{n}: &{n} [{', '.join([f'*{o}'] * 9)}]\n" for o, n in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMBS = {
    "aliases of aliases": LAUGHS,
    "a list that holds itself": "a: &a [*a]",
    "a mapping that merges itself": "a: &a\n  <<: *a\n  b: 1",
    "two that hold each other": "a: &a {b: &b {a: *a}}",
    "3,000 levels": "[" * 3000 + "]" * 3000,
    "3,000 levels of blocks": "\n".join("  " * k + "a:" for k in range(3000)),
    "merges of merges": "a: &a {k: 1}\n"
    + "".join(f"{n}: &{n}\n  <<: [{', '.join([f'*{o}'] * 60)}]\n" for o, n in zip("abcd", "bcde", strict=True)),
    "a huge number": "a: " + "9" * 5000,
    "a huge number of minutes": "a: 1" + ":59" * 20_000,
    "too long": "a: 1\n" * 300_000,
    "a date that is none": "!!timestamp 2001-99-99",
    "an object": "!!python/object/apply:os.system ['true']",
    "a key that is a list": "[1, 2]: 3",
    "no number": "!!float {a: 1}",
    "a binary that is none": "!!binary 'a'",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_yaml_that_hangs_or_executes_is_refused_quickly(tmp_path, kind):
    (tmp_path / "recipe.yaml").write_text(BOMBS[kind])
    begin = time.perf_counter()
    with pytest.raises(DataError):
        parse_yaml(BOMBS[kind])
    with pytest.raises(RegardError, match=r"recipe\.yaml: .*; recipes are YAML files"):
        load_recipe(tmp_path / "recipe.yaml")
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &a [1, 2]\nb: *a", {"a": [1, 2], "b": [1, 2]}),
        ("a: &a {x: 1}\nb: {<<: *a, y: 2}", {"a": {"x": 1}, "b": {"x": 1, "y": 2}}),
        ("1e-3", 1e-3),
        ("2001-12-14", "2001-12-14"),
        ("0x1f", 31),
        (".inf", float("inf")),
        ("", None),
        ("18446744073709551615", 2**64 - 1),
    ],
)
def test_yaml_of_people_is_read(text, value):
    assert parse_yaml(text) == value


@pytest.mark.parametrize("levels", [65, 1000, 200_000])
def test_json_without_end_is_refused(tmp_path, levels):
    (tmp_path / "a.json").write_text('{"a":' * levels + "1" + "}" * levels)
    with pytest.raises(RegardError, match=r"a\.json: more than 64 levels of nesting; fix it"):
        read_json_file(tmp_path / "a.json", "fix it")


@pytest.mark.parametrize("number", ["9" * 21, "-" + "9" * 400, "1" * 10_000, str(2**64)])
def test_huge_whole_numbers_are_refused(number):
    with pytest.raises(DataError, match=r"the whole number .* is too large"):
        parse_json(f'{{"epoch": {number}}}')
    assert parse_json(f"[{2**64 - 1}, -1]") == [2**64 - 1, -1]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"", b'{"a": 1} x'])
def test_what_is_no_json_names_its_file(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(RegardError, match=r"a\.json: .*; again"):
        read_json_file(tmp_path / "a.json", "again")


def test_the_same_as_the_library_for_every_recipe():
    from pathlib import Path

    for path in Path(__file__).parents[2].glob("src/regard/recipes/**/*.yaml"):
        assert read_yaml_file(path, "") == yaml.safe_load(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("a: 1\n1: {}", 2, "1"),
        ("null: 3", 1, "null"),
        ("a:\n  ~: 3", 2, "~"),
        ("yes: 3", 1, "yes"),
        ("a: {off: 1}", 1, "off"),
        ("1.5: a", 1, "1.5"),
        ("? [1, 2]\n: 3", 1, "a list or mapping"),
        ("? {a: 1}\n: 3", 1, "a list or mapping"),
    ],
)
def test_a_name_that_is_no_text_is_refused_and_quotes_help(text: str, line: int, name: str) -> None:
    with pytest.raises(DataError, match=f"^line {line}: the name {re.escape(name)} is no text; put it in quotes$"):
        parse_yaml(text)


def test_names_in_quotes_and_merged_mappings_are_read() -> None:
    assert parse_yaml("{'1': {}, 'null': 2}") == {"1": {}, "null": 2}
    assert parse_yaml("a: &a {b: 1}\nc: {<<: *a, d: 2}") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}


@pytest.mark.parametrize("changed", ["  1: {}", "  null: {}", "  a: {null: 3}", "  a: {5: 3}", "  yes: {}"])
def test_a_table_with_such_names_is_an_error_of_its_file(changed: str, tmp_path) -> None:
    text = f"title: t\nbase: clutter.yaml\nreference: a\nseeds: [0]\narms:\n{changed}\n"
    (tmp_path / "table.yaml").write_text(text)
    with pytest.raises(RegardError, match=r"table\.yaml: line 6: the name .* is no text"):
        open_table(str(tmp_path / "table.yaml"))
