"""ONNX export: images -> logits and maps, without sampling."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.__about__ import __version__
from regard.attention import projections
from regard.backbones import eval_mode, probe_images
from regard.files import atomic_path
from regard.models.classifier import AttentiveClassifier
from regard.types import RegardError


class _LogitsAndMap(nn.Module):
    def __init__(self, classifier: AttentiveClassifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Float[Tensor, "B C H W"]) -> tuple[Tensor, ...]:
        output = self.classifier(images)
        return output.logits[0], *(layer.map[0] for layer in output.attention)


def to_onnx(classifier: AttentiveClassifier, path: str | Path, *, input_size: tuple[int, int] | None = None) -> None:
    """Writes a classifier as ONNX: input ``images`` (B,C,H,W) in [0,1]; outputs ``logits`` (B,n) and ``map`` (B,1,h,w).

    The batch may be of any size. The file's metadata hold, as JSON, ``classes``, ``input_size``, ``input_range`` and
    ``preparation`` of pictures. With several attended layers there are several maps: ``map``, ``map_1``, and so on.

    Args:
        classifier: in any mode; exported in evaluation mode.
        path: the file to write; weights are inside.
        input_size: (H, W); by default the size that the classifier was built for.

    Raises:
        RegardError: ``prediction`` is seeded by the image, or a budget of code holds per image: a graph can do neither.
    """
    if classifier.prediction != "mean":
        raise RegardError(
            f"to_onnx: prediction={classifier.prediction!r} draws noise from the image's pixels, which a graph cannot; "
            "set classifier.prediction = 'mean' to export the mean, whose predictions differ"
        )
    if any(budget.per_image and budget.of == "code" for budget in projections(classifier)):
        raise RegardError(
            "to_onnx: a budget of code per image is solved by a search that a graph cannot do; build the classifier "
            "with per_image=False, whose threshold is one number, and calibrate it"
        )
    channels, *size = classifier.shape
    images = probe_images(classifier, (channels, *(input_size or size))).repeat(2, 1, 1, 1)
    maps = ["map" if i == 0 else f"map_{i}" for i in range(len(classifier.at))]
    with eval_mode(classifier):
        program = torch.export.export(
            _LogitsAndMap(classifier).eval(),
            (images,),
            dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}},
        )
        _float_bounds(program)
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=["images"],
            output_names=["logits", *maps],
            external_data=False,
            verbose=False,
        )
    assert exported is not None
    exported.model.metadata_props.update(_facts(classifier))
    with atomic_path(path) as part:
        exported.save(str(part))


def _facts(classifier: AttentiveClassifier) -> dict[str, str]:
    """What a reader of the file must know besides: class names, size and range of images, how pictures are prepared."""
    facts = {
        "classes": list(classifier.classes),
        "input_size": list(classifier.shape),
        "input_range": [0, 1],
        "preparation": classifier.preparation,
        "regard": __version__,
    }
    return {name: json.dumps(value) for name, value in facts.items()}


def _float_bounds(program: torch.export.ExportedProgram) -> None:
    """Writes ``clamp(x, 0, .9)`` as ``clamp(x, 0., .9)``: the exporter's type promotion fails on the mixture."""
    for node in program.graph.nodes:
        if node.target is torch.ops.aten.clamp.default and node.args[0].meta["val"].is_floating_point():
            node.args = (node.args[0], *(float(b) if isinstance(b, int) else b for b in node.args[1:]))
