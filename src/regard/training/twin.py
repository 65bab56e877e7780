"""A run and its plain control, trained beside each other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

from regard.training.build import build_data, build_model, matched, plain_twin
from regard.training.parsing import save_recipe
from regard.training.recipe import Recipe
from regard.training.run import DONE, claim, train
from regard.training.stem_cache import through_stem
from regard.types import RegardError


def train_with_twin(recipe: Recipe, folder: Path, *, quiet: bool = False) -> Path:
    """Trains a recipe and, where it asks for one, its plain twin in a process of its own.

    On a processor the two share the cores, which is quicker than one after the other on all of them. A twin that fails
    does not lose the run: it is named afterwards, and the same command tries it again.
    """
    recipe = matched(recipe)
    if not recipe.twin or (folder / "twin" / DONE).exists():
        return train(recipe, folder, quiet=quiet)
    if recipe.train.devices * recipe.train.nodes > 1:
        train(recipe, folder, quiet=quiet)
        return train(plain_twin(recipe), folder / "twin", quiet=quiet).parent
    half = recipe.train.threads or max(1, torch.get_num_threads() // 2)
    claim(recipe, folder)
    data = build_data(recipe)  # once, so that the two do not generate the same cache at the same time
    if recipe.train.cache_stem:
        through_stem(recipe, build_model(recipe, data), data, quiet=quiet)
    twin = plain_twin(recipe)
    twin_folder = folder / "twin"
    twin_folder.mkdir(parents=True, exist_ok=True)
    path = twin_folder / "wanted.yaml"
    save_recipe(twin, path)
    command = [sys.executable, "-m", "regard", "train", "--recipe", str(path), "--runs", str(folder.parent)]
    environment = os.environ | {"OMP_NUM_THREADS": str(half)}
    log = twin_folder / "log.txt"
    with log.open("w") as output:
        beside = subprocess.Popen(
            [*command, "--name", f"{folder.name}/twin", "--quiet", "--no-evaluation"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        threads = torch.get_num_threads()
        torch.set_num_threads(half)
        try:
            train(recipe, folder, quiet=quiet)
            torch.set_num_threads(threads)
            failed = beside.wait()
        except BaseException:
            beside.terminate()
            beside.wait()
            raise
    path.unlink()
    if failed:
        last = (log.read_text().strip().splitlines() or ["no message"])[-1]
        raise RegardError(f"the plain twin failed ({last}); see {log}. The run itself is whole: {folder}")
    return folder
