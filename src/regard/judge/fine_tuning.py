"""A copy of a network that knows images with gaps: fine-tuned while random cells are removed (F-Fidelity's first step).

    minimise  mean over images of  KL( p(y | x) of the network || p(y | x with gaps) of the copy )

Zheng et al. 2025 fine-tune on labels; here the copy learns the network's own predictions, so that no labels are needed
and the copy keeps saying what the network says. It knows no map, so no method is favoured (Hooker et al. 2019, ROAR,
train anew for each).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.backbones import eval_mode
from regard.metrics import Baseline, Filling, removed_cells, replaced
from regard.types import ModelOutput, RegardError

Forward = Callable[[nn.Module, Float[Tensor, "B C H W"], Int[Tensor, " B"]], Float[Tensor, "B n"]]
"""A network, images and their numbers -> logits."""
_FEWEST = 8


def fine_tune(
    network: nn.Module,
    images: Float[Tensor, "N C H W"],
    *,
    beta: float = 0.1,
    cell: int = 1,
    baseline: Baseline | Filling = "mean",
    steps: int = 200,
    batch: int = 32,
    lr: float = 1e-3,
    seed: int = 0,
    forward: Forward | None = None,
) -> nn.Module:
    """A copy of a network that was fine-tuned on images of which a random share was removed; the network is unchanged.

    >>> from regard.metrics import f_fidelity
    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4))
    >>> copy = fine_tune(network, torch.rand(16, 3, 8, 8), beta=0.1, steps=3)
    >>> images, classes = torch.rand(2, 3, 8, 8), torch.tensor([0, 1])
    >>> f_fidelity(lambda x: copy(x).softmax(1), images, images[:, :1], classes, samples=4).gap.shape
    torch.Size([2])

    Args:
        network: images in [0,1] -> logits (B,n), or a classifier of regard.
        images: some hundred, of the size that is judged, best not those that are.
        beta: largest share that is removed; each image has a share of its own between 0 and that.
        cell: side of what is removed at once, in pixels.
        baseline: what stands at removed pixels.
        steps: of training.
        batch: images of a step.
        lr: learning rate of Adam, at its highest.
        seed: of order, shares and cells; the global random state is unchanged.
        forward: for a network that is called otherwise.

    Raises:
        RegardError: fewer than eight images, no step, or a share outside (0,1].
    """
    if len(images) < _FEWEST or min(steps, batch, cell) < 1 or not 0 < beta <= 1:
        raise RegardError(
            f"fine_tune: {len(images)} images, beta={beta}, steps={steps}, batch={batch}, cell={cell}; at least "
            f"{_FEWEST} images are needed, some hundred do, a share in (0,1], and counts of at least 1"
        )
    forward = forward or logits_of
    tuned = copy.deepcopy(network).requires_grad_(True)
    devices = sorted({p.device.index or 0 for p in network.parameters() if p.device.type == "cuda"})
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam(tuned.parameters(), lr=lr)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
        size = (images.shape[2], images.shape[3])
        tuned.train()
        for _ in range(steps):
            rows = torch.randint(len(images), (min(batch, len(images)),), generator=generator)
            shown = images[rows.to(images.device)]
            share = beta * torch.rand(len(shown), generator=generator)
            removed = removed_cells(share, size, cell, generator).to(images.device)
            with torch.no_grad(), eval_mode(network):
                said = forward(network, shown, rows).log_softmax(1)
            answer = forward(tuned, replaced(shown, removed, baseline, seed=seed), rows).log_softmax(1)
            loss = F.kl_div(answer, said, log_target=True, reduction="batchmean")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
    return tuned.eval().requires_grad_(False)


def logits_of(network: nn.Module, images: Float[Tensor, "B C H W"], rows: Any = None) -> Float[Tensor, "B n"]:
    """Logits of a network, or of the first sample of a classifier of regard."""
    del rows
    out = network(images)
    logits: Tensor = out.logits[0] if isinstance(out, ModelOutput) else out
    return logits
