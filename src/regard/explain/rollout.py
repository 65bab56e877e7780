"""Attention rolled out over a vision transformer's blocks: how much each patch reached what the head reads.

    rollout           R <- N(A + 1) R,           A = mean over heads, N rows to sum 1     Abnar and Zuidema 2020
    gradient_rollout  R <- R + relu(A dA) R,     mean over heads after the product,        Chefer et al. 2021
                      dA the gradient of the target's logit

R starts as the identity. The map is what the head reads: the row of the class token, or the mean of the patches' rows
where they are pooled. The first is the same for every class.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import Layout, locate
from regard.backbones.probe import find_layout
from regard.explain.question import Question
from regard.explain.token_attention import Matrices, attention_matrices
from regard.types import Map, RegardError

Matrix = Float[Tensor, "B N N"]


def rollout(question: Question) -> Map:
    """Attention of all blocks multiplied, half of each the skip connection; no class is asked for."""
    with torch.no_grad(), attention_matrices(question.network) as matrices:
        question.logits(question.images)
    steps = []
    for seen in matrices.seen:
        mixed = seen.mean(1) + torch.eye(seen.shape[-1], device=seen.device)
        steps.append(mixed / mixed.sum(-1, keepdim=True))
    return _map(question, matrices, steps)


def gradient_rollout(question: Question) -> Map:
    """Attention that speaks for the class, by its gradient, added up over the blocks."""
    images = question.images.requires_grad_()  # a tensor of our own: explain() detached it
    with attention_matrices(question.network) as matrices:
        chosen = question.linked_logits(images).gather(1, question.classes[:, None]).sum()
    gradients = torch.autograd.grad(chosen, matrices.seen, materialize_grads=True) if matrices.seen else ()
    steps = []
    for seen, gradient in zip(matrices.seen, gradients, strict=True):
        relevant = (seen.detach() * gradient).relu().mean(1)
        steps.append(relevant + torch.eye(seen.shape[-1], device=seen.device))
    return _map(question, matrices, steps)


def _map(question: Question, matrices: Matrices, steps: Sequence[Matrix]) -> Map:
    network, (C, H, W) = question.network, question.images.shape[1:]
    sizes = {tuple(step.shape[1:]) for step in steps}
    if len(sizes) != 1 or {len(step) for step in steps} != {len(question.images)}:
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
