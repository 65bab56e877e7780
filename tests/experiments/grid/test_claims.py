"""Claims: one holder, the dead are succeeded, the living are not."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from regard.experiments.grid import claims
from regard.experiments.grid.claims import Claim, Watch, begun


def test_one_of_many_gets_it(tmp_path: Path) -> None:
    found: list[Claim | None] = []
    barrier = threading.Barrier(8)

    def get() -> None:
        barrier.wait()
        found.append(Watch().claim(tmp_path))

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(claim is not None for claim in found) == 1
    assert Watch().holder(tmp_path) is not None


def test_released_it_is_free(tmp_path: Path) -> None:
    first = Watch().claim(tmp_path)
    assert first is not None
    assert Watch().claim(tmp_path) is None
    first.release()
    assert Watch().holder(tmp_path) is None
    assert Watch().claim(tmp_path) is not None


def test_a_dead_process_is_succeeded_and_its_number_used_again_does_not_revive_it(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from regard.experiments.grid.claims import Watch; "
        f"Watch().claim(Path({str(tmp_path)!r}))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert (tmp_path / "claim-0.json").exists()
    assert Watch().holder(tmp_path) is None
    said = json.loads((tmp_path / "claim-0.json").read_text())
    (tmp_path / "claim-0.json").write_text(json.dumps(said | {"pid": os.getpid()}))  # ours, begun at another time
    assert Watch().holder(tmp_path) is None
    second = Watch().claim(tmp_path)
    assert second is not None
    assert second.path.name == "claim-1.json"
    second.release()
    assert Watch().holder(tmp_path) is None, "the dead one below stays dead"


def test_a_machine_elsewhere_is_dead_only_after_a_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = Watch().claim(tmp_path)
    assert claim is not None
    monkeypatch.setattr(claims, "place", lambda: "another machine")
    watch = Watch(stale=0.3)
    assert watch.holder(tmp_path) is not None
    with claim.beating(0.05):
        time.sleep(0.5)
        assert watch.holder(tmp_path) is not None, "it beats"
        time.sleep(0.2)
        assert watch.holder(tmp_path) is not None
    watch.holder(tmp_path)
    time.sleep(0.4)
    assert watch.holder(tmp_path) is None
    assert Watch(stale=0.3).claim(tmp_path) is None, "who has just come cannot know"
    assert Watch(stale=0.3).claim(tmp_path, dead="claim-0.json") is not None, "unless told"


def test_only_the_dead_are_called_so(tmp_path: Path) -> None:
    assert Watch().dead(tmp_path) == ""
    claim = Watch().claim(tmp_path)
    assert claim is not None
    assert Watch().dead(tmp_path) == "", "its maker lives"
    said = json.loads(claim.path.read_text())
    claim.path.write_text(json.dumps(said | {"begun": "before"}))
    assert Watch().dead(tmp_path) == "claim-0.json"
    claim.release()
    assert Watch().dead(tmp_path) == ""


def test_a_torn_claim_is_dead(tmp_path: Path) -> None:
    (tmp_path / "claim-3.json").write_text('{"pid": 1')
    claim = Watch().claim(tmp_path)
    assert claim is not None
    assert claim.path.name == "claim-4.json"


def test_processes_that_are_gone_or_unburied_have_no_beginning() -> None:
    assert begun(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", ""])
    time.sleep(0.5)
    assert begun(child.pid) is None, "ended, though nobody has asked"
    child.wait()
    assert begun(child.pid) is None
