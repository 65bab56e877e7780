"""Packaging: the command runs; the wheel is complete and runs outside the repository."""

import os
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

import regard

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_prints_its_version(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("regard")
    assert run(str(command), "--version", cwd=tmp_path) == f"regard {regard.__version__}\n"


def test_the_module_is_the_command(tmp_path: Path) -> None:
    output = run(sys.executable, "-m", "regard", "--help", cwd=tmp_path)
    assert output.startswith("usage: regard")
    for command in ("train", "evaluate", "explain", "report", "data"):
        assert f"\n    {command} " in output


def test_types_are_shipped() -> None:
    assert files("regard").joinpath("py.typed").is_file()


def test_citation_and_changelog_know_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation), "what the format demands"
    assert citation["version"] == regard.__version__
    assert [r["url"][-10:] for r in citation["references"]] == ["2108.03418", "1906.08764"]
    assert all({"type", "title", "authors"} <= set(r) for r in citation["references"])
    assert f"## [{regard.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_wheel_builds_and_runs_elsewhere(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), cwd=ROOT)
    (wheel,) = tmp_path.glob("regard-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    kept = [p for p in source.rglob("*") if p.is_file() and p.parent.name != "__pycache__"]
    expected = {p.relative_to(source).as_posix() for p in kept}
    assert expected <= names
    assert {"regard/py.typed", "regard/report/template/page.html.j2"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests", "docs")) for name in names)

    place = tmp_path / "elsewhere"
    install = ("-m", "uv", "pip", "install", "--no-deps", "--offline", "--python", sys.executable)
    run(sys.executable, *install, "--target", str(place), str(wheel), cwd=tmp_path)
    path = {"PYTHONPATH": str(place)}
    location = run(sys.executable, "-c", "import regard; print(regard.__file__)", cwd=tmp_path, **path)
    assert Path(location.strip()).is_relative_to(place)
    assert run(str(place / "bin" / "regard"), "--version", cwd=tmp_path, **path) == f"regard {regard.__version__}\n"
