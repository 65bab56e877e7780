"""A scheduler's variables change nothing where one process trains, and number the processes where several do."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric.utilities import rank_zero
from tests.training.tiny import metrics, tiny, weights

from regard.owner import owned
from regard.training import load_run, process_rank, save_recipe, train
from regard.types import RegardError

JOBS = {
    "Slurm tasks": {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"},
    "Slurm's third task": {
        "SLURM_JOB_ID": "7",
        "SLURM_NTASKS": "4",
        "SLURM_NTASKS_PER_NODE": "4",
        "SLURM_PROCID": "2",
        "SLURM_LOCALID": "2",
        "SLURM_NODEID": "0",
        "SLURM_NODELIST": "nowhere[1-4]",
        "SLURM_NNODES": "4",
    },
    "a Slurm task": {"SLURM_PROCID": "2"},
    "PMI": {"PMI_RANK": "1", "PMI_SIZE": "2", "PMI_FD": "6", "PMIX_RANK": "1", "PMIX_NAMESPACE": "job"},
    "Open MPI": {"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_RANK": "3"},
    "torchrun": {
        "TORCHELASTIC_RUN_ID": "none",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "RANK": "1",
        "LOCAL_RANK": "1",
        "GROUP_RANK": "0",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "192.0.2.1",
        "MASTER_PORT": "1",
    },
    "LSF": {"LSB_JOBID": "3", "LSB_DJOB_RANKFILE": "/nowhere", "JSM_NAMESPACE_RANK": "1", "JSM_NAMESPACE_SIZE": "2"},
}
ALL = {name: value for job in JOBS.values() for name, value in job.items()}
KNOWN = ("SLURM_", "PMI", "OMPI_", "TORCHELASTIC_", "LSB_", "JSM_")
RANKS = (
    "RANK",
    "LOCAL_RANK",
    "GROUP_RANK",
    "NODE_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
)


@pytest.fixture(autouse=True)
def no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what the tests themselves may run in."""
    for name in os.environ:
        if name.startswith(KNOWN) or name in RANKS:
            monkeypatch.delenv(name)


def in_job(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process that starts with these: Lightning takes its rank from them when it is imported."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rank_zero.rank_zero_only, "rank", rank_zero._get_rank() or 0)


def content(folder: Path) -> tuple[list[str], list[dict[str, Any]], dict[str, torch.Tensor]]:
    """Of a run's folder: its files, its journal, its weights."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return files, metrics(folder), weights(folder)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny(), tmp_path_factory.mktemp("undisturbed") / "run", quiet=True)


@pytest.mark.parametrize("job", [*JOBS, "all together"])
def test_a_single_process_is_alone_in_every_job(
    job: str, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = JOBS.get(job, ALL)
    in_job(variables, monkeypatch)
    before, rank = dict(os.environ), rank_zero.rank_zero_only.rank
    folder = train(tiny(), tmp_path / "run", quiet=True)
    files, journal, learned = content(folder)
    expected = content(undisturbed)
    assert "logs/metrics.csv" in files
    assert (files, journal) == expected[:2]
    assert all(torch.equal(learned[name], value) for name, value in expected[2].items())
    assert dict(os.environ) == before
    assert rank_zero.rank_zero_only.rank == rank, "the caller's own Lightning keeps its rank"


def test_every_process_of_a_job_asks_for_the_folder(tmp_path: Path) -> None:
    program = "import sys; from regard.owner import owned; owned(sys.argv[1]).__enter__()"
    with owned(tmp_path / "run"):
        command = [sys.executable, "-c", program, str(tmp_path / "run")]
        done = subprocess.run(command, env=os.environ | ALL, capture_output=True, text=True, check=False)
    assert f"is in use: process {os.getpid()}" in done.stderr


@pytest.mark.parametrize(
    ("variables", "rank"),
    [
        ({}, 0),
        ({"LOCAL_RANK": "1"}, 1),
        ({"NODE_RANK": "1"}, 2),
        ({"NODE_RANK": "1", "LOCAL_RANK": "1"}, 3),
        ({"SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2", "SLURM_PROCID": "3", "SLURM_JOB_NAME": "regard"}, 3),
        ({"SLURM_NTASKS": "9", "SLURM_PROCID": "3", "SLURM_JOB_NAME": "interactive"}, 0),
        ({"TORCHELASTIC_RUN_ID": "1", "RANK": "2", "LOCAL_RANK": "0", "WORLD_SIZE": "4", "SLURM_PROCID": "1"}, 2),
    ],
)
def test_several_processes_have_the_launchers_rank(
    variables: dict[str, str], rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_job(variables, monkeypatch)
    assert process_rank(tiny(train={"devices": 2, "nodes": 2})) == rank
    assert process_rank(tiny()) == 0


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "4", "SLURM_PROCID": "1"}, "SLURM started 4; start 2 on each"),
        ({"SLURM_NTASKS": "2", "SLURM_PROCID": "1"}, "SLURM in the environment do not number them .*ntasks-per-node=2"),
        ({"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"}, "do not number them .*SLURM_PROCID"),
        ({"TORCHELASTIC_RUN_ID": "1", "RANK": "0", "WORLD_SIZE": "3"}, "TorchElastic started 3"),
    ],
)
def test_a_launcher_that_disagrees_with_the_recipe_is_named(
    variables: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_job(variables, monkeypatch)
    with pytest.raises(RegardError, match=rf"train\.devices 2 times train\.nodes 1 asks for 2 processes.*{message}"):
        train(tiny(train={"devices": 2}), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_command_in_every_job_at_once(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    save_recipe(tiny(twin=True), recipe)
    command = [sys.executable, "-m", "regard", "train", "--recipe", str(recipe), "--quiet", "--no-evaluation", "--runs"]
    for runs, job in (("alone", {}), ("job", ALL)):
        done = subprocess.run(
            [*command, str(tmp_path / runs)], env=os.environ | job, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
    assert content(tmp_path / "alone/tiny")[:2] == content(tmp_path / "job/tiny")[:2]
    assert metrics(tmp_path / "alone/tiny/twin") == metrics(tmp_path / "job/tiny/twin")


@pytest.mark.slow
def test_two_tasks_of_slurm_train_one_run(tmp_path: Path) -> None:
    save_recipe(tiny(train={"devices": 2, "batch_size": 4}), tmp_path / "recipe.yaml")
    command = [sys.executable, "-m", "regard", "train", "--recipe", str(tmp_path / "recipe.yaml"), "--quiet"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    job = {
        "MASTER_PORT": port,
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NODEID": "0",
        "SLURM_NODELIST": "127.0.0.1",
    }
    tasks = [
        subprocess.Popen(
            [*command, "--no-evaluation", "--runs", str(tmp_path / "runs")],
            env=os.environ | job | {"SLURM_JOB_ID": "1071", "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [task.communicate(timeout=300)[1] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], errors
    assert len(metrics(tmp_path / "runs/tiny")) == 1
    assert (tmp_path / "runs/tiny/logs/metrics.csv").exists()
    assert load_run(tmp_path / "runs/tiny").recipe.train.devices == 2
