"""One owner per output folder: who comes second is told who writes; an owner that died blocks nobody."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from regard.cli import main
from regard.owner import OWNER_FILE, owned, owns
from regard.types import RegardError

HOLD = """
import sys
from regard.owner import owned
with owned(sys.argv[1]):
    print("mine", flush=True)
    sys.stdin.readline()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that owns the folder until its input ends."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], text=True, env=environment, **pipes)
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_second_process_is_told_who_the_first_is(tmp_path: Path) -> None:
    first = holder(tmp_path / "out")
    try:
        with pytest.raises(
            RegardError, match=rf"out is in use: process {first.pid} on .* since 20.*; wait .* --out NEW"
        ):
            owned(tmp_path / "out").__enter__()
        content = json.loads((tmp_path / "out" / OWNER_FILE).read_text())
        assert content["pid"] == first.pid
        assert content["command"].startswith("-c ")
    finally:
        end(first)


@pytest.mark.parametrize("way", ["killed", "ended"])
def test_after_the_first_the_folder_is_free(way: str, tmp_path: Path) -> None:
    first = holder(tmp_path / "out")
    (tmp_path / "out" / "result.json").touch()
    if way == "killed":
        end(first)
        assert (tmp_path / "out" / OWNER_FILE).exists()
    else:
        first.communicate("\n")
        assert first.returncode == 0
    with owned(tmp_path / "out"):
        assert json.loads((tmp_path / "out" / OWNER_FILE).read_text())["pid"] == os.getpid()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["result.json"]


def test_many_who_wait_in_turn_never_hold_it_together(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from regard.errors import RegardError\n"
        "from regard.owner import owned\n"
        "done = 0\n"
        "while done < 10:\n"
        "    try:\n"
        "        with owned(sys.argv[1]):\n"
        "            (Path(sys.argv[1]) / 'inside').touch(exist_ok=False)\n"
        "            time.sleep(.001)\n"
        "            (Path(sys.argv[1]) / 'inside').unlink()\n"
        "            done += 1\n"
        "    except RegardError: pass\n"
    )
    (tmp_path / "out").mkdir()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=120)[1] for process in processes] == [""] * 4
    assert list((tmp_path / "out").iterdir()) == []


def test_folders_that_were_made_for_nothing_are_removed(tmp_path: Path) -> None:
    with owned(tmp_path / "a" / "b"):
        pass
    assert list(tmp_path.iterdir()) == []
    with owned(tmp_path / "a" / "b") as folder:
        (folder / "x").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["x"]


def test_the_owner_may_own_it_again_and_folders_inside_are_others(tmp_path: Path) -> None:
    with owned(tmp_path), owned(tmp_path / "twin"), owned(tmp_path):
        assert (tmp_path / "twin" / OWNER_FILE).exists()
    assert list(tmp_path.iterdir()) == []
    with owned(tmp_path):
        pass


def test_another_thread_of_the_process_is_refused(tmp_path: Path) -> None:
    said: list[str] = []

    def second() -> None:
        try:
            with owned(tmp_path):
                said.append("owned")
        except RegardError as error:
            said.append(str(error))

    with owned(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(said) == 1
    assert "another thread of this process" in said[0]


def test_a_function_without_a_folder_owns_none(tmp_path: Path) -> None:
    @owns("out")
    def work(x: int, out: Path | None = None) -> tuple[int, bool]:
        return x, out is not None and (out / OWNER_FILE).exists()

    assert work(1) == (1, False)
    assert work(2, tmp_path) == (2, True)
    assert work(x=3, out=tmp_path) == (3, True)


def test_what_dead_writers_left_is_removed_and_living_ones_keep_theirs(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from regard.files import atomic_path\n"
        "with atomic_path(sys.argv[1], parents=True) as part:\n"
        "    part.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for name in ("a.json", "deep/er/b.npz", "no-dots"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], env=environment, check=False)
    assert len(list(tmp_path.rglob("*.part"))) == 3
    from regard.files import atomic_path

    (tmp_path / "own.part").touch()
    with atomic_path(tmp_path / "c.json") as living:
        with owned(tmp_path):
            assert sorted(tmp_path.rglob("*.part")) == sorted([living, tmp_path / "own.part"])
        living.write_text("whole")
    assert (tmp_path / "c.json").read_text() == "whole"


@pytest.mark.parametrize("place", ["a file", "a file above"])
def test_a_place_that_cannot_be_a_folder_is_named(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" if place == "a file" else tmp_path / "file" / "out"
    with pytest.raises(RegardError, match=r"file.*cannot be made a folder"), owned(folder):
        pass


def test_a_disk_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("regard.owner.FileLock.acquire", full)
    with pytest.raises(RegardError, match=r"cannot be written \(No space left on device\)"), owned(tmp_path):
        pass


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("train --runs {0} --name out --quiet --no-evaluation", "--name"),
        ("judge --model resnet18 --data {0} --out {0}/out", "--out"),
        ("score --maps {0} --fixations {0}/gaze.csv --images {0} --out {0}/out", "--out"),
        ("evaluate {0}/out", "--out"),
        ("shift --run {0} --out {0}/out", "--out"),
        ("transfer --run {0} --data digits --out {0}/out", "--out"),
        ("explain {0}/a.png --model {0}/net --out {0}/out", "--out"),
    ],
)
def test_every_command_that_writes_a_folder_has_one_owner(
    command: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if command.startswith("explain"):
        from regard.models import AttentiveClassifier

        AttentiveClassifier("compact", 3, input_size=(16, 16)).save_pretrained(tmp_path / "net")
    first = holder(tmp_path / "out")
    try:
        assert main([word.format(tmp_path) for word in command.split()]) == 2
        error = capsys.readouterr().err
        assert f"out is in use: process {first.pid} on " in error
        assert f"give {option} NEW" in error
    finally:
        end(first)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [OWNER_FILE]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_asked_to_end_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    """The command is `regard`, its work is to wait in an owned folder with a file half written."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from regard.cli.boundary import guarded; from regard.files import atomic_path\n"
        "from regard.owner import owned\n"
        "def work():\n"
        "    with owned(sys.argv[1]), atomic_path(Path(sys.argv[1]) / 'a.json') as part:\n"
        "        part.write_text('half'); print('ready', flush=True)\n"
        "        while True: time.sleep(.05)\n"
        "sys.exit(guarded(work, goes_on=True))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env=environment,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # under nohup it would be ignored, as it should be
        **pipes,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert error.startswith("regard: ")
    assert error.count("\n") == 1
    assert "the same command goes on" in error
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    from regard.processes import terminable

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminable():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert callable(signal.getsignal(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


CHILD = """
import sys, time
from regard.processes import die_with_parent
die_with_parent()
print("child", flush=True)
time.sleep(120)
"""
PARENT = """
import os, subprocess, sys
from regard.processes import start_child
child = start_child([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("way", ["killed", "ended"])
def test_a_child_ends_with_its_parent(way: str) -> None:
    from regard.processes import start_time

    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", PARENT, CHILD]
    parent = subprocess.Popen(command, text=True, env=environment, **pipes)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    begun = start_time(child)
    assert begun is not None
    if way == "killed":
        parent.kill()
    parent.communicate("\n" if way == "ended" else None, timeout=30)
    for _ in range(200):
        if start_time(child) != begun:
            return
        threading.Event().wait(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child outlived its parent")
