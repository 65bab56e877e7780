"""ONNX export: images -> logits and maps, without sampling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.__about__ import __version__
from regard.attention import projections
from regard.backbones import eval_mode, probe_images
from regard.files import atomic_path
from regard.models.classifier import AttentiveClassifier
from regard.models.plain import check_exportable
from regard.models.segmenter import Segmenter
from regard.models.two_stream import TwoStream
from regard.types import RegardError

Exportable: TypeAlias = AttentiveClassifier | Segmenter | TwoStream


class _LogitsAndMap(nn.Module):
    def __init__(self, model: Exportable) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Float[Tensor, "B C H W"], flow: Tensor | None = None) -> tuple[Tensor, ...]:
        output = self.model(images) if flow is None else self.model(images, flow=flow)
        return output.logits[0], *(layer.map[0] for layer in output.attention)


def to_onnx(model: Exportable, path: str | Path, *, input_size: tuple[int, int] | None = None) -> None:
    """Writes a model as ONNX: input ``images`` (B,C,H,W) in [0,1]; outputs ``logits`` and ``map`` (B,1,h,w).

    Logits are (B,n) of a classifier, (B,1,H,W) of a segmenter. A two-stream network has a second input ``flow``
    (B,2L,H,W). The batch may be of any size. The file's metadata hold, as JSON, ``classes`` (of a classifier),
    ``input_size``, ``input_range`` and ``preparation`` of pictures. With several attended layers there are several
    maps: ``map``, ``map_1``, and so on.

    Args:
        model: in any mode; exported in evaluation mode.
        path: the file to write; weights are inside.
        input_size: (H, W); by default the size that the model was built for.

    Raises:
        RegardError: ``prediction`` is seeded by the image, or a budget of code holds per image: a graph can do neither.
    """
    if any(budget.per_image and budget.of == "code" for budget in projections(model)):
        raise RegardError(
            "to_onnx: a budget of code per image is solved by a search that a graph cannot do; build the model "
            "with per_image=False, whose threshold is one number, and calibrate it"
        )
    size = input_size or model.shape[1:]
    inputs = {"images": probe_images(model, (model.shape[0], *size)).repeat(2, 1, 1, 1)}
    if isinstance(model, TwoStream):
        inputs["flow"] = probe_images(model, (2 * model.length, *size)).repeat(2, 1, 1, 1)
    batch = torch.export.Dim("batch", min=1)
    with eval_mode(model):
        check_exportable(model)
        program = torch.export.export(
            _LogitsAndMap(model).eval(), tuple(inputs.values()), dynamic_shapes={key: {0: batch} for key in inputs}
        )
        _float_bounds(program)
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=list(inputs),
            output_names=["logits", *("map" if i == 0 else f"map_{i}" for i in range(len(model.at)))],
            external_data=False,
            verbose=False,
        )
    assert exported is not None
    exported.model.metadata_props.update(_facts(model))
    with atomic_path(path) as part:
        exported.save(str(part))


def _facts(model: Exportable) -> dict[str, str]:
    """What a reader of the file must know besides: class names, size and range of images, how pictures are prepared."""
    of_images = model.rgb if isinstance(model, TwoStream) else model
    facts: dict[str, Any] = {} if isinstance(of_images, Segmenter) else {"classes": list(of_images.classes)}
    facts |= {
        "input_size": list(model.shape),
        "input_range": [0, 1],
        "preparation": of_images.preparation,
        "regard": __version__,
    }
    return {name: json.dumps(value) for name, value in facts.items()}


def _float_bounds(program: torch.export.ExportedProgram) -> None:
    """Writes ``clamp(x, 0, .9)`` as ``clamp(x, 0., .9)``: the exporter's type promotion fails on the mixture."""
    for node in program.graph.nodes:
        if node.target is torch.ops.aten.clamp.default and node.args[0].meta["val"].is_floating_point():
            node.args = (node.args[0], *(float(b) if isinstance(b, int) else b for b in node.args[1:]))
