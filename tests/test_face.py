"""What a user of timm, torchmetrics, captum and pysaliency would type works as it is written."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torchmetrics
import torchvision
from tests.training.tiny import tiny

import regard

STUB = (Path(regard.__file__).parent / "__init__.pyi").read_text()


def python(program: str) -> str:
    """The output of a program in its own process."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_it_imports_no_heavy_library() -> None:
    heavy = ["torch", "numpy", "timm", "torchvision", "pytorch_lightning", "captum", "matplotlib", "pandas"]
    assert python(f"import sys, regard; dir(regard); print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_every_name_is_there_and_documented() -> None:
    assert len(regard.__all__) == STUB.count(" as ")
    for name in regard.__all__:
        assert inspect.getdoc(getattr(regard, name)), name
    with pytest.raises(AttributeError):
        regard.nothing  # noqa: B018


def test_every_name_is_on_its_page() -> None:
    page = (Path(__file__).parents[1] / "docs" / "api" / "regard.md").read_text(encoding="utf-8")
    assert {name for name in regard.__all__ if f"`regard.{name}`" not in page} == {"__version__"}


def test_a_package_of_a_functions_name_is_that_function() -> None:
    for name, module in (("explain", "regard.explain.cam"), ("judge", "regard.judge.case")):
        program = f"import {module}, regard, inspect; print(list(inspect.signature(regard.{name}).parameters)[:2])"
        first = {"explain": "model", "judge": "model"}[name]
        assert first in python(program)
        assert first in python(f"import regard; f = regard.{name}; {program}")


@pytest.fixture
def net() -> torch.nn.Module:
    torch.manual_seed(1)
    return regard.AttentiveClassifier("resnet18", 10, at="layer3", attention="noise", input_size=(64, 64)).eval()


def test_attentive_networks(net: torch.nn.Module) -> None:
    images = torch.rand(2, 3, 64, 64)
    output = net(images)
    assert output.logits.shape == (1, 2, 10)
    losses = regard.information_loss(output, torch.tensor([1, 2]), regard.Weights(beta=1e-3))
    assert losses.total.isfinite()
    explanation = regard.explain(net, images, "grad_cam")
    assert isinstance(explanation, regard.Map)
    assert explanation.values.shape[:2] == (2, 1)
    assert isinstance(regard.Segmenter, type)
    assert isinstance(regard.TwoStream, type)


def test_attention_on_a_users_own_network() -> None:
    torch.manual_seed(0)
    net = torchvision.models.resnet18(weights=None, num_classes=5).eval()
    attended = regard.attach(net, "layer3", "noise")
    with regard.record(attended, samples=4) as recorded:
        attended(torch.rand(2, 3, 64, 64))
    assert recorded.outputs[0].map.shape[:3] == (4, 2, 1)


def test_lists_of_names() -> None:
    assert "noise" in regard.list_attention()
    assert "resnet18" in regard.list_backbones("resnet*")
    assert "grad_cam" in regard.list_methods()
    gate = regard.create_attention("noise", 256)
    assert gate(torch.randn(2, 256, 6, 6)).map.shape == (1, 2, 1, 6, 6)


def test_a_budget_moves_its_weight() -> None:
    budget = regard.Budget.of("latent", 6.0, beta=1e-3)
    assert budget.update(budget.budget * 2).beta > 1e-3 > budget.update(budget.budget / 2).beta


def test_runs(tmp_path: Path) -> None:
    assert isinstance(regard.Recipe(), regard.Recipe)
    folder = regard.train(tiny(), tmp_path / "run", quiet=True)
    recipe, model, data = regard.load_run(str(folder))
    assert recipe == tiny()
    assert model.predict(data.test.batch([0, 1]).images).shape == (2, len(data.test.classes))


def test_metrics() -> None:
    maps = torch.rand(2, 1, 8, 8)
    fixations = torch.tensor([[[1.5, 2.5], [3.5, 4.5]], [[5.5, 6.5], [0.5, 0.5]]])
    scores = regard.metrics.functional.nss(maps, fixations)
    assert scores.shape == (2,)
    assert isinstance(regard.metrics.NSS(), torchmetrics.Metric)
    assert isinstance(regard.metrics.MaxF(), torchmetrics.Metric)
    both = torchmetrics.MetricCollection({"nss": regard.metrics.NSS(), "auc": regard.metrics.AUC()})
    both.update(maps, fixations)
    assert both.compute()["nss"] == pytest.approx(scores.mean().item())


def test_data_and_gaze(tmp_path: Path) -> None:
    assert regard.data.list() == [*regard.data.CATALOG]
    assert regard.data.open is regard.data.open_data
    splits = regard.data.open("digits")
    assert len(splits.test) > 0
    (tmp_path / "gaze.csv").write_text("image,subject,x,y\na.png,1,3.5,4.5\n")
    assert len(regard.gaze.read_csv(tmp_path / "gaze.csv", sizes={"a.png": (8, 8)})) == 1
    assert callable(regard.gaze.read_osie)
    with pytest.raises(regard.RegardError, match="nowhere"):
        regard.gaze.read_csv(tmp_path / "nowhere.csv")


def test_judging_and_scoring() -> None:
    assert "images" in inspect.signature(regard.judge).parameters
    assert "fixations" in inspect.signature(regard.score_maps).parameters
