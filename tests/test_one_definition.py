"""A public name is defined once: no function, class, constant or alias stands in two files of the package."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import regard

PACKAGE = Path(regard.__file__).parent

ALLOWED: dict[str, str] = {}
"""Names that may stand in several files, and why."""

REMAINING: set[str] = set()
"""Names that still stand twice. Take a name out as soon as one definition is left; never add one."""


def public_names(code: str) -> Iterator[str]:
    """What a module defines at its top level, also under a condition, without imports."""
    statements: list[ast.stmt] = list(ast.parse(code).body)
    while statements:
        node = statements.pop()
        targets: list[ast.expr] = []
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            targets = list(node.targets)
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            targets = [node.target]
        elif isinstance(node, (ast.If, ast.Try)):
            statements += [*node.body, *node.orelse]
        while targets:
            target = targets.pop()
            if isinstance(target, (ast.Tuple, ast.List)):
                targets += target.elts
            elif isinstance(target, ast.Name):
                yield target.id


def repeated() -> dict[str, list[str]]:
    """Public names that are defined in several files, and where."""
    files = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in public_names(path.read_text(encoding="utf-8")):
            if not name.startswith("_"):
                files[name].add(str(path.relative_to(PACKAGE)))
    return {name: sorted(where) for name, where in files.items() if len(where) > 1}


def test_a_public_name_is_defined_once() -> None:
    new = {name: where for name, where in repeated().items() if name not in ALLOWED.keys() | REMAINING}
    assert not new, (
        "use the one definition, name each by what it is, or make it private with _ where only one file uses it"
    )


def test_the_list_of_what_remains_shrinks() -> None:
    done = (ALLOWED.keys() | REMAINING) - repeated().keys()
    assert not done, "take these out of REMAINING: each is defined once now"
    assert not ALLOWED.keys() & REMAINING


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("def f(): ...\nasync def g(): ...\nclass C: x = 1", ["f", "g", "C"]),
        ("A = B = 1\nC, (D, E) = x\nF: int = 2\nG: int", ["A", "B", "C", "D", "E", "F", "G"]),
        ("import a\nfrom b import c", []),
        ("if x:\n    A = 1\nelse:\n    B = 2", ["A", "B"]),
        ("a.b = 1\nc[0] = 2", []),
    ],
)
def test_what_counts_as_a_definition(code: str, names: list[str]) -> None:
    assert sorted(public_names(code)) == sorted(names)
