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
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import Layout, find_layout, layer_names, locate
from regard.explain.context import ExplainContext
from regard.types import Map, RegardError

Matrices = list[tuple[str, Float[Tensor, "B heads N N"]]]
"""Attention modules by name and their matrices, in the order in which they ran: row n holds the weights of token n over
all tokens."""


@contextmanager
def attention_matrices(network: nn.Module) -> Iterator[Matrices]:
    """Collects the attention matrices of a forward inside the block, in the graph; the network is restored afterwards.

    Raises:
        RegardError: no attention of timm or torch between tokens.
    """
    matrices: Matrices = []
    attending = []
    with ExitStack() as stack:
        for name in layer_names(network):
            module = locate(network, name)[2]
            dropout = getattr(module, "attn_drop", None)
            if "fused_attn" in vars(module) and isinstance(dropout, nn.Module):  # timm's
                stack.callback(setattr, module, "fused_attn", module.fused_attn)
                module.fused_attn = False  # type: ignore[assignment]
                attending.append(dropout.register_forward_pre_hook(partial(_take_input, matrices, name)))
                stack.enter_context(attending[-1])
            elif isinstance(module, nn.MultiheadAttention):
                by_definition = partial(_by_definition, matrices, name)
                attending.append(module.register_forward_hook(by_definition, with_kwargs=True))
                stack.enter_context(attending[-1])
        if not attending:
            raise RegardError(
                f"{type(network).__name__} has no attention between tokens, so there is nothing to roll out; "
                "take a vision transformer, or another method"
            )
        yield matrices


def _keep(matrices: Matrices, name: str, matrix: Tensor) -> None:
    if matrix.ndim == 4 and matrix.shape[2] > 1:  # not attention pooling, whose query is no token
        matrices.append((name, matrix))


def _take_input(matrices: Matrices, name: str, _dropout: nn.Module, args: tuple[Tensor, ...]) -> None:
    """What goes into the dropout of timm's attention is the matrix after its softmax."""
    _keep(matrices, name, args[0])


def _by_definition(
    matrices: Matrices, name: str, module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any], out: Any
) -> Any:
    """Replaces the output of an ``nn.MultiheadAttention`` by the same, computed step by step."""
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


def rollout(context: ExplainContext) -> Map:
    """Attention of all blocks multiplied, half of each the skip connection; not of one class."""
    with torch.no_grad(), attention_matrices(context.network) as matrices:
        context.logits(context.images)
    check_square(context, matrices)
    steps = []
    for _, attention in matrices:
        mixed = attention.mean(1) + torch.eye(attention.shape[-1], device=attention.device)
        steps.append(mixed / mixed.sum(-1, keepdim=True))
    return _map(context, matrices, steps)


def gradient_rollout(context: ExplainContext) -> Map:
    """Attention with a positive gradient for the class, added up over the blocks."""
    images = context.images.requires_grad_()  # explain() detached it, so it is not the caller's
    with attention_matrices(context.network) as matrices:
        chosen = context.linked_logits(images).gather(1, context.classes[:, None]).sum()
    check_square(context, matrices)
    attentions = [attention for _, attention in matrices]
    gradients = torch.autograd.grad(chosen, attentions, materialize_grads=True)
    steps = []
    for attention, gradient in zip(attentions, gradients, strict=True):
        relevant = (attention.detach() * gradient).relu().mean(1)
        steps.append(relevant + torch.eye(attention.shape[-1], device=attention.device))
    return _map(context, matrices, steps)


def check_square(context: ExplainContext, matrices: Matrices) -> None:
    """Whether the matrices are of all tokens to all tokens, so that their product means something."""
    sizes = {tuple(matrix.shape[2:]) for _, matrix in matrices}
    square = all(rows == columns for rows, columns in sizes)
    if len(sizes) != 1 or not square or {len(matrix) for _, matrix in matrices} != {len(context.images)}:
        raise RegardError(
            f"{type(context.network).__name__} attends within windows or changes its tokens on the way "
            f"(matrices {', '.join(map(str, sorted(sizes))) or 'none'}), so its blocks cannot be multiplied; take "
            "another method"
        )


def token_layout(context: ExplainContext, matrices: Matrices) -> Layout:
    """How the tokens that the matrices are about lie in memory.

    Raises:
        RegardError: tokens on a grid, or matrices between other things than tokens.
    """
    network, (C, H, W) = context.network, context.images.shape[1:]
    block = matrices[-1][0].rpartition(".")[0]
    layout, _ = find_layout(network, block, (C, H, W))
    if layout.kind != "tokens":
        raise RegardError(
            f"{type(network).__name__} keeps its tokens on a grid between blocks, and mixes them by other layers than "
            "attention too, so its blocks cannot be multiplied; take another method"
        )
    rows, columns = layout.grid_of((H, W))
    tokens = layout.prefix + rows * columns
    count = matrices[0][1].shape[-1]
    if count != tokens:
        raise RegardError(
            f"{type(network).__name__} has {tokens} tokens and matrices of {count}, so it attends between "
            "other things, such as channels; take another method"
        )
    return layout


def _map(context: ExplainContext, matrices: Matrices, steps: Sequence[Float[Tensor, "B N N"]]) -> Map:
    network, (H, W) = context.network, context.images.shape[2:]
    layout = token_layout(context, matrices)
    total = torch.eye(steps[0].shape[-1], device=steps[0].device).expand_as(steps[0])
    for step in steps:
        total = step.detach() @ total
    # timm's networks say what the head reads; torchvision's read the class token
    has_class_token = layout.prefix > 0 and getattr(network, "has_class_token", True)
    reads_class_token = has_class_token and getattr(network, "global_pool", "token") in ("token", "")
    read = total[:, :1] if reads_class_token else total[:, layout.prefix :].mean(1, keepdim=True)
    return Map(layout.features(read.transpose(1, 2), (H, W)).float(), "relevance")
