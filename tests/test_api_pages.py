"""The API pages show every function that has the name of its file: the site would take the file for it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "regard"
FACES = sorted(file for file in PACKAGE.rglob("__init__.py") if file.parent != PACKAGE)


@pytest.mark.parametrize("face", FACES, ids=[str(face.parent.relative_to(PACKAGE)) for face in FACES])
def test_names_of_files_are_listed_apart(face: Path) -> None:
    room = face.relative_to(PACKAGE).parts[0]
    imports = [node for node in ast.parse(face.read_text()).body if isinstance(node, ast.ImportFrom) and node.module]
    shadowed = {
        f"::: {node.module}.{alias.name}"
        for node in imports
        for alias in node.names
        if node.module == f"regard.{'.'.join(face.parent.relative_to(PACKAGE).parts)}.{alias.asname or alias.name}"
    }
    page = ROOT / "docs" / "api" / f"{room}.md"
    if shadowed:
        assert shadowed <= set(page.read_text(encoding="utf-8").splitlines())
