"""Two processes on one machine: training runs, and validation agrees with one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import pytorch_lightning as pl
from tests.training.tiny import metrics, tiny

from regard.training import load_run, save_recipe
from regard.training.batches import Batches
from regard.training.task import Task

TWO = """
import json, sys
from pathlib import Path
import pytorch_lightning as pl
from regard.training import load_recipe, load_run, train
from regard.training.batches import Batches
from regard.training.task import Task

recipe, folder = load_recipe(Path(sys.argv[1])), Path(sys.argv[2])
train(recipe, folder, quiet=True)
_, model, data = load_run(folder)
trainer = pl.Trainer(accelerator="cpu", devices=2, strategy="ddp", logger=False, enable_progress_bar=False,
                     enable_model_summary=False, use_distributed_sampler=False)
scores = trainer.validate(Task(recipe, model, 1), Batches(recipe, data), verbose=False)[0]
if trainer.is_global_zero:
    Path(sys.argv[3]).write_text(json.dumps(scores))
"""


@pytest.mark.slow
@pytest.mark.parametrize("size", [33, 9], ids=["uneven", "nothing for the second process"])
def test_two_processes_agree_with_one(size: int, tmp_path: Path) -> None:
    data = {"options": {"size": 16, "train": 64, "val": size, "test": 35, "cache": False}}
    train = {"devices": 2, "batch_size": 4} if size == 33 else {"devices": 2}
    recipe = tiny(data=data, train=train)
    save_recipe(recipe, tmp_path / "recipe.yaml")
    (tmp_path / "two.py").write_text(TWO)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = subprocess.run(
        [*command, *(str(tmp_path / name) for name in ("two.py", "recipe.yaml", "run", "two.json"))],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    two = json.loads((tmp_path / "two.json").read_text())
    _, model, splits = load_run(tmp_path / "run")
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    one = trainer.validate(Task(recipe, model, 1), Batches(recipe, splits), verbose=False)[0]
    assert len(splits.val) == size
    assert metrics(tmp_path / "run")[-1]["lr"] < 1e-6, "the schedule counts the steps of a process, and so ends"
    for name in ("val/accuracy", "val/nll"):
        assert two[name] == pytest.approx(one[name], abs=1e-6)
        assert metrics(tmp_path / "run")[-1][name] == pytest.approx(one[name], abs=1e-5)


BUDGETS = """
import json, sys
from pathlib import Path
import pytorch_lightning as pl
from regard.training import load_recipe, train

class Rates(pl.Callback):
    def on_train_epoch_end(self, trainer, task):
        m = task.multiplier
        thresholds = [float(v) for k, v in task.model.state_dict().items() if k.endswith("threshold")]
        found = {"beta": m.beta, "weight": task.weights.beta, "rates": [m.lowest, m.highest], "thresholds": thresholds}
        Path(f"{sys.argv[3]}-{trainer.global_rank}.json").write_text(json.dumps(found))

train(load_recipe(Path(sys.argv[1])), Path(sys.argv[2]), quiet=True, callbacks=[Rates()])
"""


@pytest.mark.slow
def test_two_processes_have_one_multiplier_and_one_threshold(tmp_path: Path) -> None:
    objective = {"budget_bits": 6.0, "map_budget_bits": 20.0, "warmup": 0.1}
    recipe = tiny(objective=objective, train={"devices": 2, "batch_size": 4, "epochs": 4})
    save_recipe(recipe, tmp_path / "recipe.yaml")
    (tmp_path / "two.py").write_text(BUDGETS)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(  # so few steps need not meet the budgets, which is an error after both have told theirs
        [*command, *(str(tmp_path / name) for name in ("two.py", "recipe.yaml", "run", "found"))],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    first, second = (json.loads((tmp_path / f"found-{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert first["beta"] != recipe.objective.beta, "it was moved by what was measured"
    assert first["weight"] == first["beta"]
    assert len(first["thresholds"]) == 1
