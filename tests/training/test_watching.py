"""Callbacks and loggers of one's own: they see the run, and the result is the same without them."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from safetensors.torch import load_file
from tests.training.tiny import tiny

from regard.cli import main
from regard.lightning import BudgetCallback
from regard.models import AttentiveClassifier
from regard.training import Task, loggers, save_recipe, train
from regard.types import NATS_PER_BIT, RegardError


class Seen(pl.Callback):
    def __init__(self) -> None:
        self.epochs: list[tuple[int, type, float]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Task)
        score = float(trainer.callback_metrics["val/accuracy"])
        self.epochs.append((trainer.current_epoch, type(pl_module.model), score))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(next((folder / "model").glob("*.safetensors")))


def test_callbacks_and_loggers_see_the_run_and_do_not_change_it(tmp_path: Path) -> None:
    recipe, seen = tiny("x", train={"epochs": 2}), Seen()
    train(recipe, tmp_path / "plain", quiet=True)
    logger = CSVLogger(tmp_path / "mine", name="", version="v")
    train(recipe, tmp_path / "watched", quiet=True, callbacks=[seen], loggers=[logger, "tensorboard"])
    lines = [json.loads(line) for line in (tmp_path / "watched" / "metrics.jsonl").read_text().splitlines()]
    assert seen.epochs == [
        (k, AttentiveClassifier, pytest.approx(line["val/accuracy"], abs=1e-6)) for k, line in enumerate(lines)
    ]
    assert "val/accuracy" in (tmp_path / "mine" / "v" / "metrics.csv").read_text().splitlines()[0]
    assert list((tmp_path / "watched" / "tensorboard").glob("events.*"))
    plain, watched = weights(tmp_path / "plain"), weights(tmp_path / "watched")
    assert plain.keys() == watched.keys()
    assert all(torch.equal(plain[key], watched[key]) for key in plain)


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_logger_whose_package_is_missing_names_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (name, "mlflow.tracking"):
        monkeypatch.setitem(sys.modules, module, None)
    flag = "_WANDB_AVAILABLE" if name == "wandb" else "_MLFLOW_AVAILABLE"
    monkeypatch.setattr(f"pytorch_lightning.loggers.{name}.{flag}", False)
    with pytest.raises(RegardError, match=rf"logger {name}: .*pip install {name}"):
        train(tiny("x"), tmp_path / "x", quiet=True, loggers=[name])


def test_named_loggers_go_where_they_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, object]] = []

    def note(**options: object) -> SimpleNamespace:
        made.append(options)
        return SimpleNamespace()

    monkeypatch.setattr(loggers, "WandbLogger", note)
    monkeypatch.setattr(loggers, "MLFlowLogger", note)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("wandb", "mlflow"):
        loggers.build_logger(name, tmp_path / "birds")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    loggers.build_logger("mlflow", tmp_path / "birds")
    assert made[0] == {"project": "regard", "name": "birds", "save_dir": tmp_path / "birds"}
    assert [each["tracking_uri"] for each in made[1:]] == [
        (tmp_path / "birds" / "mlflow").as_uri(),
        "http://127.0.0.1:5000",
    ]


def test_the_command_takes_a_logger_and_refuses_other_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_recipe(tiny("x", train={"epochs": 1}), tmp_path / "r.yaml")
    command = ["train", "--recipe", "r.yaml", "--quiet", "--no-evaluation"]
    assert main([*command, "--logger", "tensorboard"]) == 0
    assert list((tmp_path / "runs" / "x" / "tensorboard").glob("events.*"))
    with pytest.raises(SystemExit):
        main([*command, "--logger", "notebook"])
    assert "notebook" in capsys.readouterr().err


class Mine(pl.LightningModule):
    """A module that knows nothing of budgets."""

    def __init__(self, budget: float | None) -> None:
        super().__init__()
        options = {} if budget is None else {"budget": budget}
        self.net = AttentiveClassifier("compact", 2, attention_options=options, input_size=(16, 16))

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(self.net(batch[0]).logits[0], batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), 1e-3)


@pytest.mark.parametrize("budget", [60.0, 200.0])
def test_a_module_of_ones_own_keeps_its_budget(budget: float, tmp_path: Path) -> None:
    torch.manual_seed(0)
    images, labels = torch.rand(64, 3, 16, 16), torch.randint(2, (64,))
    train_images, val = torch.rand(64, 3, 16, 16), torch.rand(64, 3, 16, 16)
    batches = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), 16)
    module = Mine(budget)
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    callback = BudgetCallback(train_images, val, attribute="net")
    pl.Trainer(max_epochs=3, callbacks=[callback], default_root_dir=tmp_path, **options).fit(module, batches)
    with torch.no_grad():
        price = module.net.eval()(val, samples=1).attention[0].price
    bits = float(price.sum()) / len(val) / NATS_PER_BIT
    assert bits == pytest.approx(budget, rel=0.03)


def test_a_module_without_budgets_is_left_as_it_is(tmp_path: Path) -> None:
    module = Mine(None)
    before = {key: value.clone() for key, value in module.state_dict().items() if "threshold" in key}
    callback = BudgetCallback(torch.rand(8, 3, 16, 16), torch.rand(8, 3, 16, 16), attribute="net")
    callback.on_train_end(SimpleNamespace(), module)  # type: ignore[arg-type]
    assert all(torch.equal(module.state_dict()[key], value) for key, value in before.items())
