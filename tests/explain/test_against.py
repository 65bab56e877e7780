"""Why this class and not that one: the same map as of a network that returns the difference of their logits."""

from pathlib import Path

import pytest
import torch
from tests.explain.test_explain import case
from torch import Tensor, nn

from regard.explain import METHODS, explain
from regard.judge import explain_images, open_subject, read_explained
from regard.models import AttentiveClassifier
from regard.types import RegardError

OF_CLASS = [name for name, method in METHODS.items() if method.of_class]


class Difference(nn.Module):
    """Logits of each pair of classes, one pair per image: their difference, and 0."""

    def __init__(self, model: nn.Module, own: Tensor, other: Tensor) -> None:
        super().__init__()
        self.model, self.own, self.other = model, own, other

    def forward(self, images: Tensor) -> Tensor:
        logits, copies = self.model(images), len(images) // len(self.own) + 1
        own, other = (logits.gather(1, which.repeat(copies)[: len(images), None]) for which in (self.own, self.other))
        return torch.cat((own - other, torch.zeros_like(own)), 1)


@pytest.mark.parametrize("method", OF_CLASS)
def test_it_explains_the_difference_of_two_logits(method: str) -> None:
    model, options = case(method)
    model.eval()
    images = torch.rand(3, 3, 16, 16)
    own, other = torch.tensor([0, 4, 2]), torch.tensor([1, 0, 3])
    map = explain(model, images, method, target=own, against=other, **options)
    if "layer" in options:
        options["layer"] = f"model.{options['layer']}"
    first = torch.zeros(3, dtype=torch.long)
    expected = explain(Difference(model, own, other), images, method, target=first, **options)
    torch.testing.assert_close(map.values, expected.values, rtol=1e-5, atol=1e-7)
    alone = explain(model, images, method, target=own, **case(method)[1])
    assert not torch.equal(map.values, alone.values)


def test_a_linear_model_has_the_difference_of_its_weights() -> None:
    weights = torch.randn(3, 3, 8, 8)

    class Linear(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.einsum("bchw,nchw->bn", images, weights)

    images = torch.rand(2, 3, 8, 8)
    own, other = torch.tensor([0, 2]), torch.tensor([2, 1])
    map = explain(Linear(), images, "input_gradient", target=own, against=other, channels="sum")
    torch.testing.assert_close(map.values, (weights[own] - weights[other]).sum(1, keepdim=True))


@pytest.mark.parametrize(
    ("method", "target", "against", "message"),
    [
        ("grad_cam", [0, 1], [1, 1], "class 1 is what is explained of image 1"),
        ("grad_cam", None, [9, 0], "against: class 9 of a model with 5 classes; give 0 to 4"),
        ("grad_cam", [0, 0], [-1, 1], "against: class -1 of a model with 5 classes"),
        ("grad_cam", [0, 0], [1], "one class index per image is needed"),
        ("grad_cam", [0, 0], [1.0, 2.0], "one class index per image is needed"),
        ("random", [0, 0], [1, 1], "not of one class"),
        ("attention", [0, 0], [1, 1], "not of one class"),
    ],
)
def test_a_class_that_cannot_stand_against_is_named(method, target, against, message) -> None:
    model = AttentiveClassifier("compact", 5, input_size=(16, 16))
    with pytest.raises(RegardError, match=message):
        explain(
            model,
            torch.rand(2, 3, 16, 16),
            method,
            target=None if target is None else torch.tensor(target),
            against=torch.tensor(against),
        )


def test_the_command_writes_what_stood_against(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = AttentiveClassifier("compact", 3, input_size=(16, 16), classes=("ant", "bee", "cat"))
    model.save_pretrained(tmp_path / "model")
    from PIL import Image

    files = []
    for k in range(3):
        Image.fromarray(torch.randint(0, 255, (16, 16, 3)).byte().numpy()).save(tmp_path / f"{k}.png")
        files.append(tmp_path / f"{k}.png")
    subject = open_subject(str(tmp_path / "model"))
    results = explain_images(subject, files, tmp_path / "out", methods=("grad_cam",), target="ant", against="2")
    assert {image.against for image in read_explained(tmp_path / "out")} == {"cat"}
    assert results.to_csv().splitlines()[1].split(",")[2:5] == ["ant", "cat", "grad_cam"]
    same = explain_images(subject, files, tmp_path / "same", methods=("grad_cam",), target="bee", against="bee")
    assert not same.images
    assert len(same.problems) == 3
    assert "explained for bee itself" in same.problems[0]
    assert not (tmp_path / "same" / "explained.json").exists()
