"""Damaged and made-up files of every kind that regard reads: told on one line, exit 1 or 2, or of no consequence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.damaged import KINDS, damage, write_valid

from regard.cli import main

SETTINGS = settings(
    deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
TEXT = [name for name, kind in KINDS.items() if kind.file.endswith((".json", ".yaml", ".jsonl"))]
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """A folder with one valid file of every kind."""
    place = tmp_path_factory.mktemp("damaged")
    write_valid(place)
    return place


@pytest.fixture
def told(valid, monkeypatch, capfd):
    """Runs a kind's command on some content of its file, which is then as before, and checks how it ends."""
    monkeypatch.chdir(valid)

    def run(name: str, content: bytes) -> int:
        file = Path(KINDS[name].file)
        before = file.read_bytes()
        file.write_bytes(content)
        try:
            code = main(list(KINDS[name].command))
        except SystemExit as end:
            code = int(end.code)
        finally:
            file.write_bytes(before)
        out, err = capfd.readouterr()
        assert code in (0, 1, 2), err
        assert "Traceback" not in out + err
        assert code == 0 or "regard: " in err
        return code

    return run


@pytest.mark.parametrize("name", [name for name in KINDS if name != "recipe"])
def test_the_undamaged_file_is_read(told, valid, name):
    assert told(name, (valid / KINDS[name].file).read_bytes()) == 0


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_told_or_of_no_consequence(told, valid, name):
    content = (valid / KINDS[name].file).read_bytes()
    for seed in range(1, 8, 2):
        told(name, damage(content, seed))


@pytest.mark.parametrize("name", KINDS)
def test_an_empty_file_is_told(told, name):
    assert told(name, b"") in ((0,) if name == "journal" else (0, 2) if name == "table" else (1, 2))


@pytest.mark.parametrize("name", TEXT)
def test_plain_data_of_another_shape_are_told(told, name):
    @SETTINGS
    @given(PLAIN)
    def check(content):
        told(name, json.dumps(content).encode())

    check()


@pytest.mark.parametrize("name", ["png", "map .npy", "maps .npz", "fixations .csv", "model's weights"])
def test_bytes_of_no_kind_are_told(told, name):
    @SETTINGS
    @given(st.binary(min_size=1, max_size=64))
    def check(content):
        assert told(name, content) in (1, 2)

    check()


def test_the_fuzz_run_counts_a_fault(tmp_path):
    """The recorded run can fail: a command that ends by a signal is counted, and the run ends with 1."""
    root = Path(__file__).parent.parent
    script = (
        "import sys, os, signal; sys.path.insert(0, 'benchmarks')\n"
        "import fuzz, regard.cli\n"
        "regard.cli.main = lambda words: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "from pathlib import Path\n"
        "place = Path(sys.argv[1]); (place / 'a.png').write_bytes(b'x')\n"
        "print(fuzz.run_case(place, fuzz.KINDS['png'], b'y')['faults'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["['crash']"]
