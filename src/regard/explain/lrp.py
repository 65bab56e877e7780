"""Layer-wise relevance propagation through a vision transformer: what each patch's token contributes to the logit.

    map = sum over channels of  x * d f / d x   at the tokens x that enter the first block, where backwards

    linear layers, sums     as they are: gradient times input is the epsilon rule, epsilon -> 0
    LayerNorm               its standard deviation is a constant
    activations f(x)        x times the constant f(x) / x
    products A V and Q K    each factor gets half
    softmax                 as it is

This is AttnLRP (Achtibat et al. 2024, ICML, arXiv:2402.05602). With ``attention="constant"`` the matrices A are
constants and values get all (CP-LRP, Ali et al. 2022, ICML): then relevance is conserved, its sum over all tokens, the
class token included, is the logit but for what biases contribute. Values of the forward are the network's up to
rounding. It is written here, as lxt changes torch's classes for the whole process, and zennit leaves attention out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regard.backbones import locate
from regard.explain.context import ExplainContext
from regard.explain.transformer import attention_matrices, check_square, token_layout
from regard.types import Map, RegardError

AttentionRule = Literal["shared", "constant"]
"""Whether relevance goes through the attention matrices, or passes them as constants."""
_ACTIVATIONS = (nn.GELU, nn.SiLU, nn.ReLU, nn.Tanh, nn.Hardswish, nn.LeakyReLU, nn.ELU, nn.Mish)


def attn_lrp(context: ExplainContext, *, attention: AttentionRule = "shared") -> Map:
    """Relevance of each patch's token for the class's logit, with its sign.

    Args:
        context: model, images and target class.
        attention: ``shared`` as in AttnLRP, or ``constant`` as in CP-LRP.

    Raises:
        RegardError: no vision transformer whose blocks attend between all tokens.
    """
    with attention_matrices(context.network) as matrices, torch.no_grad():
        context.logits(context.images)
    check_square(context, matrices)
    layout, (H, W) = token_layout(context, matrices), context.images.shape[2:]
    names = [name for name, _ in matrices]
    first = locate(context.network, names[0].rpartition(".")[0])[2]
    entered: list[Tensor] = []

    def enter(_module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        entered.append(args[0].detach().requires_grad_())
        return (entered[0], *args[1:])

    with _rules(context.network, names, attention), first.register_forward_pre_hook(enter):
        logit = context.logits(context.images).gather(1, context.classes[:, None]).sum()
    (gradient,) = torch.autograd.grad(logit, entered[0], materialize_grads=True)
    relevance = (entered[0] * gradient).sum(2, keepdim=True).detach()
    return Map(layout.features(relevance, (H, W)).float(), "relevance")


@contextmanager
def _rules(network: nn.Module, names: list[str], rule: AttentionRule) -> Iterator[None]:
    """The network computes the same, with the gradients of the rules, inside the block."""
    with ExitStack() as stack:
        for module in network.modules():
            if isinstance(module, nn.LayerNorm):
                stack.enter_context(_instead(module, partial(_layer_norm, module)))
            elif isinstance(module, _ACTIVATIONS):
                stack.enter_context(_instead(module, partial(_activation, module.forward)))
        for name in names:
            module = locate(network, name)[2]
            if isinstance(module, nn.MultiheadAttention):
                stack.enter_context(_instead(module, partial(_multihead, module, rule)))
                continue
            stack.callback(setattr, module, "fused_attn", module.fused_attn)
            module.fused_attn = False  # type: ignore[assignment]
            projection, matrix = getattr(module, "qkv", None), getattr(module, "attn_drop", None)
            if not isinstance(projection, nn.Module) or not isinstance(matrix, nn.Module):
                raise RegardError(f"{name} has no joint projection of queries, keys and values; take another method")
            if rule == "shared":
                stack.enter_context(projection.register_forward_hook(lambda _module, _args, out: _half(out)))
                stack.enter_context(matrix.register_forward_pre_hook(lambda _module, args: (_half(args[0]),)))
            else:
                stack.enter_context(matrix.register_forward_pre_hook(lambda _module, args: (args[0].detach(),)))
        yield


@contextmanager
def _instead(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    own = vars(module).get("forward")
    vars(module)["forward"] = forward
    try:
        yield
    finally:
        vars(module).pop("forward")
        if own is not None:
            vars(module)["forward"] = own


def _half(x: Tensor) -> Tensor:
    """The same values, half the gradient."""
    return 0.5 * x + 0.5 * x.detach()


def _layer_norm(module: nn.LayerNorm, x: Tensor) -> Tensor:
    dims = tuple(range(-len(module.normalized_shape), 0))
    centred = x - x.mean(dims, keepdim=True)
    y = centred / (centred.square().mean(dims, keepdim=True) + module.eps).sqrt().detach()
    y = y if module.weight is None else y * module.weight
    return y if module.bias is None else y + module.bias


def _activation(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.no_grad():
        y = forward(x.clone())
        ratio = torch.where(x == 0, 0, y / torch.where(x == 0, 1, x))
    return x * ratio + torch.where(x == 0, y, 0).detach()


def _multihead(module: nn.MultiheadAttention, rule: AttentionRule, *args: Tensor, **kwargs: Any) -> Any:
    """Plain self-attention of torch, by its definition; `attention_matrices` has refused any other."""
    x = args[0] if module.batch_first else args[0].transpose(0, 1)
    projected = F.linear(x, module.in_proj_weight, module.in_proj_bias)
    projected = _half(projected) if rule == "shared" else projected
    q, k, v = projected.unflatten(2, (3, module.num_heads, module.head_dim)).permute(2, 0, 3, 1, 4)
    matrix = (q @ k.transpose(2, 3) / math.sqrt(module.head_dim)).softmax(-1)
    matrix = _half(matrix) if rule == "shared" else matrix.detach()
    y = module.out_proj((matrix @ v).transpose(1, 2).flatten(2))
    return (y if module.batch_first else y.transpose(0, 1)), None
