"""Class activation maps against literals, against captum, against formulas written out."""

import pytest
import torch
from captum.attr import LayerGradCam
from tests.backbones.toys import ChannelsLast
from tests.explain.toys import Pooled, deep
from torch import Tensor, nn

from regard.backbones import create_backbone
from regard.explain import explain


class Captum(nn.Module):
    """The network of captum's own Grad-CAM test: kernels of ones, then a linear layer of ones and minus ones;
    images are 0 to 1, not to 16.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3)
        self.conv1.weight = nn.Parameter(torch.ones(2, 1, 3, 3))
        self.conv1.bias = nn.Parameter(torch.tensor([-50.0, -75.0]))
        self.fc1 = nn.Linear(8, 4, bias=False)
        self.fc1.weight = nn.Parameter(torch.cat([torch.ones(4, 5), -torch.ones(4, 3)], dim=1))

    def forward(self, images: Tensor) -> Tensor:
        return self.fc1(self.conv1(16 * images).relu().flatten(1))


def test_captums_known_numbers() -> None:
    images = torch.arange(16.0).view(1, 1, 4, 4) / 16
    map = explain(Captum(), images, "grad_cam", target=torch.tensor([0]), layer="conv1")
    assert map.values.tolist() == [[[[11.25, 13.5], [20.25, 22.5]]]]


def features_and_gradients(model: nn.Module, layer: str, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Features and gradients without the code under test: the layer's output in the graph and one autograd call."""
    kept: list[Tensor] = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _m, _a, out: kept.append(out))
    logits = model(images)
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[torch.arange(len(images)), target].sum(), kept[0])
    return kept[0].detach(), gradient


@pytest.mark.filterwarnings("ignore::regard.explain.ZeroMapWarning")
@pytest.mark.parametrize("layer", ["body", "last", "norm"])
def test_formulas_written_out(layer: str) -> None:
    model = deep().eval()
    model.act.inplace = model.last[1].inplace = False
    images, target = torch.rand(3, 3, 12, 10), torch.tensor([0, 4, 2])
    A, g = features_and_gradients(model, layer, images, target)
    expected = torch.zeros(4, *A.shape[:1], *A.shape[2:])
    for b in range(len(A)):
        for c in range(A.shape[1]):
            a, d = A[b, c].double(), g[b, c].double()
            alpha = d**2 / (2 * d**2 + a.sum() * d**3)
            alpha[d == 0] = 0
            expected[0, b] += d.mean() * a
            expected[1, b] += (alpha * d.clamp_min(0)).sum() * a
            expected[2, b] += d * a
            expected[3, b] += d.clamp_min(0) * a
    expected[[0, 1, 3]] = expected[[0, 1, 3]].clamp_min(0)
    for method, values in zip(("grad_cam", "grad_cam_pp", "hires_cam", "layer_cam"), expected, strict=True):
        map = explain(model, images, method, target=target, layer=layer)
        torch.testing.assert_close(map.values[:, 0], values, atol=1e-6, rtol=1e-4)
        assert values.max() > 0, "a test that could not fail"


@pytest.mark.filterwarnings("ignore::regard.explain.ZeroMapWarning")
def test_captum_agrees() -> None:
    model = deep().eval()
    images, target = torch.rand(3, 3, 12, 10), torch.tensor([0, 4, 2])
    reference = LayerGradCam(model, model.last).attribute(
        images.requires_grad_(), target=target, relu_attributions=True
    )
    map = explain(model, images, "grad_cam", target=target, layer="last")
    torch.testing.assert_close(map.values, reference.detach(), atol=1e-7, rtol=1e-5)


def test_hires_cam_sums_to_the_logit() -> None:
    torch.manual_seed(0)
    model = Pooled()
    images, target = torch.rand(4, 3, 6, 8), torch.tensor([2, 0, 1, 1])
    map = explain(model, images, "hires_cam", target=target, layer="relu")
    logit = model(images).gather(1, target[:, None])[:, 0] - model.fc.bias[target]
    torch.testing.assert_close(map.values.sum((1, 2, 3)), logit.detach(), atol=1e-6, rtol=1e-5)


def test_a_layer_before_an_operation_in_place() -> None:
    torch.manual_seed(0)
    plain, inplace = Pooled(), Pooled(inplace=True)
    inplace.load_state_dict(plain.state_dict())
    images = torch.rand(2, 3, 6, 6)
    maps = [explain(model, images, "hires_cam", layer="conv").values for model in (plain, inplace)]
    assert torch.equal(*maps)


@pytest.mark.parametrize(
    ("name", "layer", "grid"),
    [("vit_tiny_patch16_224", "blocks.8", (4, 6)), ("swin_tiny_patch4_window7_224", "layers.2", (4, 4))],
)
def test_tokens_and_channels_last(name: str, layer: str, grid: tuple[int, int]) -> None:
    torch.manual_seed(0)
    size = (16 * grid[0], 16 * grid[1])
    options = {"window_size": 4} if "swin" in name else {}
    model = create_backbone(name, 3, img_size=size, **options).eval()
    images, target = torch.rand(2, 3, *size), torch.tensor([0, 2])
    map = explain(model, images, "hires_cam", target=target, layer=layer)
    A, g = features_and_gradients(model, layer, images, target)
    product = (A * g).sum(-1)
    expected = product if product.ndim == 3 else product[:, 1:].unflatten(1, grid)
    torch.testing.assert_close(map.values[:, 0], expected, atol=1e-7, rtol=1e-4)


def test_channels_last_is_not_taken_for_channels_first() -> None:
    torch.manual_seed(0)
    model = ChannelsLast(channels=4)
    images, target = torch.rand(1, 3, 4, 4), torch.tensor([1])
    A, g = features_and_gradients(model, "body", images, target)
    map = explain(model, images, "hires_cam", target=target, layer="body")
    torch.testing.assert_close(map.values[:, 0], (A * g).sum(-1))
