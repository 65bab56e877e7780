"""The linter contract finds an import past a face, and only that."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
[importlinter]
root_package = house
contract_types =
    face: tools.import_contract.FaceContract

[importlinter:contract:face]
name = A room is imported through its face
type = face
root = house
"""


def lint(folder: Path, statement: str) -> subprocess.CompletedProcess[str]:
    """Runs the contract on a package of two subpackages; the second imports the first by ``statement``."""
    files = {
        "__init__.py": "",
        "types.py": "class Map: ...",
        "low/__init__.py": "from house.low.shape import shape",
        "low/shape.py": "def shape(): ...",
        "low/inner/__init__.py": "from house.low.inner.deep import deep",
        "low/inner/deep.py": "from house.low.shape import shape\n\ndef deep(): ...",
        "high/__init__.py": "",
        "high/user.py": statement,
    }
    for name, text in files.items():
        file = folder / "house" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / ".importlinter").write_text(CONFIG)
    program = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{ROOT}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "statement",
    [
        "from house.low import shape",  # a function that has its module's name
        "from house.low.inner import deep",
        "from house.low import (\n    shape,\n)",
        "from house.types import Map",
    ],
)
def test_a_face_may_be_imported(tmp_path: Path, statement: str) -> None:
    done = lint(tmp_path, statement)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("from house.low.shape import shape", 1),
        ("import house.low.shape", 1),
        ("def late():\n    from house.low.inner.deep import deep\n", 2),
    ],
)
def test_a_module_inside_another_room_may_not(tmp_path: Path, statement: str, line: int) -> None:
    done = lint(tmp_path, statement)
    assert done.returncode == 1
    assert f"house.high.user, line {line}: imports from house.low." in done.stdout.replace("\n", " ")
