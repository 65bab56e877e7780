"""Attention rolled out over a vision transformer's blocks: how much each patch reached what the head reads.

    rollout           R <- N(A + 1) R,           A = mean over heads, N rows to sum 1     Abnar and Zuidema 2020
    gradient_rollout  R <- R + relu(A dA) R,     mean over heads after the product,        Chefer et al. 2021
                      dA the gradient of the target's logit

R starts as the identity. The map is what the head reads: the row of the class token, or the mean of the patches' rows
where they are pooled. ``rollout`` is the same for every class.

Fused attention never forms its matrix. The network therefore computes attention step by step, by its own code (timm's
``fused_attn=False``) or, for torch's ``nn.MultiheadAttention``, by the definition, and hooks keep the matrices. Outputs
equal the fused network's up to rounding, and the matrices are those of the unfused network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import Layout, find_layout, layer_names, locate
from regard.explain.context import ExplainContext
from regard.types import Map, RegardError


@dataclass
class Matrices:
    """Attention matrices of one forward, in the order in which the blocks ran.

    Attributes:
        names: of the attention modules.
        values: (B,heads,N,N): row n holds the weights of token n over all tokens.
    """

    names: list[str] = field(default_factory=list)
    values: list[Float[Tensor, "B heads N N"]] = field(default_factory=list)


@contextmanager
def attention_matrices(network: nn.Module) -> Iterator[Matrices]:
    """Collects the attention matrices of a forward inside the block, in the graph; the network is restored afterwards.

    Raises:
        RegardError: no attention of timm or torch between tokens.
    """
    matrices = Matrices()
    modules = {name: locate(network, name)[2] for name in layer_names(network)}
    timm = {name: module for name, module in modules.items() if _is_timm(module)}
    torchs = {name: module for name, module in modules.items() if isinstance(module, nn.MultiheadAttention)}
    if not timm and not torchs:
        raise RegardError(
            f"{type(network).__name__} has no attention between tokens, so there is nothing to roll out; "
            "take a vision transformer, or another method"
        )
    fused = [(module, module.fused_attn) for module in timm.values()]
    hooks = []
    try:
        for name, module in timm.items():
            module.fused_attn = False  # type: ignore[assignment]
            hooks.append(_drop_of(module).register_forward_pre_hook(_taker(matrices, name)))
        for name, module in torchs.items():
            hooks.append(module.register_forward_hook(_by_definition(matrices, name), with_kwargs=True))
        yield matrices
    finally:
        for hook in hooks:
            hook.remove()
        for module, was in fused:
            module.fused_attn = was


def _is_timm(module: nn.Module) -> bool:
    return "fused_attn" in vars(module) and isinstance(getattr(module, "attn_drop", None), nn.Module)


def _drop_of(module: nn.Module) -> nn.Module:
    """The dropout of a timm attention: what goes in is the matrix after its softmax."""
    drop = module.attn_drop
    assert isinstance(drop, nn.Module)
    return drop


def _keep(matrices: Matrices, name: str, matrix: Tensor) -> None:
    if matrix.ndim == 4 and matrix.shape[2] == matrix.shape[3]:  # not attention pooling, whose query is no token
        matrices.names.append(name)
        matrices.values.append(matrix)


def _taker(matrices: Matrices, name: str) -> Any:
    def take(_module: nn.Module, args: tuple[Tensor, ...]) -> None:
        _keep(matrices, name, args[0])

    return take


def _by_definition(matrices: Matrices, name: str) -> Any:
    """Replaces the output of an ``nn.MultiheadAttention`` by the same, computed step by step."""

    def compute(module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any], out: Any) -> Any:
        assert isinstance(module, nn.MultiheadAttention)
        masks = {k: v for k, v in kwargs.items() if k in ("key_padding_mask", "attn_mask") and v is not None}
        same = module._qkv_same_embed_dim and module.bias_k is None and not module.add_zero_attn
        if len(args) < 3 or args[0] is not args[1] or args[0] is not args[2] or masks or not same:
            raise RegardError(f"{name} is not plain self-attention, so its matrix is unknown; take another method")
        x = args[0] if module.batch_first else args[0].transpose(0, 1)
        projected = F.linear(x, module.in_proj_weight, module.in_proj_bias)
        q, k, v = projected.unflatten(2, (3, module.num_heads, module.head_dim)).permute(2, 0, 3, 1, 4)
        matrix = (q @ k.transpose(2, 3) / math.sqrt(module.head_dim)).softmax(-1)
        _keep(matrices, name, matrix)
        y = module.out_proj((matrix @ v).transpose(1, 2).flatten(2))
        return (y if module.batch_first else y.transpose(0, 1), *out[1:])

    return compute


def rollout(context: ExplainContext) -> Map:
    """Attention of all blocks multiplied, half of each the skip connection; not of one class."""
    with torch.no_grad(), attention_matrices(context.network) as matrices:
        context.logits(context.images)
    steps = []
    for attention in matrices.values:
        mixed = attention.mean(1) + torch.eye(attention.shape[-1], device=attention.device)
        steps.append(mixed / mixed.sum(-1, keepdim=True))
    return _map(context, matrices, steps)


def gradient_rollout(context: ExplainContext) -> Map:
    """Attention with a positive gradient for the class, added up over the blocks."""
    images = context.images.requires_grad_()  # explain() detached it, so it is not the caller's
    with attention_matrices(context.network) as matrices:
        chosen = context.linked_logits(images).gather(1, context.classes[:, None]).sum()
    gradients = torch.autograd.grad(chosen, matrices.values, materialize_grads=True) if matrices.values else ()
    steps = []
    for attention, gradient in zip(matrices.values, gradients, strict=True):
        relevant = (attention.detach() * gradient).relu().mean(1)
        steps.append(relevant + torch.eye(attention.shape[-1], device=attention.device))
    return _map(context, matrices, steps)


def _map(context: ExplainContext, matrices: Matrices, steps: Sequence[Float[Tensor, "B N N"]]) -> Map:
    network, (C, H, W) = context.network, context.images.shape[1:]
    sizes = {tuple(step.shape[1:]) for step in steps}
    if len(sizes) != 1 or {len(step) for step in steps} != {len(context.images)}:
        raise RegardError(
            f"{type(network).__name__} attends within windows or changes its tokens on the way "
            f"(matrices {', '.join(map(str, sorted(sizes))) or 'none'}), so its blocks cannot be multiplied"
        )
    block = matrices.names[-1].rpartition(".")[0]
    layout, _ = find_layout(network, block, locate(network, block)[2], (C, H, W))
    total = torch.eye(steps[0].shape[-1], device=steps[0].device).expand_as(steps[0])
    for step in steps:
        total = step.detach() @ total
    read = total[:, :1] if _reads_class_token(network, layout) else total[:, layout.prefix :].mean(1, keepdim=True)
    return Map(layout.features(read.transpose(1, 2), (H, W)).float(), "relevance")


def _reads_class_token(network: nn.Module, layout: Layout) -> bool:
    """Timm's networks say what the head reads; torchvision's read the class token."""
    has = layout.prefix > 0 and getattr(network, "has_class_token", True)
    return bool(has) and getattr(network, "global_pool", "token") in ("token", "")
