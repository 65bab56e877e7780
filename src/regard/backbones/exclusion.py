"""Exclusion in a vision transformer: closed patches leave the sequence.

A gate that sets a token to zero does not exclude its patch yet. The class token has seen the patch in the blocks
before, and a token of zeros is still a key and still part of the mean. Here closed patches are no keys for the blocks
that follow, tokens in front of the patches that have seen them (class token, registers) leave with them, and the
classifier reads the mean of the kept patches. Then no path goes around the gate, and excluded tokens need not be
computed (see ``kept_tokens``).

Caveat: behind a block the features of a patch depend on the other patches. Attended at ``patch_embed`` nothing has
mixed yet, and the class token is kept and read as usual.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from regard.backbones.attended import Attended, attended
from regard.backbones.cut import find_cut
from regard.backbones.inspect import image_shape
from regard.backbones.recorder import active
from regard.types import RegardError

POOLS = ("token", "avg")


def exclude_tokens(model: nn.Module, *, input_size: tuple[int, ...]) -> nn.Module:
    """From now on, patches that an attended layer's map sets to zero leave the sequence, in place.

    Calls outside of ``record`` or an ``AttentiveClassifier`` are errors afterwards, since later blocks must know which
    patches are closed.

    Args:
        model: a vision transformer of timm (``vit_*``, ``deit*``) after ``attach`` at ``patch_embed`` or at blocks.
        input_size: (H, W), or (C, H, W), of the images.

    Raises:
        RegardError: another kind of network, of pooling, or of layer.
    """
    layers = attended(model)
    if not isinstance(model, VisionTransformer):
        raise RegardError(
            f"exclude_tokens: {type(model).__name__} is not a plain vision transformer of timm (vit_*, deit*), so "
            "tokens cannot leave its sequence; use the gate alone"
        )
    if model.global_pool not in POOLS or model.attn_pool is not None:
        raise RegardError(f"exclude_tokens: global_pool={model.global_pool!r}; kept patches are pooled as {POOLS} only")
    if not isinstance(model.patch_drop, nn.Identity):
        raise RegardError("exclude_tokens: patch_drop_rate changes the order of patches; set it to 0")
    blocks = list(model.blocks)
    starts = [_start(name, layer, blocks) for name, layer in layers.items()]
    for k, block in enumerate(blocks):
        inner = block.module if isinstance(block, Attended) else block
        if "attn_mask" not in inspect.signature(type(inner).forward).parameters:
            raise RegardError(f"exclude_tokens: {type(inner).__name__} takes no mask of keys")
        block.register_forward_pre_hook(partial(_mask_keys, k == max(starts)), with_kwargs=True)
    reads_class = model.global_pool == "token" and model.num_prefix_tokens > 0
    model.norm.register_forward_hook(partial(_pool, model.num_prefix_tokens, reads_class))
    for layer in layers.values():
        layer.excludes = True
    cut = find_cut(model, image_shape(input_size))
    for layer in layers.values():
        layer.cut = cut
    return model


def _start(name: str, layer: Attended, blocks: list[nn.Module]) -> int:
    """Number of the first block behind an attended layer."""
    if layer.layout.kind == "tokens" and name == "patch_embed":
        return 0
    if layer not in blocks:
        raise RegardError(f"exclude_tokens: attended at {name}; patches can leave at patch_embed or behind a block")
    return blocks.index(layer) + 1


def _mask_keys(drops: bool, _block: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any]) -> Any:
    """Before a block: excluded tokens are no keys; behind the last attended layer they are dropped, where allowed."""
    recorder = active()
    if recorder is None or recorder.kept is None:
        return None
    x = args[0]
    if drops and recorder.drop:
        x, recorder.kept = recorder.kept.drop(x)
    return (x, *args[1:]), kwargs | {"attn_mask": recorder.kept.key_mask(x.shape[1])}


def _pool(prefix: int, reads_class: bool, _norm: nn.Module, _args: tuple[Tensor, ...], y: Tensor) -> Tensor | None:
    """After the last norm: the mean of the kept patches, unless a class token that may stay is what is read."""
    recorder = active()
    if recorder is None or recorder.kept is None or (reads_class and recorder.kept.clean):
        return None
    return recorder.kept.pool(y, prefix + 1)
