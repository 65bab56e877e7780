"""What a glance is compared with: as many patches at other places, of which its look answers too.

    random     drawn by the image's pixels
    center     from the middle out
    grid       spread evenly; of a window, the one with the most of these patches
    grad_cam   where Grad-CAM (Selvaraju et al., ICCV 2017) marks the class that the glance itself predicts
    box        where the object is, an oracle

The look was trained on what the glance buys, so that these say what *its* places are worth to *this* look; a control
that is trained on its own places is a model with ``places="random"``, ``"center"`` or ``"grid"``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from regard.backbones import BackboneGlance, GlanceNet, ImageNoise, eval_mode, image_seeds
from regard.models.glance import GlanceClassifier

CONTROL_PLACES = {
    "random": "random places",
    "center": "the middle",
    "grid": "an even grid",
    "grad_cam": "Grad-CAM of the glance",
    "box": "the object's box",
}
"""Controls -> their names for people."""


def control_maps(
    model: GlanceClassifier, images: Float[Tensor, "B C H W"], masks: Bool[Tensor, "B 1 H W"] | None = None
) -> dict[str, Float[Tensor, "B 1 h w"]]:
    """Maps of 0 and 1 at the model's budget, by control: what is a ``map_override`` of its ``predict``.

    >>> model = GlanceClassifier("compact", 10, view="crop", input_size=(32, 32))
    >>> maps = control_maps(model, torch.rand(2, 3, 32, 32))
    >>> list(maps), [int(map_[0].sum()) for map_ in maps.values()]
    (['random', 'center', 'grid', 'grad_cam'], [16, 16, 16, 16])

    Args:
        model: whose budget and whose glance.
        images: in [0,1].
        masks: of the objects; without them there is no ``box``.
    """
    attention, B = model.attention, len(images)
    h, w = attention.grid
    with ImageNoise(image_seeds(images), "places"):
        scores = {"random": torch.rand_like(images[:, :1, :h, :w], dtype=torch.float32)}
    for name in ("center", "grid"):
        scores[name] = attention.fixed_scores(name, images.device).expand(B, 1, h, w)
    if attention.glance is not None:
        scores["grad_cam"] = glance_cam(model, images)
    if masks is not None:
        covered = F.adaptive_avg_pool2d(masks.to(images.device, torch.float32), (h, w))
        scores["box"] = covered + 1e-3 * _nearness(covered)
    return {name: attention.best(each) for name, each in scores.items()}


def glance_cam(model: GlanceClassifier, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 h w"]:
    """Grad-CAM of the class that the glance predicts by its own class scores, at its last features."""
    net = model.attention.glance
    assert isinstance(net, GlanceNet | BackboneGlance), "a model without a glance has none"
    with eval_mode(model), torch.enable_grad():
        features = net.features(model.low(images)).detach().requires_grad_()
        (slope,) = torch.autograd.grad(net.classify(features).max(1).values.sum(), features)
    cam = (slope.mean((2, 3), keepdim=True) * features.detach()).sum(1, keepdim=True).relu()
    return F.interpolate(cam, size=model.attention.grid, mode="bilinear", align_corners=False)


def shrunk_look(model: GlanceClassifier) -> Callable[[Tensor], Tensor] | None:
    """Images (B,C,H,W) in [0,1] -> probabilities (B,n) of the same look on the whole image, made so small that it
    computes as much as of what the glance buys; None for ``view="masked"``, which computes everything.

    A vision transformer's positions are interpolated. The look was not trained for small images.

    >>> model = GlanceClassifier("compact", 10, view="crop", input_size=(32, 32))
    >>> shrunk_look(model)(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    if model.view == "masked":
        return None
    (_, H, W), (h, w) = model.shape, model.attention.grid
    share = (model.attention.count / (h * w)) ** 0.5
    rows, columns = model.attention.window if model.view == "crop" else (round(h * share), round(w * share))
    size = (max(1, rows) * (H // h), max(1, columns) * (W // w))
    network = model.trunk.network
    if isinstance(network, VisionTransformer) and not network.dynamic_img_size:
        network = copy.deepcopy(network)
        network.set_input_size(img_size=size)

    def answers(images: Tensor) -> Tensor:
        with torch.no_grad(), eval_mode(model), eval_mode(network):  # type: ignore[arg-type]  # a module
            small = F.interpolate(model.normalized(images), size=size, mode="area")
            return network(small).softmax(1)  # type: ignore[operator]  # likewise

    return answers


def _nearness(covered: Float[Tensor, "B 1 h w"]) -> Float[Tensor, "B 1 h w"]:
    """From 0 to 1, how near a patch is to the middle of what is covered: so a window is centred on a small object."""
    B, _, h, w = covered.shape
    y = (torch.arange(h, device=covered.device) + 0.5)[None, :, None] / h
    x = (torch.arange(w, device=covered.device) + 0.5)[None, None, :] / w
    weight = covered[:, 0] / covered[:, 0].sum((1, 2), keepdim=True).clamp(min=1e-9)
    middle = [(weight * line).sum((1, 2), keepdim=True) for line in (y, x)]
    return (1 - ((y - middle[0]).square() + (x - middle[1]).square()).sqrt() / 2**0.5).view(B, 1, h, w)
