"""Glance, then look: a small network buys patches of the image under a budget, and a second one sees only those.

    low resolution -> glance -> map on the patch grid, a fixed share open -> bought pixels -> look -> logits
                                      ^----------- again, with several looks ---------'

Attention inside a network cannot exclude pixels: a kept position has seen its neighbours through its receptive field.
Here it stands on the pixels (layer ``pixels``), before anything but the glance has computed them. With the map held
fixed, replacing the pixels that were not bought changes no output bit; and they need not be computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.attention import Bought, GlanceAttention, Places
from regard.backbones import (
    PIXELS,
    BackboneGlance,
    GlanceNet,
    Look,
    LookView,
    SeenNet,
    attended,
    create_backbone,
    eval_mode,
    fit_head,
    image_shape,
)
from regard.models.base import Normalize
from regard.models.classifier import AttentiveClassifier
from regard.models.prediction import PredictionPath, Samples
from regard.models.sharing import constructor_arguments
from regard.types import RegardError

GLANCE = "glance"
"""As ``model.attention`` of a recipe: the model is a `GlanceClassifier` whose look is ``model.backbone``."""


class GlanceClassifier(AttentiveClassifier):
    """Images (B,C,H,W) in [0,1] -> ModelOutput, of a share of their pixels.

    >>> import torch
    >>> options = {"patch_size": 16, "embed_dim": 32, "depth": 2, "num_heads": 2}
    >>> model = GlanceClassifier(
    ...     "vit_tiny_patch16_224", 10, budget=0.25, input_size=(64, 64), backbone_options=options
    ... ).eval()
    >>> images = torch.rand(2, 3, 64, 64)
    >>> output = model(images)
    >>> output.logits.shape, output.attention[0].map.shape  # (S,B,n), (S,B,1,h,w)
    (torch.Size([1, 2, 10]), torch.Size([1, 2, 1, 4, 4]))
    >>> output.attention[0].map.sum((2, 3, 4)).tolist()  # a quarter of the 16 patches
    [[4.0, 4.0]]

    Args:
        look: the network that sees what was bought, a name for ``create_backbone``, or your own.
        num_classes: n.
        glance: ``small`` (`regard.backbones.GlanceNet`), or a convolutional network of timm by name, whose last
            features say where to look.
        budget: share of the patches that is bought.
        view: ``patches`` (a timm vision transformer computes these alone), ``crop`` (the look sees the window that was
            bought), ``masked`` (the whole image, zeros elsewhere).
        patch: side of a patch of the map in pixels; by default the look's own, or an eighth of the image's height.
        detail: pixels a patch that the small glance sees, in either direction; of a glance by name, the side of its
            image is the grid's times this.
        looks: in how many turns the budget is bought, in equal parts: each turn after the first has seen, in full
            resolution, what was bought before it. Not for ``view="crop"``.
        draws: random choices for each training image. With several, and with ``view="crop"``, the glance learns by how
            much better some of them do; see `regard.attention.GlanceAttention`.
        straight: learn by the straight-through gradient instead; by default for ``view="masked"`` with one look.
        schedule: with ``straight``, shares of training between which the budget falls from everything.
        places: ``learned``; or a control: ``random`` (drawn by the image's pixels: ``prediction`` is ``seeded``),
            ``center``, ``grid``.
        glance_options: of the glance's network.
        glance_pretrained: weights of a glance by name, as in ``create_backbone``.
        pretrained: of the look, likewise.
        input_size: (H, W) or (C, H, W) of the images, multiples of ``patch``.
        normalize: as in `AttentiveClassifier`, and so are ``prediction``, ``average``, ``multi_label``, ``classes``,
            ``preparation``.
        backbone_options: options of the look's network.

    Raises:
        RegardError: an image that is no whole number of patches, a look that cannot see by that ``view``, a view
            that cannot learn ``straight``, or one that has no several looks.
    """

    def __init__(
        self,
        look: str | nn.Module,
        num_classes: int,
        *,
        glance: str = "small",
        budget: float = 0.25,
        view: LookView = "patches",
        patch: int | None = None,
        detail: int = 4,
        looks: int = 1,
        draws: int | None = None,
        straight: bool | None = None,
        schedule: Sequence[float] = (0.0, 0.4),
        places: Places = "learned",
        glance_options: dict[str, Any] | None = None,
        glance_pretrained: bool | str = False,
        pretrained: bool | str | Path = False,
        input_size: tuple[int, ...] = (224, 224),
        normalize: Normalize | None = None,
        prediction: PredictionPath = "mean",
        average: Literal["probabilities", "logits"] = "probabilities",
        multi_label: bool = False,
        classes: Sequence[str] | None = None,
        preparation: dict[str, Any] | None = None,
        backbone_options: dict[str, Any] | None = None,
    ) -> None:
        own = constructor_arguments(locals())
        shape = image_shape(input_size)
        straight = view == "masked" and looks == 1 if straight is None else straight
        prediction = "seeded" if places == "random" else prediction
        if straight and view == "patches":
            raise RegardError(
                "straight=True: the gradient is that of patches that were not bought too, which view='patches' does "
                "not compute; leave straight out, or take view='masked'"
            )
        bought: Bought = "window" if view == "crop" else "patches"
        network = _look(look, num_classes, shape, pretrained, backbone_options) if view != "crop" else None
        side = patch or _patch_of(network, shape)
        grid = _grid(shape, side)
        seen = (grid[0] * detail, grid[1] * detail)
        attention = GlanceAttention(
            _glance(glance, num_classes, shape[0], grid, detail, glance_options or {}, glance_pretrained)
            if places == "learned"
            else None,
            grid,
            seen,
            budget,
            bought=bought,
            straight=straight,
            schedule=(float(schedule[0]), float(schedule[1])),
            places=places,
            again=SeenNet((side, side), grid, in_chans=shape[0]) if looks > 1 and places == "learned" else None,
            looks=looks,
        )
        window = attention.window if bought == "window" else None
        if network is None:
            size = (shape[0], attention.window[0] * side, attention.window[1] * side)
            network = _look(look, num_classes, size, pretrained, backbone_options)
        trunk = Look(network, view, grid, count=attention.count, window=window)
        super().__init__(
            trunk,
            num_classes,
            at=PIXELS,
            attention=lambda _: attention,
            pretrained=pretrained,
            input_size=input_size,
            normalize=normalize,
            prediction=prediction,
            average=average,
            multi_label=multi_label,
            layout="NCHW",
            classes=classes,
            preparation=preparation,
        )
        self.view: LookView = view
        self.draws = draws or (1 if straight or places != "learned" else 4)
        settled = ("input_size", "normalize", "preparation", "classes")
        own["prediction"] = prediction
        self.config = own | {name: self.config[name] for name in settled}
        self.config["schedule"] = list(schedule)

    @property
    def attention(self) -> GlanceAttention:
        """Glance, budget and choice."""
        attention = attended(self.trunk)[PIXELS].attention
        assert isinstance(attention, GlanceAttention)
        return attention

    def choices(self, images: Float[Tensor, "B C H W"], shares: Sequence[float]) -> Float[Tensor, "K B 1 h w"]:
        """What the glance would buy of images in [0,1] under other budgets, see `GlanceAttention.choices`.

        A map of these is a ``map_override`` of ``predict``: the look then sees that much, for which it was not trained.

        >>> import torch
        >>> model = GlanceClassifier("compact", 10, view="masked", input_size=(32, 32), backbone_options={})
        >>> model.choices(torch.rand(1, 3, 32, 32), (1 / 64, 0.5)).sum((1, 2, 3, 4)).tolist()
        [1.0, 32.0]
        """
        with eval_mode(self):
            return self.attention.choices(self._normalized(images), shares)

    def low(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C gh gw"]:
        """What the glance sees of images in [0,1]: their averages over squares, normalised."""
        return self.attention.low(self.normalized(images))

    def normalized(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Images in [0,1] as glance and look see them."""
        return self._normalized(images)

    def purchases(self, images: Float[Tensor, "B C H W"]) -> Int[Tensor, "B 1 h w"]:
        """In which order patches of images in [0,1] are bought: 1 is the first; 0 is not bought.

        A window is bought at once, and its patches are all 1. The first ``attention.counts[0]`` are the first look's,
        the next ``attention.counts[1]`` the second's, and so on.

        >>> import torch
        >>> model = GlanceClassifier("compact", 10, view="masked", looks=2, input_size=(32, 32))
        >>> model.purchases(torch.rand(1, 3, 32, 32)).unique().tolist() == list(range(17)), model.attention.counts
        (True, (8, 8))
        """
        with eval_mode(self):
            return self.attention.purchases(self._normalized(images))

    def _samples(self, samples: int | Samples | None) -> Samples:
        drawn = super()._samples(samples)
        if self.training and drawn.gate == 1:
            return Samples(self.draws, drawn.latent and self.draws, drawn.by_image)
        return drawn


def _look(
    look: str | nn.Module, num_classes: int, shape: tuple[int, int, int], pretrained: Any, options: Any
) -> nn.Module:
    if isinstance(look, nn.Module):
        fit_head(look, num_classes)
        return look
    size: dict[str, Any] = {"in_chans": shape[0], "img_size": shape[1:]}
    return create_backbone(look, num_classes, pretrained=pretrained, **size, **(options or {}))


def _patch_of(network: nn.Module | None, shape: tuple[int, int, int]) -> int:
    """Side of the look's own patches, else an eighth of the image's height."""
    own = getattr(getattr(network, "patch_embed", None), "patch_size", None)
    return int(own[0]) if own is not None else max(1, shape[1] // 8)


def _grid(shape: tuple[int, int, int], side: int) -> tuple[int, int]:
    if side < 1 or shape[1] % side or shape[2] % side:
        raise RegardError(
            f"patch={side}: images of {shape[1]}x{shape[2]} pixels are no whole number of patches; give a patch that "
            "divides both sides, or another input_size"
        )
    return shape[1] // side, shape[2] // side


def _glance(
    name: str,
    num_classes: int,
    channels: int,
    grid: tuple[int, int],
    detail: int,
    options: dict[str, Any],
    pretrained: bool | str,
) -> nn.Module:
    if name == "small":
        if pretrained is not False:
            raise RegardError("glance_pretrained: the small glance has no pretrained weights; name a network of timm")
        return GlanceNet(num_classes, detail=detail, in_chans=channels, **options)
    size = (grid[0] * detail, grid[1] * detail)
    network = create_backbone(name, num_classes, pretrained=pretrained, in_chans=channels, img_size=size, **options)
    glance = BackboneGlance(network, grid)
    with eval_mode(glance):
        glance(torch.zeros(1, channels, *size))  # one without positions is refused now
    return glance
