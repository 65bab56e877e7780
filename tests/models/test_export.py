"""ONNX, run by onnxruntime."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.families import PARAMS, Family

from regard.models import AttentiveClassifier, Segmenter, TwoStream, to_onnx
from regard.types import RegardError

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    "arguments",
    [
        {
            "backbone": "compact",
            "attention": "noise",
            "anchors": 5,
            "latent": 4,
            "backbone_options": {"widths": (4, 6, 8, 8)},
        },
        {"backbone": "compact", "attention": "aib", "at": ["stage1", "stage2"], "anchors": 4},
        {"backbone": "compact", "attention": "noise", "attention_options": {"budget": 90.0, "per_image": True}},
        pytest.param(
            {
                "backbone": "vit_tiny_patch16_224",
                "at": "blocks.0",
                "attention": "mask",
                "anchors": 5,
                "backbone_options": {"depth": 2, "embed_dim": 16, "num_heads": 2},
            },
            marks=pytest.mark.slow,
        ),
    ],
    ids=["noise-latent", "two-layers", "bits-per-image", "tokens"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_onnxruntime_agrees_for_batches_of_any_size(arguments: dict, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = AttentiveClassifier(num_classes=3, input_size=(32, 32), **arguments).train()
    to_onnx(model, tmp_path / "model.onnx")
    assert model.training
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    assert names == ["logits", "map", "map_1"][: 1 + len(model.at)]
    model.eval()
    for count in (1, 5):
        images = torch.rand(count, 3, 32, 32)
        logits, *maps = session.run(None, {"images": images.numpy()})
        output = model(images)
        np.testing.assert_allclose(logits, output.logits[0].detach(), atol=1e-4)
        for ours, layer in zip(maps, output.attention, strict=True):
            np.testing.assert_allclose(ours, layer.map[0].detach(), atol=1e-5)


def test_a_budget_of_code_per_image_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    options = {"budget": 20.0, "budget_of": "code", "per_image": True}
    model = AttentiveClassifier("compact", 3, at="stage1", attention="mask", anchors=4, attention_options=options)
    with pytest.raises(RegardError, match="code per image"):
        to_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("family", PARAMS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_every_family_runs_in_onnxruntime(family: Family, tmp_path: Path) -> None:
    model = family.build(attention="noise", anchors=5, latent=8).eval()
    to_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    images = family.images(3)
    logits, map_ = session.run(None, {"images": images.numpy()})
    with torch.no_grad():
        output = model(images)
    np.testing.assert_allclose(logits, output.logits[0], atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(map_, output.attention[0].map[0], atol=1e-4)


SMALL = {"backbone_options": {"widths": (4, 6, 8, 8)}, "input_size": (32, 32)}
BUILT = {
    "segmenter": lambda: Segmenter("compact", decoder="fcn8s", **SMALL),
    **{
        f"streams-{attend}": lambda attend=attend: TwoStream(
            "compact", 3, length=2, attend=attend, at="stage1", latent=4, **SMALL
        )
        for attend in ("rgb", "both")
    },
    **{
        name: lambda name=name: AttentiveClassifier("compact", 3, attention=name, **SMALL)
        for name in ("cbam", "abn", "gap", "ltpa", "aib", "mask", "deterministic", "uniform", "random")
    },
    "plain-latent": lambda: AttentiveClassifier("compact", 3, attention=None, latent=4, **SMALL),
}
FAST = ("segmenter", "gap")


@pytest.mark.parametrize("case", [pytest.param(case, marks=[pytest.mark.slow] * (case not in FAST)) for case in BUILT])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_onnx_of_other_models_agrees_for_batches_of_any_size(case: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = BUILT[case]().eval()
    to_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["input_size"]) == [3, 32, 32]
    assert ("classes" in facts) == (case != "segmenter")
    for count in (1, 3):
        inputs = {"images": torch.rand(count, 3, 32, 32)}
        if isinstance(model, TwoStream):
            inputs["flow"] = 2 * torch.rand(count, 4, 32, 32) - 1
        assert [entry.name for entry in session.get_inputs()] == list(inputs)
        logits, *maps = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
        with torch.no_grad():
            output = model(**inputs)
        np.testing.assert_allclose(logits, output.logits[0], atol=1e-4)
        assert len(maps) == len(output.attention) == len(model.at)
        for ours, layer in zip(maps, output.attention, strict=True):
            np.testing.assert_allclose(ours, layer.map[0], atol=1e-5)
