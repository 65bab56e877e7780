"""LeGrad: how much a class's score, read from every block's tokens, reacts to each token's attention.

    map = mean over blocks l, heads h and rows i of  relu( d s_l / d A_l[h,i,:] ),     patches' columns

s_l is the class's logit if the network's head read the tokens of block l instead of the last ones. Bousselham et al.
2025 (ICCV, arXiv:2404.03214). The head is run on the tokens of each block by the network itself, with its blocks
passing them through, so that it costs two forwards and one of the embedding and the head for each block.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import locate
from regard.explain.context import ExplainContext
from regard.explain.transformer import attention_matrices, check_square, token_layout
from regard.types import Map, RegardError


def legrad(context: ExplainContext, *, blocks: int | None = None) -> Map:
    """Positive gradients of the class's score with respect to the attention, mean over blocks, heads and rows.

    Args:
        context: model, images and target class.
        blocks: only so many, the last ones; the paper takes all.

    Raises:
        RegardError: no vision transformer whose blocks attend between all tokens, or no block.
    """
    if blocks is not None and blocks < 1:
        raise RegardError(f"blocks={blocks}: at least one")
    images = context.images.requires_grad_()
    with attention_matrices(context.network) as matrices:
        with torch.no_grad():
            context.logits(images)
        check_square(context, matrices)
        names = [name.rpartition(".")[0] for name, _ in matrices]
        matrices.clear()
        modules = [locate(context.network, name)[2] for name in names]
        with _outputs(modules) as tokens:
            context.linked_logits(images)
    layout, (H, W) = token_layout(context, matrices), context.images.shape[2:]
    total = torch.zeros(())
    chosen = list(zip(matrices, tokens, strict=True))[-(blocks or len(tokens)) :]
    for (_, attention), out in chosen:
        with _passed_through(modules, out):
            score = context.linked_logits(images).gather(1, context.classes[:, None]).sum()
        (gradient,) = torch.autograd.grad(score, attention, retain_graph=True, materialize_grads=True)
        total = total + gradient.relu().mean((1, 2))
    rows = (total / len(chosen))[:, :, None]
    return Map(layout.features(rows, (H, W)).float().detach(), "relevance")


@contextmanager
def _outputs(modules: list[nn.Module]) -> Iterator[list[Float[Tensor, "B N D"]]]:
    """What each module returns in a forward inside the block, in the graph."""
    found: list[Tensor] = []
    with ExitStack() as stack:
        for module in modules:
            stack.enter_context(module.register_forward_hook(lambda _module, _args, out: found.append(out)))
        yield found


@contextmanager
def _passed_through(modules: list[nn.Module], last: Float[Tensor, "B N D"]) -> Iterator[None]:
    """Every module returns its input, and the last one these tokens, inside the block."""

    def same(x: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
        return x

    def given(*_args: Any, **_kwargs: Any) -> Tensor:
        return last

    before = [vars(module).get("forward") for module in modules]
    try:
        for module in modules:
            vars(module)["forward"] = given if module is modules[-1] else same
        yield
    finally:
        for module, own in zip(modules, before, strict=True):
            vars(module).pop("forward")
            if own is not None:
                vars(module)["forward"] = own
