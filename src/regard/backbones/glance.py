"""The two networks of a glance: the small one that says where to look, and the one that looks at what was bought.

`GlanceNet` (or the features of a network by name, `BackboneGlance`) sees the image in low resolution. `Look` is a
network in which the attention stands on the pixels, layer ``pixels``; behind it the network computes what was bought:

    masked    the whole image, zeros where nothing was bought; any network; saves nothing
    patches   a vision transformer of timm; only bought patches are embedded and go through the blocks, at their own
              positions. Equal to masking the others as keys (``drop=False``), up to rounding
    crop      the smallest window that holds what was bought, at the image's resolution; any network that takes images
              of that size

In a batch whose images keep different numbers of patches, which only given maps do, the longest sequence decides and
the others are padded with masked patches; crops of different sizes are computed one by one.
"""

from __future__ import annotations

import inspect
import math
from itertools import pairwise
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from regard.backbones.attended import attended
from regard.backbones.exclusion import POOLS
from regard.backbones.head import head_name
from regard.backbones.kept_tokens import KeptTokens
from regard.backbones.networks.compact import Residual, convolution
from regard.backbones.recorder import Recorder, active, run
from regard.types import RegardError

LookView = Literal["patches", "crop", "masked"]
PIXELS = "pixels"
"""Layer at which a `Look` is attended."""


class GlanceNet(nn.Module):
    """Low-resolution images (B,C,d h,d w) -> logits of patches (B,1,h,w), and class scores (B,n).

    Convolutions down to the grid of patches, then a residual block there and one at half of it, whose sum is read. The
    class scores are for training alone: what tells classes apart in low resolution also tells where they are.

    Args:
        num_classes: n.
        detail: d, pixels a patch in either direction that the glance sees; a power of two from 2 on.
        width: channels at the grid.
        in_chans: C.

    Raises:
        RegardError: another ``detail``.
    """

    def __init__(self, num_classes: int, *, detail: int = 4, width: int = 32, in_chans: int = 3) -> None:
        super().__init__()
        halvings = int(math.log2(detail)) if detail > 0 else 0
        if 2**halvings != detail or halvings < 1:
            raise RegardError(f"detail={detail}: a power of two from 2 on, the pixels a patch that the glance sees")
        widths = [in_chans, *[max(width // 2, 8)] * (halvings - 1), width]
        steps = [convolution(a, b, kernel=3 if k else 5, stride=2) for k, (a, b) in enumerate(pairwise(widths))]
        self.stem = nn.Sequential(*steps, Residual(width))
        self.around = nn.Sequential(convolution(width, width, stride=2), Residual(width))
        self.logit = nn.Conv2d(width, 1, 1)
        self.scores = nn.Linear(width, num_classes)
        nn.init.normal_(self.logit.weight, std=0.05)
        nn.init.zeros_(self.logit.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, low: Float[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B 1 h w"], Float[Tensor, "B n"]]:
        """Logits and class scores."""
        x = self.stem(low)
        y = self.around(x)
        x = x + F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return self.logit(x), self.classify(y)

    def features(self, low: Float[Tensor, "B C H W"]) -> Float[Tensor, "B c h w"]:
        """From which the class scores are computed."""
        return self.around(self.stem(low))

    def classify(self, features: Float[Tensor, "B c h w"]) -> Float[Tensor, "B n"]:
        """Class scores of `features`."""
        return self.scores(features.mean((2, 3)))


class BackboneGlance(nn.Module):
    """The same out of a convolutional network of timm: its last features, and its own classifier for the scores.

    Args:
        network: with ``forward_features`` (B,C,h',w') and ``forward_head``.
        grid: (h, w) of the patches, to which the logits are interpolated.

    Raises:
        RegardError: a network without them.
    """

    def __init__(self, network: nn.Module, grid: tuple[int, int]) -> None:
        super().__init__()
        channels = getattr(network, "num_features", None)
        if not hasattr(network, "forward_features") or not hasattr(network, "forward_head") or channels is None:
            raise RegardError(
                f"glance: {type(network).__name__} is no convolutional network of timm; take one of those"
            )
        self.network, self.grid = network, grid
        self.logit = nn.Conv2d(channels, 1, 1)
        nn.init.normal_(self.logit.weight, std=0.01)
        nn.init.zeros_(self.logit.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, low: Float[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B 1 h w"], Float[Tensor, "B n"]]:
        """Logits and class scores."""
        features = self.features(low)
        logits = F.interpolate(self.logit(features), size=self.grid, mode="bilinear", align_corners=False)
        return logits, self.classify(features)

    def features(self, low: Float[Tensor, "B C H W"]) -> Float[Tensor, "B c h w"]:
        """The network's last features.

        Raises:
            RegardError: they have no positions.
        """
        features: Tensor = self.network.forward_features(low)  # type: ignore[operator]  # checked
        if features.ndim != 4:
            raise RegardError(
                f"glance: features {tuple(features.shape)} have no positions; take a convolutional network"
            )
        return features

    def classify(self, features: Float[Tensor, "B c h w"]) -> Float[Tensor, "B n"]:
        """Class scores of `features`."""
        return self.network.forward_head(features)  # type: ignore[operator]  # checked


class Look(nn.Module):
    """Images (B,C,H,W) -> logits (B,n) of what was bought at the layer ``pixels``; of everything where nothing attends.

    Args:
        network: that looks.
        view: how it sees what was bought.
        grid: (h, w) of the patches.
        count: patches that a learned map buys, where it is the same number for each image.
        window: their rows and columns, where they are one window.

    Raises:
        RegardError: another view, or a network that cannot leave patches out.
    """

    attend_at = PIXELS

    def __init__(
        self, network: nn.Module, view: LookView, grid: tuple[int, int], *, count: int, window: tuple[int, int] | None
    ) -> None:
        super().__init__()
        if view not in get_args(LookView):
            raise RegardError(f"view={view!r}: one of {', '.join(get_args(LookView))}")
        if view == "patches":
            check_transformer(network, grid)
        if view == "crop" and getattr(getattr(network, "patch_embed", None), "strict_img_size", False):
            raise RegardError(
                f"view='crop': {type(network).__name__} takes images of one size, and crops of given maps have others; "
                "add backbone_options={'dynamic_img_size': True}, or take view='patches' or 'masked'"
            )
        self.pixels = nn.Identity()
        self.network, self.view, self.grid, self.count, self.window = network, view, grid, count, window
        head = head_name(network)
        self.pretrained_cfg = dict(getattr(network, "pretrained_cfg", None) or {})
        self.pretrained_cfg["classifier"] = f"network.{head}" if head else None

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B n"]:
        """Logits (B,n)."""
        layers = attended(self)
        if not layers:
            return self.network(self.pixels(images))
        recorder = active()
        if recorder is None or PIXELS not in recorder.layers:  # as an attended layer without a recorder
            return run(self.forward, Recorder(layers, samples=int(self.training)), images)
        y = self.pixels(images)
        if self.view == "masked":
            return self.network(y)
        given = bool(recorder.map_override)
        opened = recorder.outputs[-1].map.detach().flatten(0, 1) > 0
        if self.view == "crop":
            return self._cropped(y, opened, None if given else self.window)
        return self._of_patches(y, opened, drop=recorder.drop or not given, fixed=not given)

    def _cropped(self, y: Tensor, opened: Bool[Tensor, "N 1 h w"], window: tuple[int, int] | None) -> Tensor:
        size = (y.shape[2] // self.grid[0], y.shape[3] // self.grid[1])
        if window is not None:  # all alike, without a branch on the data
            top, left = (opened.any(axis)[:, 0].to(torch.uint8).argmax(1) for axis in (3, 2))
            rows = (top * size[0])[:, None] + torch.arange(window[0] * size[0], device=y.device)
            columns = (left * size[1])[:, None] + torch.arange(window[1] * size[1], device=y.device)
            picked = torch.arange(y.shape[0], device=y.device)[:, None, None]
            crop = y.permute(0, 2, 3, 1)[picked, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)
            return self.network(crop)
        parts = []
        for image, open_ in zip(y, opened[:, 0], strict=True):
            (r0, r1), (c0, c1) = (_ends(open_.any(axis)) for axis in (1, 0))
            crop = image[None, :, r0 * size[0] : r1 * size[0], c0 * size[1] : c1 * size[1]]
            parts.append(self.network(crop))
        return torch.cat(parts)

    def _of_patches(self, y: Tensor, opened: Bool[Tensor, "N 1 h w"], *, drop: bool, fixed: bool) -> Tensor:
        vit: VisionTransformer = self.network  # type: ignore[assignment]  # checked
        weights = opened.flatten(1)
        if self.grid != vit.patch_embed.grid_size:
            times = [p // g for p, g in zip(vit.patch_embed.grid_size, self.grid, strict=True)]
            weights = opened.repeat_interleave(times[0], 2).repeat_interleave(times[1], 3).flatten(1)
        times_count = weights.shape[1] // opened[0].numel()
        place, kept = _places(weights, self.count * times_count if fixed else None, drop=drop)
        x = _embedded(vit, y, place)
        key_mask = None
        tokens = KeptTokens(kept.to(x.dtype), clean=True)
        if not fixed and not bool(kept.all()):
            key_mask = tokens.key_mask(x.shape[1])
        for block in vit.blocks:
            x = block(x) if key_mask is None else block(x, attn_mask=key_mask)
        x = vit.norm(x)
        x = tokens.pool(x[:, vit.num_prefix_tokens :], 1)[:, 0] if vit.global_pool == "avg" else x[:, 0]
        return vit.head(vit.head_drop(vit.fc_norm(x)))


def check_transformer(network: nn.Module, grid: tuple[int, int]) -> None:
    """Raises RegardError for a network of which patches of a grid cannot be left out."""
    if not isinstance(network, VisionTransformer):
        raise RegardError(
            f"view='patches': {type(network).__name__} is not a plain vision transformer of timm (vit_*, deit*); take "
            "view='crop' or 'masked'"
        )
    proj = getattr(network.patch_embed, "proj", None)
    plain = isinstance(proj, nn.Conv2d) and proj.stride == proj.kernel_size and proj.padding == (0, 0)
    if not isinstance(proj, nn.Conv2d) or not plain or network.dynamic_img_size:
        raise RegardError(
            f"view='patches': {type(network).__name__} does not cut its patches out by one convolution for images of "
            "one size; take view='crop' or 'masked'"
        )
    own = network.patch_embed.grid_size
    if own[0] % grid[0] or own[1] % grid[1]:
        raise RegardError(
            f"patch: the map's {grid[0]}x{grid[1]} patches are not whole numbers of the {own[0]}x{own[1]} patches of "
            f"{type(network).__name__}; leave patch out, or give a multiple of {proj.kernel_size[0]}"
        )
    tokens = network.num_prefix_tokens if network.global_pool == "token" else 1
    if network.global_pool not in POOLS or network.attn_pool is not None or tokens < 1:
        raise RegardError(f"view='patches': global_pool={network.global_pool!r}; a class token or avg is needed")
    if not isinstance(network.patch_drop, nn.Identity):
        raise RegardError("view='patches': patch_drop_rate leaves patches out too; set it to 0")
    for block in network.blocks:
        if "attn_mask" not in inspect.signature(type(block).forward).parameters:
            raise RegardError(f"view='patches': {type(block).__name__} takes no mask of keys; take view='masked'")


def _places(opened: Bool[Tensor, "N P"], count: int | None, *, drop: bool) -> tuple[Tensor, Tensor]:
    """Numbers of the patches to compute (N,m), in their order, and which of them were bought (N,m).

    With ``count`` every image has so many. Where an image has none, its first patch, of zeros, stands for it.
    """
    number = torch.arange(opened.shape[1], device=opened.device)
    opened = opened | ((number == 0) & ~opened.any(1, keepdim=True))
    longest = (int(opened.sum(1).max()) if count is None else count) if drop else opened.shape[1]
    if longest == opened.shape[1]:
        place = torch.arange(longest, device=opened.device).expand(opened.shape[0], -1)
        return place, opened
    place = (opened.int() * opened.shape[1] - number).topk(longest, dim=1).indices  # bought ones first, in their order
    return place, opened.gather(1, place)


def _embedded(vit: VisionTransformer, y: Tensor, place: Tensor) -> Float[Tensor, "N m C"]:
    """Tokens of some patches (N,m), with their positions, behind the class token and registers."""
    proj = vit.patch_embed.proj
    assert isinstance(proj, nn.Conv2d), "checked"
    (h, w), (ph, pw) = vit.patch_embed.grid_size, proj.kernel_size
    pieces = y.reshape(y.shape[0], y.shape[1], h, ph, w, pw).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
    pieces = pieces.gather(1, place[..., None].expand(-1, -1, pieces.shape[2]))
    x = vit.patch_embed.norm(F.linear(pieces, proj.weight.flatten(1), proj.bias))
    prefix = [token.expand(x.shape[0], -1, -1) for token in (vit.cls_token, vit.reg_token) if token is not None]
    if vit.pos_embed is not None:
        front = 0 if vit.no_embed_class else vit.num_prefix_tokens
        x = x + vit.pos_embed[0, front:][place]
        if front and prefix:
            prefix = [torch.cat(prefix, 1) + vit.pos_embed[:, :front]]
    return vit.norm_pre(vit.pos_drop(torch.cat([*prefix, x], 1)))


def _ends(line: Bool[Tensor, " n"]) -> tuple[int, int]:
    """First true place and the one behind the last; the whole line where none is true."""
    places = line.nonzero()[:, 0].tolist()
    return (places[0], places[-1] + 1) if places else (0, len(line))
