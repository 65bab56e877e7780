"""docs/cluster.md: its batch script, with stand-ins for Slurm and Ray, and its numbers."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.test_docs_tokens import short

from regard.cli import _parser

PAGE = Path(__file__).resolve().parents[1] / "docs/cluster.md"
SCRIPT = re.search(r"^```text\n(#!/bin/bash.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def stand_in(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/bash\n{body}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(("gpus", "told"), [("4", "--num-gpus=4"), (None, "--num-gpus=0")])
def test_the_batch_script_starts_ray_on_every_node_and_the_table_on_the_first(
    gpus: str | None, told: str, tmp_path: Path
) -> None:
    assert SCRIPT is not None
    job = {"SLURM_JOB_NODELIST": "node[7-8]", "SLURM_JOB_NUM_NODES": "2", "SLURM_CPUS_PER_TASK": "16"}
    job |= {} if gpus is None else {"SLURM_GPUS_ON_NODE": gpus}
    stand_in(tmp_path, "scontrol", 'test "$*" = "show hostnames node[7-8]" && printf "node7\\nnode8\\n"')
    stand_in(tmp_path, "srun", 'test "$1 $2" = "--nodes=2 --ntasks=2" && shift 2 && for _ in 1 2; do "$@"; done')
    stand_in(tmp_path, "ray", f'echo "$@" >> {tmp_path}/ray.txt')
    (tmp_path / "job.sh").write_text(SCRIPT[1])
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"} | job
    subprocess.run(["bash", tmp_path / "job.sh"], env=environment, check=True)
    first, second = (tmp_path / "ray.txt").read_text().splitlines()
    assert first == second
    ray, _, command = first.partition(" -- ")
    assert ray == f"symmetric-run --address node7:6379 --min-nodes 2 --num-cpus=16 {told}"
    options, _ = _parser().parse_known_args(command.split()[1:])
    assert (options.address, options.gpus, options.workers) == ("auto", 1.0, None)


def test_the_batch_script_ends_where_the_nodes_are_not_known(tmp_path: Path) -> None:
    assert SCRIPT is not None
    stand_in(tmp_path, "scontrol", "exit 1")
    stand_in(tmp_path, "srun", f"touch {tmp_path}/started")
    (tmp_path / "job.sh").write_text(SCRIPT[1])
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "SLURM_JOB_NODELIST": "n"}
    assert subprocess.run(["bash", tmp_path / "job.sh"], env=environment, check=False).returncode != 0
    assert not (tmp_path / "started").exists()


def test_the_grid_survives_kills_as_recorded() -> None:
    record = json.loads((PAGE.parents[1] / "results" / "grid_kills.json").read_text())
    values, text = record["values"], " ".join(PAGE.read_text(encoding="utf-8").split())
    assert not record["dirty"]
    assert (values["different"], values["processes_left"]) == ([], 0)
    killed = values["killed"]
    assert sum(killed.values()) >= 20
    assert f"a table of {values['cells']} cells" in text
    assert f"killed {sum(killed.values())} times at random moments ({killed['worker']} times a worker, " in text
    assert f"{killed['node']} times Ray's own process, {killed['driver']} times the command" in text
    empty = values["empty_grid"]
    assert (
        f"starts in {empty['start_seconds']:.1f} s, an empty cell costs {short(empty['seconds_a_cell'], 3)} s" in text
    )
