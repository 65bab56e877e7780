"""A run: a folder that holds everything, trained from its recipe or continued from its last checkpoint.

`train` makes one, `train_with_twin` makes one beside its plain control; `regard.training.finished` reads one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from pytorch_lightning import Callback
from pytorch_lightning.loggers import Logger

from regard.backbones import checkpoint_blocks
from regard.data import DataSplits, check_transforms
from regard.files import claim_folder, make_folder, write_atomically
from regard.models import TwoStream
from regard.owner import owned
from regard.processes import start_child
from regard.report import Terminal
from regard.training.batches import Batches
from regard.training.build import (
    build_gaze,
    build_model,
    check_choices,
    plain_start,
    plain_twin,
    resolve_match,
    start_from,
)
from regard.training.checkpoints import BEST, LAST, check_checkpoint
from regard.training.data_record import (
    RunRecord,
    build_data,
    data_of_run,
    read_record,
    record_run,
    write_record,
)
from regard.training.divergence import Diverged, continued_recipe, divergences, with_remedy
from regard.training.engine import Watch, build_trainer, complete_training, silence_engine
from regard.training.finished import LoadedRun, load_checkpoint, load_model
from regard.training.forward import TaskModel
from regard.training.layout import CHECKPOINTS, MODEL, RECIPE, RECORD
from regard.training.map_override import build_override_maps
from regard.training.parsing import dump_recipe, load_recipe, save_recipe
from regard.training.probe import load_probe, start_at_probe
from regard.training.provenance import collect_provenance, seed_everything
from regard.training.ranks import numbered, process_rank, processes
from regard.training.recipe import Recipe
from regard.training.stem_cache import stem_split, stem_splits
from regard.training.task import Task
from regard.training.tasks import TASKS
from regard.types import RegardError

_WANTED = "wanted.yaml"
"""In a twin's folder: its recipe, while it is trained."""
_OPTION = "--name"
"""Of the command line: names another folder."""
_TWIN = "twin"


class PreparedRun:
    """A recipe that is checked, matched and has its folder, once, with the data that it needs, built once.

    Args:
        recipe: of the run.
        folder: of the run; it is made, or must hold a run of the same recipe.
        data: of the recipe, if they are built already.
        record: of data that the run must be trained on, such as those of the other runs of a table.

    Attributes:
        recipe: that which is trained: of the plain network where ``model.match`` asks for one.
        claim: of the folder.
        begun: whether something was learned already, by it or by the plain network that it starts from; from then on
            it keeps its data.

    Raises:
        RegardError: the recipe names a choice that there is not, or the folder holds a run of another recipe.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, data: DataSplits | None = None, *, record: RunRecord | None = None
    ) -> None:
        check_choices(recipe)
        if not (folder / RECORD).exists():  # a finished run is opened, whatever it was trained with
            check_transforms(recipe.augment.transforms)
        if recipe.train.fast_dev_run:
            plain = min(recipe.train.plain_epochs, 1)
            short = replace(recipe.train, epochs=1, plain_epochs=plain, limit_train_batches=1, limit_val_batches=1)
            recipe = replace(recipe, train=replace(short, cache_stem=False))  # a cache would take every image
        self.folder, self.recipe = folder, recipe
        self.begun = any(folder.glob(f"**/{LAST}")) or any(folder.glob(f"**/{RECORD}"))
        own = read_record(folder) if self.begun else None
        beside = read_record(folder.parent) if folder.name == _TWIN and own is None and record is None else None
        self._record = own or record or beside
        if data is not None and own is None and beside is None:
            self.data = data
        if not (folder / RECIPE).exists():
            _ = self.data  # opened before the folder is claimed
        if recipe.model.match is not None:
            self.recipe = resolve_match(recipe, self.data)
        self.recipe = continued_recipe(folder, self.recipe, finished=self.finished)
        self.claim = claim_folder(
            folder,
            RECIPE,
            dump_recipe(self.recipe),
            holds="a run of another recipe",
            option=_OPTION,
            same=lambda path: load_recipe(path) == self.recipe,
        )

    @cached_property
    def data(self) -> DataSplits:
        """The recipe's data; those of a run that was begun are those that it began with."""
        return data_of_run(self.recipe, self.folder) if self.finished else build_data(self.recipe, self._record)

    @cached_property
    def record(self) -> RunRecord:
        """Of the data."""
        return self._record or record_run(self.recipe, self.data)

    def write_record(self) -> None:
        """Writes what the run is trained on, unless it began before."""
        if not self.begun:
            write_record(self.folder, self.record)

    @property
    def nothing_left(self) -> AbstractContextManager[None]:
        """A block whose failure removes a folder that was claimed here, unless it holds a checkpoint by then."""
        return self.claim.undone_on_failure(
            lambda folder: any(True for name in ("*.ckpt", RECORD) for _ in folder.rglob(name))
        )

    @property
    def finished(self) -> bool:
        """Whether the run is trained to its end."""
        return (self.folder / RECORD).exists()

    def open(self) -> LoadedRun[TaskModel]:
        """The finished run."""
        data = data_of_run(self.recipe, self.folder) if self.record.data.copies else self.data
        return LoadedRun(self.recipe, load_model(self.folder, TASKS[self.recipe.task].model), data)


def train(
    recipe: Recipe,
    folder: Path | str,
    *,
    quiet: bool = False,
    verbose: bool = False,
    callbacks: Sequence[Callback] = (),
    loggers: Sequence[Logger | str] = (),
    record: RunRecord | None = None,
) -> Path:
    """Trains a recipe into a folder, or goes on where a killed run stopped; a finished run is left as it is.

    The folder gets ``recipe.yaml``, ``data.json`` (what it is trained on), ``metrics.jsonl``,
    ``checkpoints/``, ``model/`` (Hugging Face form) and, last, ``environment.json``. The plain twin is not trained, and
    nothing is evaluated: `regard train` does both.

    Args:
        recipe: of the run; ``Recipe()`` is a small network with attention on generated images, minutes on a processor.
        folder: of the run.
        quiet: shows no progress: on a terminal a bar, elsewhere a line per epoch and half minute.
        verbose: shows a line for every batch, and what Lightning says.
        callbacks: of Lightning, for your own measurements, called after the run's own. Its `LightningModule` is a
            `regard.training.Task`, whose ``model`` is the network.
        loggers: of Lightning, or names: ``tensorboard``, ``wandb``, ``mlflow``.
        record: of the data that the run must be trained on; by default those that are there now.

    Returns:
        The folder, for `load_run`.

    Raises:
        RegardError: the folder holds a run of another recipe, or training failed.

    Example:
        >>> import tempfile
        >>> from regard.training import DataRecipe, ObjectiveRecipe, Recipe, TrainRecipe, load_run, train
        >>> recipe = Recipe(
        ...     data=DataRecipe(options={"size": 16, "train": 32, "val": 8, "test": 8, "cache": False}),
        ...     objective=ObjectiveRecipe(budget_bits=None, map_budget_bits=None),
        ...     train=TrainRecipe(epochs=1, accelerator="cpu"),
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = load_run(train(recipe, f"{folder}/small", quiet=True))
        >>> run.model.predict(run.data.test.batch([0, 1]).images).shape
        torch.Size([2, 10])
    """
    with owned(folder, option=_OPTION, rank=process_rank(recipe)), numbered(recipe):
        run = PreparedRun(recipe, Path(folder), record=record)
        with run.nothing_left:
            return _train(run, Watch(quiet, callbacks, loggers, verbose))


def train_with_twin(
    recipe: Recipe,
    folder: Path | str,
    *,
    quiet: bool = False,
    verbose: bool = False,
    loggers: Sequence[Logger | str] = (),
    data: DataSplits | None = None,
) -> PreparedRun:
    """Trains a recipe and, where it asks for one, its plain twin in a process of its own.

    On a processor the two share the cores, which is quicker than one after the other on all of them. A twin that fails
    does not lose the run: the error names it, and the same command tries it again. ``data`` are those of the recipe,
    if they are open already; ``loggers`` and ``verbose``, as of `train`, are of the run and not of its twin.

    Raises:
        RegardError: as `train`, or the twin failed.
    """
    with owned(folder, option=_OPTION, rank=process_rank(recipe)), numbered(recipe):
        run = PreparedRun(recipe, Path(folder), data)
        with run.nothing_left:
            _train_both(run, Watch(quiet, loggers=loggers, verbose=verbose))
    return run


def _train_both(run: PreparedRun, watch: Watch) -> None:
    recipe, folder, twin_folder = run.recipe, run.folder, run.folder / _TWIN
    if not recipe.twin or (twin_folder / RECORD).exists():
        (twin_folder / _WANTED).unlink(missing_ok=True)  # of a process that was killed
        _train(run, watch)
        return
    if processes(recipe) > 1:
        _train(run, watch)
        _train(PreparedRun(plain_twin(recipe), twin_folder, run.data, record=run.record), Watch(watch.quiet))
        return
    run.write_record()  # before the twin starts, which takes it
    _train_plain_start(run, quiet=watch.quiet)
    if recipe.train.cache_stem:  # once, so that the two processes do not compute the same files at the same time
        stem_splits(recipe, build_model(recipe, run.data), run.data, quiet=watch.quiet)
    if recipe.model.init == "probe":
        load_probe(folder, recipe, run.data, quiet=watch.quiet)
    make_folder(twin_folder)
    path, log = twin_folder / _WANTED, twin_folder / "log.txt"
    save_recipe(plain_twin(recipe), path)
    threads = torch.get_num_threads()
    half = recipe.train.threads or max(1, threads // 2)
    command = [sys.executable, "-m", "regard", "train", "--recipe", str(path), "--runs", str(folder.parent)]
    command += ["--name", f"{folder.name}/{_TWIN}", "--quiet", "--no-evaluation"]
    with log.open("w") as output:
        environment = os.environ | {"OMP_NUM_THREADS": str(half)}
        twin = start_child(command, stdout=output, stderr=subprocess.STDOUT, environment=environment)
        torch.set_num_threads(half)
        try:
            _train(run, watch)
            torch.set_num_threads(threads)
            failed = twin.wait()
        except BaseException:
            twin.terminate()
            twin.wait()
            raise
    path.unlink(missing_ok=True)
    if failed:
        last = (log.read_text().strip().splitlines() or ["no message"])[-1]
        raise RegardError(f"the plain twin failed ({last}); see {log}. The run itself is whole: {folder}")


def _train(run: PreparedRun, watch: Watch) -> Path:
    recipe, folder = run.recipe, run.folder
    if run.finished:
        return folder
    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    begin = time.perf_counter()
    run.write_record()
    _train_plain_start(run, quiet=watch.quiet)
    seed_everything(recipe.train.seed)
    model: TaskModel = build_model(recipe, run.data)
    if recipe.model.init == "probe":
        start_at_probe(model, load_probe(run.folder, recipe, run.data, quiet=watch.quiet))
    elif recipe.model.init is not None:
        start_from(model, _start_folder(folder, recipe.model.init))
    if recipe.train.channels_last:
        model = model.to(memory_format=torch.channels_last)
    overrides = build_override_maps(recipe, run.data, model)
    data, gaze = build_gaze(recipe, run.data)
    if recipe.train.cache_stem:
        assert not isinstance(model, TwoStream), "refused by the recipe's rules"
        data = stem_splits(recipe, model, data, quiet=watch.quiet)
        gaze = None if gaze is None else stem_split(recipe, model, gaze, training=True, quiet=watch.quiet)
    batches = Batches(recipe, data, gaze)
    if batches.batches_per_epoch < 1:
        raise RegardError(f"{folder}: no step can be made, so nothing would be learned; lower train.batch_size")
    if batches.batch_size < recipe.train.batch_size and not run.begun:
        Terminal(stderr=True).print(
            f"{folder}: {len(data.train)} training images are fewer than train.batch_size {recipe.train.batch_size} "
            f"asks for: each step takes {batches.batch_size}",
            markup=False,
            highlight=False,
        )
    if recipe.train.checkpointing:
        checkpoint_blocks(model)
    task = Task(recipe, model, batches.steps_per_epoch, overrides)
    last = folder / CHECKPOINTS / LAST
    if last.exists():
        check_checkpoint(last, task)
    frozen = recipe.model.freeze is not None or recipe.model.norms == "frozen"
    silence_engine(frozen=frozen, verbose=watch.verbose)
    trainer = build_trainer(task, folder, batches, watch)
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(task, batches, ckpt_path=last if last.exists() else None, weights_only=True)
    except Diverged as error:
        raise with_remedy(error, folder, recipe) from error
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise RegardError(
            f"train.batch_size {batches.batch_size}: a batch of one image cannot be normalised where features are 1x1 "
            f"({error}); train in batches of at least two images (--train.batch_size 2, and two training images), or "
            "leave the statistics of a pretrained network as they are (--model.norms frozen)"
        ) from None
    except OSError as error:  # of the journal and logs; checkpoints say so themselves
        place = folder if error.filename is None else error.filename
        remedy = "check that it may be written to and has room; the same command goes on from the last checkpoint"
        raise RegardError(f"{place}: {error.strerror or error}; {remedy}") from error
    except SystemExit as stopped:  # Lightning exits when interrupted and leaves its SIGINT handler installed
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from stopped
    complete_training(trainer, task)
    if trainer.is_global_zero:
        if recipe.train.keep == "best":
            load_checkpoint(folder / CHECKPOINTS / BEST, model)
        model.save_pretrained(folder / MODEL)
        record = collect_provenance(recipe.train.seed) | {"seconds": round(time.perf_counter() - begin, 1)}
        if overrides is not None:
            record["imposed"] = overrides.record
        if diverged := divergences(folder):
            record["diverged"] = diverged
        write_atomically(folder / RECORD, json.dumps(record, indent=2) + "\n")
    trainer.strategy.barrier()  # no process returns before the run is complete, as others may open it at once
    return folder


def _start_folder(folder: Path, init: str) -> Path:
    """The folder that ``model.init`` means: one beside or inside the run's, or as it stands."""
    near = (folder / init).resolve()
    return near if (near / RECORD).exists() else Path(init)


def _train_plain_start(run: PreparedRun, *, quiet: bool) -> None:
    """The plain network that the run goes on from, where the recipe asks for one and it is not trained yet."""
    if run.recipe.train.plain_epochs:
        plain = PreparedRun(plain_start(run.recipe), run.folder / "plain", run.data, record=run.record)
        _train(plain, Watch(quiet))
