"""`regard doctor`: what is missing is told apart from what is broken, and each has its remedy."""

import builtins
import json
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import regard.start.doctor as doctor
from regard.cli import main
from regard.start import Check, diagnose


def found(**options: bool) -> dict[tuple[str, str], Check]:
    return {(check.topic, check.name): check for check in diagnose(**{"self_test": False} | options)}


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Versions that packages claim; None for one that is not installed."""
    claimed: dict[str, str | None] = {}

    def told(name: str) -> str:
        if name not in claimed:
            return version(name)
        if claimed[name] is None:
            raise PackageNotFoundError(name)
        return str(claimed[name])

    monkeypatch.setattr(doctor, "version", told)
    return claimed


def _declared() -> set[str]:
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    return set(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["optional-dependencies"])


def test_what_is_required_is_here() -> None:
    checks = found()
    required = [check for (topic, _), check in checks.items() if topic == "versions"]
    assert {"python", "regard", "torch", "timm", "captum", "pillow"} <= {check.name for check in required}
    assert {check.state for check in required} == {"ok"}
    assert checks["versions", "torch"].found == version("torch")
    assert checks["devices", "cpu"].state == "ok"
    extras = [name for topic, name in checks if topic == "extras"]
    assert extras == sorted(metadata("regard").get_all("Provides-Extra"))  # as installed
    assert {"gaze", "imagenet", "onnx", "tensorboard", "video"} <= set(extras) <= _declared()
    assert "clutter" in checks["data", "generated"].found


@pytest.mark.parametrize(
    ("claimed", "says"),
    [(None, "not installed"), ("1.0", "1.0, but >="), ("2.0.0a1", "2.0.0a1, but >=")],
)
def test_a_package_that_is_required_and_absent_or_old_is_broken(versions, claimed, says) -> None:
    versions["torch"] = claimed
    check = found()["versions", "torch"]
    assert check.state == "broken"
    assert says in check.found
    assert check.remedy.startswith("pip install 'torch>=")


@pytest.mark.parametrize("package", ["torch", "pillow", "jaxtyping"])
def test_a_newer_version_or_one_in_preparation_is_fine(versions, package) -> None:
    versions[package] = "99.0.0rc1"
    assert found()["versions", package] == Check("versions", package, "99.0.0rc1")


@pytest.mark.parametrize(("extra", "package"), [("gaze", "h5py"), ("onnx", "onnxruntime"), ("video", "av")])
def test_an_extra_that_is_absent_has_its_command_and_breaks_nothing(versions, extra, package) -> None:
    versions[package] = None
    check = found()["extras", extra]
    assert (check.state, check.remedy) == ("missing", f"pip install 'regard[{extra}]'")
    assert check.found == f"{package}: not installed"


def test_metadata_that_are_not_installed_are_no_fault(monkeypatch) -> None:
    def absent(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", absent)
    checks = found()
    assert checks["versions", "regard"].state == "missing"
    assert not [name for topic, name in checks if topic == "extras"]


def test_requirements_are_sorted_by_their_extra(monkeypatch) -> None:
    lines = ["a>=1", "b[x]>=2; extra == 'one'", 'c; python_version >= "3" and extra == "two"', "d<3"]
    monkeypatch.setattr(doctor, "requires", lambda _: lines)
    assert doctor._requirements() == {
        "": [Requirement("a>=1"), Requirement("d<3")],
        "one": [Requirement("b[x]>=2")],
        "two": [Requirement("c")],
    }


def test_a_torch_that_cannot_be_imported_is_found_and_the_rest_is_looked_at(monkeypatch) -> None:
    real = builtins.__import__

    def broken(name: str, *rest: object) -> object:
        if name == "torch" or name.startswith(("regard.data", "regard.backbones")):
            raise ImportError("libcudart.so.13: cannot open\nshared object file")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", broken)
    checks = found()
    assert checks["devices", "torch"].state == "broken"
    assert checks["devices", "torch"].found == "cannot be imported: libcudart.so.13: cannot open shared object file"
    assert checks["data", "regard.data"].state == "broken"
    assert any(topic == "folder" for topic, _ in checks)


def test_a_device_that_fails_is_broken(monkeypatch) -> None:
    def fails(name: str) -> None:
        raise RuntimeError("CUDA error: no kernel image")

    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("regard.devices.find_device", fails)
    check = found()["devices", "cuda:0"]
    assert (check.state, check.found) == ("broken", "CUDA error: no kernel image")
    assert "--device cpu" in check.remedy


def test_the_folder_of_data_is_looked_at(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("REGARD_DATA", raising=False)
    assert found()["data", "REGARD_DATA"].state == "ok"
    monkeypatch.setenv("REGARD_DATA", str(tmp_path / "nowhere"))
    assert found()["data", "REGARD_DATA"].state == "broken"
    monkeypatch.setenv("REGARD_DATA", str(tmp_path))
    sets = [name for topic, name in found() if topic == "data"]
    assert sets[-1] == "REGARD_DATA", "an empty folder holds no set"
    monkeypatch.setattr(doctor, "_PATIENCE", -1.0)
    assert "cub" in found()["data", "not opened"].found


def test_a_folder_without_room_or_right_is_broken(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert found()["folder", str(tmp_path)].state == "ok"
    monkeypatch.setattr(doctor, "_ROOM", 2**62)
    assert "another disk" in found()["folder", str(tmp_path)].remedy
    monkeypatch.setattr("os.access", lambda *_: False)
    assert found()["folder", str(tmp_path)].found == "may not be written to"


def test_the_command_trains_explains_and_leaves_nothing(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("REGARD_DATA", raising=False)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "trained, explained (" in out
    assert out.endswith("regard works here\n")
    assert list(tmp_path.iterdir()) == []


def test_the_command_ends_with_1_where_something_is_broken(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGARD_DATA", "/nowhere\x1b[31m")
    assert main(["doctor", "--no-self-test"]) == 1
    captured = capsys.readouterr()
    assert "! REGARD_DATA        /nowhere\\x1b[31m: no such folder" in captured.out
    assert "1 broken: see !" in captured.out
    assert captured.err == "regard: REGARD_DATA: /nowhere\\x1b[31m: no such folder; correct it, or unset REGARD_DATA\n"
    assert main(["doctor", "--no-self-test", "--json"]) == 1
    states = {entry["name"]: entry["state"] for entry in json.loads(capsys.readouterr().out)}
    assert states["REGARD_DATA"] == "broken"
    assert states["torch"] == "ok"


@pytest.mark.parametrize("part", ["regard.training.train", "regard.plot.sheet"])
def test_a_small_run_that_fails_is_broken_and_named(monkeypatch, capsys, part) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no\x07 thing")

    monkeypatch.delenv("REGARD_DATA", raising=False)
    monkeypatch.setattr(part, fails)
    assert main(["doctor"]) == 1
    assert "small run: ZeroDivisionError: no\\x07 thing; regard --debug train --smoke" in capsys.readouterr().err


def test_looking_begins_without_torch() -> None:
    import subprocess

    code = (
        "import sys; from regard.start import diagnose; checks = diagnose(); "
        "print([next(checks).name for _ in range(4)], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("['python', 'regard', 'captum'")
    assert done.stdout.strip().endswith("False")
