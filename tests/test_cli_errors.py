"""The boundary of the command line: bad input is exit 2 and one line, a fault of regard exit 70, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.cli import main
from regard.models import AttentiveClassifier

ESCAPE = "\x1b]0;owned\x07"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a saved model ``m`` and a picture ``a.png``."""
    folder = tmp_path_factory.mktemp("errors")
    AttentiveClassifier("compact", 2, at="stage1", input_size=(16, 16)).save_pretrained(folder / "m")
    Image.fromarray(np.arange(768, dtype=np.uint8).reshape(16, 16, 3)).save(folder / "a.png")
    (folder / "file").write_text("a file")
    (folder / "images").mkdir()
    for name in "ab":
        Image.new("L", (8, 8)).save(folder / f"images/{name}.png")
    (folder / "maps").mkdir()
    np.save(folder / "maps/a.npy", np.arange(64.0).reshape(8, 8))
    (folder / "gaze.csv").write_text("image,x,y\na.png,1,2\n")
    return folder


EXPLAIN = ("explain", "a.png", "--model", "m")
TRAIN = ("train", "--quiet", "--no-evaluation")
BAD = {
    "a misspelt device": ([*EXPLAIN, "--device", "banana"], "device 'banana'"),
    "a device in capitals": ([*EXPLAIN, "--device", "CPU:0:0"], "device 'CPU:0:0'"),
    "an empty device": ([*EXPLAIN, "--device", ""], "device ''"),
    "a device that is not there": ([*EXPLAIN, "--device", "cuda:77"], "device 'cuda:77'"),
    "a device without values": ([*EXPLAIN, "--device", "meta"], "device 'meta'"),
    "an option that is no number": (
        [*EXPLAIN, "--method", "rise", "--option", "rise.samples=abc"],
        "rise.*samples.*abc",
    ),
    "an option that cannot be parsed": ([*EXPLAIN, "--option", "rise.samples=[1"], r"--option rise\.samples=\[1"),
    "an option that is a list": ([*EXPLAIN, "--method", "rise", "--option", "rise.samples=[1]"], "rise.*samples"),
    "an option below its range": ([*EXPLAIN, "--method", "rise", "--option", "rise.samples=-3"], "rise.*samples.*-3"),
    "an output that is a file": ([*EXPLAIN, "--out", "file"], "file: cannot be made a folder"),
    "an output below a file": ([*EXPLAIN, "--out", "file/below"], "file/below: cannot be made a folder"),
    "a judgement into a file": (
        ["judge", "--model", "m", "--data", "images", "--images", "2", "--out", "file"],
        "file",
    ),
    "a report of a file": (["report", "file"], "file"),
    "runs in a file": ([*TRAIN, "--runs", "file"], "file"),
    "no weights": (["explain", "a.png", "--model", "resnet18", "--weights", "file"], "file"),
    "a folder as weights": (["explain", "a.png", "--model", "resnet18", "--weights", "images"], "images"),
    "a model that is a file": (["explain", "a.png", "--model", "file"], "file"),
    "a recipe that is a folder": ([*TRAIN, "--recipe", "images"], "images"),
    "a recipe that is a picture": ([*TRAIN, "--recipe", "a.png"], "a.png"),
    "a device of a judgement": (["judge", "--model", "m", "--data", "images", "--device", "gpu0"], "gpu0"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_exit_2_and_names_what_is_wrong(place, monkeypatch, capsys, what):
    import re

    monkeypatch.chdir(place)
    arguments, named = BAD[what]
    assert main([str(word) for word in arguments]) == 2
    captured = capsys.readouterr()
    assert re.search(named, captured.err)
    assert captured.err.lstrip().startswith("regard: ")
    assert "Traceback" not in captured.err


def test_a_device_that_torch_knows_and_the_machine_lacks_lists_the_usable_ones(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert main([*EXPLAIN, "--device", "xpu"]) == 2
    assert "cannot be used on this machine" in (err := capsys.readouterr().err)
    assert "here: cpu" in err


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_fault_of_regard_says_how_to_report_it(monkeypatch, capsys, debug, where):
    def broken(*_):
        raise ZeroDivisionError("a \x1b[31mfault")

    monkeypatch.setattr("regard.report.write_report", broken)
    monkeypatch.setattr("pathlib.Path.is_file", lambda self: True)
    words = ["report", "x"]
    if debug:
        words = ["--debug", *words] if where == "before" else [*words, "--debug"]
    assert main(words) == 70
    err = capsys.readouterr().err
    assert "ZeroDivisionError: a \\x1b[31mfault. This is a fault of regard" in err
    assert "not of your input. Please report it" in err
    assert ("Traceback" in err) is debug
    assert "broken" in err or not debug


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (MemoryError(), 2, "not enough memory"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate"),
            2,
            "not enough memory",
        ),
        (PermissionError(13, "Permission denied", "/x/y"), 2, "/x/y: Permission denied; check"),
        (OSError(28, "No space left on device"), 2, "No space left on device; check"),
        (OSError("no number"), 70, "OSError: no number"),
        (RuntimeError("shapes do not fit"), 70, "RuntimeError: shapes do not fit"),
        (AssertionError(), 70, "AssertionError"),
        (RecursionError("deep"), 70, "RecursionError"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_which_errors_are_of_the_input(monkeypatch, capsys, error, code, says):
    def broken(*_):
        raise error

    monkeypatch.setattr("regard.cli.report._write_pages", broken)
    assert main(["report", "x"]) == code
    assert says in capsys.readouterr().err


def test_names_reach_the_terminal_escaped(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name = f"a{ESCAPE}.png"
    Image.fromarray(np.arange(768, dtype=np.uint8).reshape(16, 16, 3)).save(tmp_path / name)
    (tmp_path / f"b{ESCAPE}.png").write_text("no picture")
    assert main(["explain", name, f"b{ESCAPE}.png", "--model", str(place / "m"), "--out", f"o{ESCAPE}"]) == 1
    captured = capsys.readouterr()
    for text in (captured.out, captured.err):
        assert "\\x1b]0;owned\\x07" in text
        assert "\x1b" not in text
        assert "\x07" not in text
    assert json.loads((tmp_path / f"o{ESCAPE}/explained.json").read_text())[0]["image"] == name


def test_columns_and_images_of_a_table_reach_the_terminal_escaped(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "i").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "i/a.png")
    (tmp_path / "g.csv").write_text(f"image,x{ESCAPE},y\na.png,1,2\n")
    assert main(["score", "--maps", "i", "--fixations", "g.csv", "--images", "i"]) == 2
    (tmp_path / "h.csv").write_text(f"image,x,y\nb{ESCAPE}.png,1,2\n")
    assert main(["score", "--maps", "i", "--fixations", "h.csv", "--images", "i"]) == 2
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "\x07" not in captured.out + captured.err
    assert captured.err.count("owned") == 2


def test_a_name_that_is_no_utf_8_is_printed(place, tmp_path):
    path = tmp_path / os.fsdecode(b"b\xff.png")
    path.write_bytes(b"no picture")
    command = [
        sys.executable,
        "-m",
        "regard",
        "explain",
        path,
        "--model",
        str(place / "m"),
        "--out",
        str(tmp_path / "o"),
    ]
    done = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "utf-8"}, check=False)
    assert done.returncode == 1
    assert b"b\\udcff.png: not an image" in done.stderr


def test_output_that_nobody_reads_is_no_error(place):
    command = f"{sys.executable} -m regard data list | head -c 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_printed_tables_keep_colours_and_escape_names():
    from io import StringIO

    from rich.table import Table
    from rich.text import Text

    from regard.report import Terminal

    out = StringIO()
    table = Table()
    table.add_column(Text(f"c{ESCAPE}"))
    table.add_row(Text(f"r{ESCAPE}", style="bold red"))
    terminal = Terminal(file=out, force_terminal=True, width=80, color_system="standard")
    terminal.print(table)
    terminal.print(f"plain{ESCAPE}\nsecond line", highlight=False)
    text = out.getvalue()
    assert "\x1b]0" not in text
    assert "\x07" not in text
    assert "\x1b[1;31m" in text
    assert "second line\n" in text
    assert "plain\\x1b]0;owned" in text, "rich leaves out the bell itself"


def test_errors_of_the_parser_are_escaped(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["explain", "a.png", "--model", "m", f"--{ESCAPE}"])
    assert stopped.value.code == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_read_only_folder_is_named(place, tmp_path, monkeypatch, capsys):
    locked = tmp_path / "locked"
    locked.mkdir()
    if os.geteuid() == 0:
        real = Path.mkdir

        def mkdir(self, *args, **options):
            if "locked" in self.parts:
                raise PermissionError(13, "Permission denied", str(self))
            return real(self, *args, **options)

        monkeypatch.setattr(Path, "mkdir", mkdir)
    locked.chmod(0o500)
    monkeypatch.chdir(place)
    for arguments in ([*EXPLAIN, "--out"], [*TRAIN, "--runs"]):
        assert main([*arguments, str(locked / "out")]) == 2
        assert "locked/out" in (err := capsys.readouterr().err)
        assert "Permission denied" in err
