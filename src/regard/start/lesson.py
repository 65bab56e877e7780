"""What the notebooks learn from: images whose answer is known, a small network, and a short training.

The digits are those inside scikit-learn (UCI Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak,
CC BY 4.0); nothing is downloaded. It takes seconds on a processor. Serious training is that of `regard.training`.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from regard.attention import set_progress
from regard.models import AttentiveClassifier
from regard.objectives import Weights, information_loss
from regard.training import calibrate_attention
from regard.types import Batch, ModelOutput

SIDE = 32
"""Pixels of the square images; a digit has half of it."""
_NOISE = 0.6
_STROKE = 0.3
_BATCH = 64
_ModelT = TypeVar("_ModelT", bound=nn.Module)


def scenes(count: int, seed: int = 0) -> Batch:
    """A handwritten digit somewhere in coloured noise: images (N,3,32,32), labels, masks of the digit's strokes.

    >>> batch = scenes(4, seed=1)
    >>> batch.images.shape, batch.masks.shape, int(batch.labels.max()) < 10
    (torch.Size([4, 3, 32, 32]), torch.Size([4, 1, 32, 32]), True)
    """
    digits, names = load_digits(return_X_y=True)
    random, side = np.random.default_rng(seed), SIDE // 2
    images = random.uniform(0, _NOISE, (count, 3, SIDE, SIDE))
    masks, chosen = np.zeros((count, 1, SIDE, SIDE), bool), random.integers(len(names), size=count)
    for image, mask, k in zip(images, masks, chosen, strict=True):
        digit = np.kron(digits[k].reshape(8, 8) / 16, np.ones((2, 2)))
        y, x = random.integers(0, SIDE - side + 1, 2)
        place = np.s_[:, y : y + side, x : x + side]
        image[place] = np.maximum(image[place], digit)
        mask[place] = digit > _STROKE
    return Batch(
        torch.from_numpy(images).float(),
        torch.from_numpy(names[chosen]),
        torch.arange(count),
        masks=torch.from_numpy(masks),
    )


class SmallNetwork(nn.Module):
    """Images (B,3,H,W) -> logits (B,10): five convolutions, ``early`` at half the resolution, ``late`` at an eighth.

    >>> SmallNetwork()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self) -> None:
        super().__init__()
        self.early = nn.Sequential(_block(3, 16, 2), _block(16, 32, 1))
        self.late = nn.Sequential(_block(32, 64, 2), _block(64, 64, 1), _block(64, 64, 2))
        self.head = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.head(self.late(self.early(images)).mean((2, 3)))
        return logits


def fit_lesson(network: _ModelT, seen: Batch, *, steps: int = 200, lr: float = 1e-2, seed: int = 0) -> _ModelT:
    """Trains a network on random batches of 64 by AdamW, one cycle of the learning rate; then it is in evaluation mode.

    A plain network learns by cross-entropy; a model of regard by `information_loss`, with its budget falling from
    everything to what it asks, and calibrated at the end.

    >>> network = fit_lesson(SmallNetwork(), scenes(64), steps=1)
    >>> network.training
    False
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps + 1)
    order = torch.Generator().manual_seed(seed)
    network.train()
    for step in range(steps):
        batch = torch.randint(len(seen.images), (_BATCH,), generator=order)
        set_progress(network, step / steps)
        output, labels = network(seen.images[batch]), seen.labels[batch]
        attended = isinstance(output, ModelOutput)
        loss = information_loss(output, labels, Weights()).total if attended else _cross_entropy(output, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    set_progress(network, 1.0)
    if isinstance(network, AttentiveClassifier) and network.at:
        half = min(256, len(seen.images) // 2)
        calibrate_attention(network, seen.images[:half], seen.images[half : 2 * half])
    return network.eval()


@torch.no_grad()
def share_correct(network: nn.Module, seen: Batch) -> float:
    """Share of images whose likeliest class is right, by the prediction that the network declares."""
    output = network.eval()(seen.images)
    logits = output.logits.mean(0) if isinstance(output, ModelOutput) else output
    return float((logits.argmax(1) == seen.labels).float().mean())


def _block(inside: int, outside: int, stride: int) -> nn.Module:
    convolution = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.ReLU())


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, labels)
