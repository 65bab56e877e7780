"""The engine: only this machine can reach what is started; clusters, lost nodes, and what is asked in vain."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.experiments.grid.toys import toy

from regard.experiments.grid import run_grid
from regard.types import RegardError

LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
"""127.0.0.1 as the kernel prints it, the same in IPv6, and ::1."""


def descendants(pid: int) -> set[int]:
    """A process and all that it started."""
    found, parents = {pid}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def listening(pids: set[int]) -> list[str]:
    """Addresses, in the kernel's words, at which processes listen."""
    own = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                own.add(str(link.readlink()))
            except OSError:
                continue
    rows = [row.split() for kind in ("tcp", "tcp6") for row in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
    return [row[1].partition(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_is_started_listens_on_the_loopback_address_only(ray_engine: None, tmp_path: Path) -> None:
    assert run_grid([toy("one")], tmp_path).failed == {}  # a worker listens, too
    addresses = listening(descendants(os.getpid()))
    assert len(addresses) >= 4
    assert set(addresses) <= LOOPBACK


def test_an_address_where_nothing_listens_is_named_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(RegardError, match=rf"address 127.0.0.1:{port}: nothing answers .*leave --address out"):
        run_grid([toy("one")], tmp_path, address=f"127.0.0.1:{port}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["node1", "node1:", ":6379", "ray://node1:10001", "node1:head", ""])
def test_an_address_is_a_host_and_a_port(address: str, tmp_path: Path) -> None:
    with pytest.raises(RegardError, match="give HOST:PORT"):
        run_grid([toy("one")], tmp_path, address=address)


def test_more_than_there_is_is_refused_before_a_cell_starts(ray_engine: None, tmp_path: Path) -> None:
    with pytest.raises(RegardError, match=r"gpus=1000: no machine of the engine has so many; the most that one has is"):
        run_grid([toy("one")], tmp_path, gpus=1000)
    with pytest.raises(RegardError, match=r"gpus=1\.5: give a part of one, such as \.5, or a whole number"):
        run_grid([toy("one")], tmp_path, gpus=1.5)
    with pytest.raises(RegardError, match=r"gpus=-1: give a part"):
        run_grid([toy("one")], tmp_path, gpus=-1)
    with pytest.raises(RegardError, match=r"threads=1000: no machine of the cluster offers so many"):
        run_grid([toy("one")], tmp_path, threads=1000)
    assert not list(tmp_path.iterdir())


def in_python(program: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh process, in which Ray is not started yet."""
    start = (
        "import os, sys, time; from pathlib import Path; from tests.experiments.grid.toys import toy; "
        f"from regard.experiments.grid import read_result, run_grid; place = Path({str(tmp_path)!r})\n"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-c", start + program],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.slow
def test_gpus_are_shared_where_there_are_fewer_than_cells(tmp_path: Path) -> None:
    """Ray is told of two devices, which it counts without touching them."""
    program = """
import ray
from regard.experiments.grid.engine import gpus_of_cell
ray.init(address="local", num_cpus=4, num_gpus=2, include_dashboard=False, log_to_driver=False)
print([gpus_of_cell(ray, asked, workers) for asked, workers in ((None, 1), (None, 2), (None, 3), (0.25, 3), (2, 1))])
cells = [toy(f"arm {i}", work="sleep", seconds=1) for i in range(2)] + [toy("one"), toy("other")]
assert run_grid(cells, place, workers=4).failed == {}
print(sorted(read_result(cell, place).values["CUDA_VISIBLE_DEVICES"] for cell in cells[2:]))
"""
    done = in_python(program, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    parts, devices = done.stdout.splitlines()[-2:]
    assert parts == "[1.0, 1.0, 0.5, 0.25, 2]"
    assert set(eval(devices)) <= {"0", "1"}


@pytest.mark.slow
def test_a_node_that_is_lost_loses_no_cell(tmp_path: Path) -> None:
    program = """
from ray.cluster_utils import Cluster
import threading
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
other = cluster.add_node(num_cpus=1)
cells = [toy(f"arm {i}", work="sleep", seconds=4) for i in range(4)]

def lose():
    while sum((place / cell.path / "begun").exists() for cell in cells) < 2:
        time.sleep(0.1)
    cluster.remove_node(other, allow_graceful=False)

threading.Thread(target=lose).start()
outcome = run_grid(cells, place, workers=None, address=cluster.address)
print(len(outcome.finished), outcome.failed)
"""
    done = in_python(program, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "4 {}"


@pytest.mark.slow
def test_a_cell_that_needs_too_much_memory_fails_with_that_word(tmp_path: Path) -> None:
    program = """
outcome = run_grid([toy("large", work="sleep", seconds=60)], place)
print(outcome.failed)
"""
    done = in_python(program, tmp_path, RAY_memory_usage_threshold="0.01", RAY_memory_monitor_refresh_ms="100")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "memory" in done.stdout
    assert "ended 3 times" in done.stdout
