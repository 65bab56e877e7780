"""Which of the processes of one training this is: the launcher's rank under several processes, 0 in a single one.

A batch job sets variables of its scheduler (``SLURM_PROCID``, ``RANK``, ``OMPI_...``) also for programs that are alone.
They count only where the recipe asks for several processes, `train.devices` times `train.nodes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.lsf import LSFEnvironment
from lightning_fabric.plugins.environments.mpi import MPIEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.utilities.rank_zero import rank_zero_only

from regard.training.recipe import Recipe
from regard.types import RegardError

_LAUNCHERS = (TorchElasticEnvironment, SLURMEnvironment, LSFEnvironment, MPIEnvironment)
"""In the order in which Lightning asks."""


def processes(recipe: Recipe) -> int:
    """Processes that train the recipe."""
    return recipe.train.devices * recipe.train.nodes


def cluster(recipe: Recipe) -> ClusterEnvironment:
    """Who starts the processes of the recipe and numbers them: Lightning itself, or the launcher that started this one.

    Raises:
        RegardError: the launcher started another number of processes, or its variables are incomplete.
    """
    launcher = next((kind for kind in _LAUNCHERS if processes(recipe) > 1 and kind.detect()), None)
    if launcher is None:
        return LightningEnvironment()
    t, name = recipe.train, launcher.__name__.removesuffix("Environment")
    asked = f"train.devices {t.devices} times train.nodes {t.nodes} asks for {processes(recipe)} processes"
    try:
        environment = launcher()
        started, _ = environment.world_size(), environment.global_rank()
    except (KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise RegardError(
            f"{asked}, and the variables of {name} in the environment do not number them ({reason}); start each by "
            f"the launcher, such as srun --nodes={t.nodes} --ntasks-per-node={t.devices}"
        ) from None
    if started != processes(recipe):
        raise RegardError(
            f"{asked}, and {name} started {started}; start {t.devices} on each of {t.nodes} (srun --nodes={t.nodes} "
            f"--ntasks-per-node={t.devices}), or set --train.devices and --train.nodes to what was started"
        )
    return environment


def process_rank(recipe: Recipe) -> int:
    """Which process of the recipe's training this is; 0 in a single one, whatever the environment says.

    Raises:
        RegardError: as `cluster`.
    """
    if processes(recipe) <= 1:
        return 0
    environment = cluster(recipe)
    if isinstance(environment, LightningEnvironment):
        return environment.node_rank() * recipe.train.devices + environment.local_rank()
    return environment.global_rank()


@contextmanager
def numbered(recipe: Recipe) -> Iterator[None]:
    """In the block Lightning's writers, which take their rank from the environment on import, have that of the recipe.

    Without it a run alone in a job whose ``SLURM_PROCID`` is 2 would write no logs.
    """
    writers: Any = rank_zero_only
    before = writers.rank
    writers.rank = process_rank(recipe)
    try:
        yield
    finally:
        writers.rank = before
