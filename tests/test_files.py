import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from regard.files import atomic_path, write_arrays, write_atomically, write_json
from regard.types import RegardError


def full(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_replaces_the_old_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")
    assert write_atomically(file, b"new") == file
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


def test_text_is_utf8_without_changed_line_ends(tmp_path: Path) -> None:
    assert write_atomically(str(tmp_path / "a.csv"), "é\r\n").read_bytes() == b"\xc3\xa9\r\n"
    assert write_atomically(tmp_path / "b.bin", memoryview(b"\x00\x01")).read_bytes() == b"\x00\x01"


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RegardError, match=r"report\.html: cannot be written \(No space left.*3 bytes free"):
        write_atomically(file, b"new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="nowhere"):
        write_atomically(tmp_path / "nowhere" / "a.png", b"")


def test_missing_folders_are_made_on_request(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "b" / "c.json", {"x": 1}, parents=True)
    assert (tmp_path / "a" / "b" / "c.json").read_text() == '{\n "x": 1\n}\n'


def test_json_has_no_nan_and_the_old_file_stays(tmp_path: Path) -> None:
    file = write_json(tmp_path / "a.json", [1.5], indent=None)
    with pytest.raises(ValueError, match="JSON"):
        write_json(file, [float("nan")])
    assert file.read_text() == "[1.5]\n"


def test_arrays_come_back_and_objects_are_refused(tmp_path: Path) -> None:
    file = write_arrays(tmp_path / "a.npz", {"x": np.arange(3)})
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(file, {"x": np.array([{}], dtype=object)})
    with np.load(file, allow_pickle=False) as arrays:
        assert arrays["x"].tolist() == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_an_error_within_the_block_keeps_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    file = write_atomically(tmp_path / "a.txt", "old")

    def write() -> None:
        with atomic_path(file) as part:
            part.write_text("half")
            assert part.parent == tmp_path
            raise error

    with pytest.raises(RegardError if error is OSError else error):
        write()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_file_and_folder_are_synced_in_this_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        if synced[-1] == "folder":
            assert (tmp_path / "a.txt").read_text() == "new"
        fsync(handle)

    monkeypatch.setattr("os.fsync", watched)
    write_atomically(tmp_path / "a.txt", "new")
    assert synced == ["file", "folder"]


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_permissions_follow_the_umask_or_the_old_file(tmp_path: Path) -> None:
    file = write_atomically(tmp_path / "a.txt", "new")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    file.chmod(0o604)
    assert stat.S_IMODE(write_atomically(file, "newer").stat().st_mode) == 0o604


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RegardError, match=r"a\.txt: cannot be written \(Permission denied\).*may be written to"):
            write_atomically(tmp_path / "a.txt", "new")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_in_the_files_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="Is a directory"):
        write_atomically(tmp_path, "new")


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    target = write_atomically(tmp_path / "other" / "target.txt", "old")
    link = tmp_path / "link.txt"
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_device_is_written_directly() -> None:
    write_atomically("/dev/null", "new")
    assert Path("/dev/null").is_char_device()


def test_many_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    file = write_atomically(tmp_path / "a.txt", "0" * 100_000)
    contents = {str(k) * 100_000 for k in range(10)}

    def write_and_read(k: int) -> str:
        write_atomically(file, str(k) * 100_000)
        return file.read_text()

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(write_and_read, [k % 10 for k in range(80)]))
    assert seen <= contents
    assert list(tmp_path.iterdir()) == [file]


def test_two_processes_write_one_file(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    code = (
        "import sys; from regard.files import write_atomically\n"
        "for _ in range(50): write_atomically(sys.argv[1], sys.argv[2] * 200_000)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [subprocess.Popen([sys.executable, "-c", code, str(file), letter], env=environment) for letter in "ab"]
    while any(writer.poll() is None for writer in writers):
        if file.exists():
            text = file.read_text()
            assert text in ("a" * 200_000, "b" * 200_000)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert list(tmp_path.iterdir()) == [file]


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    file = write_atomically(tmp_path / "a.txt", "old")
    code = (
        "import os, signal, sys; from regard.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as part:\n"
        "    part.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", code, str(file)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert file.read_text() == "old"
    assert [path.suffix for path in tmp_path.iterdir() if path != file] == [".part"]
    write_atomically(file, "new")
    assert file.read_text() == "new"
