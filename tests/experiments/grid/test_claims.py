"""Claims: one process gets a cell; a dead claim is replaced, a live one is not."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from regard.experiments.grid import claims
from regard.experiments.grid.claims import CellClaim, ClaimWatcher, start_time


def test_one_of_many_processes_gets_the_cell(tmp_path: Path) -> None:
    claims_made: list[CellClaim | None] = []
    barrier = threading.Barrier(8)

    def get() -> None:
        barrier.wait()
        claims_made.append(ClaimWatcher().claim(tmp_path))

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(claim is not None for claim in claims_made) == 1
    assert ClaimWatcher().holder(tmp_path) is not None


def test_a_released_cell_can_be_claimed_again(tmp_path: Path) -> None:
    first = ClaimWatcher().claim(tmp_path)
    assert first is not None
    assert ClaimWatcher().claim(tmp_path) is None
    first.release()
    assert ClaimWatcher().holder(tmp_path) is None
    assert ClaimWatcher().claim(tmp_path) is not None


def test_a_dead_process_loses_its_claim_even_if_its_pid_is_reused(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from regard.experiments.grid.claims import ClaimWatcher; "
        f"ClaimWatcher().claim(Path({str(tmp_path)!r}))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert (tmp_path / "claim-0.json").exists()
    assert ClaimWatcher().holder(tmp_path) is None
    content = json.loads((tmp_path / "claim-0.json").read_text())
    same_number = content | {"pid": os.getpid()}  # our number, another start time
    (tmp_path / "claim-0.json").write_text(json.dumps(same_number))
    assert ClaimWatcher().holder(tmp_path) is None
    second = ClaimWatcher().claim(tmp_path)
    assert second is not None
    assert second.path.name == "claim-1.json"
    second.release()
    assert ClaimWatcher().holder(tmp_path) is None, "the older, dead claim stays dead"


def test_a_claim_of_another_machine_is_dead_only_without_updates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = ClaimWatcher().claim(tmp_path)
    assert claim is not None
    monkeypatch.setattr(claims, "machine", lambda: "another machine")
    watch = ClaimWatcher(stale=0.3)
    assert watch.holder(tmp_path) is not None
    with claim.beating(0.05):
        time.sleep(0.5)
        assert watch.holder(tmp_path) is not None, "it is updated"
        time.sleep(0.2)
        assert watch.holder(tmp_path) is not None
    watch.holder(tmp_path)
    time.sleep(0.4)
    assert watch.holder(tmp_path) is None
    assert ClaimWatcher(stale=0.3).claim(tmp_path) is None, "a new watcher has not waited long enough"
    assert ClaimWatcher(stale=0.3).claim(tmp_path, dead="claim-0.json") is not None, "unless another process has"


def test_only_a_dead_claim_is_named_as_dead(tmp_path: Path) -> None:
    assert ClaimWatcher().dead_claim(tmp_path) == ""
    claim = ClaimWatcher().claim(tmp_path)
    assert claim is not None
    assert ClaimWatcher().dead_claim(tmp_path) == "", "its process runs"
    content = json.loads(claim.path.read_text())
    claim.path.write_text(json.dumps(content | {"begun": "before"}))
    assert ClaimWatcher().dead_claim(tmp_path) == "claim-0.json"
    claim.release()
    assert ClaimWatcher().dead_claim(tmp_path) == ""


def test_an_incomplete_claim_file_is_dead(tmp_path: Path) -> None:
    (tmp_path / "claim-3.json").write_text('{"pid": 1')
    claim = ClaimWatcher().claim(tmp_path)
    assert claim is not None
    assert claim.path.name == "claim-4.json"


def test_processes_that_ended_have_no_start_time() -> None:
    assert start_time(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", ""])
    time.sleep(0.5)
    assert start_time(child.pid) is None, "ended, though its parent has not waited for it"
    child.wait()
    assert start_time(child.pid) is None
