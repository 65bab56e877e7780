"""A small classifier in which the pixels that can matter are proved: a `GlanceClassifier` whose map is held.

    output = look(pixels where bought, else 0)

The look sees nothing but what was bought. With the map held, no other pixel can change a bit of the output
(`changed_outputs` tests it), so what is outside has the true relevance 0, whatever the look has learned.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.attention import Places, set_progress
from regard.metrics import controls
from regard.models import AttentiveClassifier, GlanceClassifier
from regard.objectives import Weights, information_loss

LOOK_WIDTHS = (12, 16, 32, 48)
"""Channels of the look, a `regard.backbones` network called ``compact``."""
_BATCH, _RATE, _DECAY = 32, 0.008, 0.01


def build_network(classes: int, size: int, *, patch: int, bought: int, places: Places, seed: int) -> GlanceClassifier:
    """An untrained network for square images that buys some patches: where its glance says, or at fixed places."""
    torch.manual_seed(seed)
    return GlanceClassifier(
        "compact",
        classes,
        budget=bought * (patch / size) ** 2,
        view="masked",
        patch=patch,
        places=places,
        input_size=(size, size),
        schedule=(0.0, 0.5),
        glance_options={"width": 16},
        backbone_options={"widths": list(LOOK_WIDTHS)},
    )


def train_network(
    model: GlanceClassifier,
    images: Float[Tensor, "N C H W"],
    labels: Int[Tensor, " N"],
    *,
    epochs: int,
    seed: int,
    on_epoch: Callable[[int, float], None] | None = None,
) -> None:
    """Trains look and glance together, in place: AdamW, one cycle of the learning rate, no augmentation.

    A world takes seconds, so this is a plain loop and no run of `regard.training`.
    """
    generator = torch.Generator().manual_seed(seed)
    steps = epochs * max(1, len(images) // _BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    torch.manual_seed(seed)
    model.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
    model.train()
    weights, step = Weights(), 0
    for epoch in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(images), generator=generator).split(_BATCH):
            if len(rows) < min(_BATCH, len(images)):
                continue
            set_progress(model, step / steps)
            output = model(images[rows])
            loss = information_loss(output, labels[rows], weights).total
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            total, step = total + float(loss.detach()), step + 1
        if on_epoch is not None:
            on_epoch(epoch, total * epochs / steps)
    set_progress(model, 1.0)
    model.eval()


class Held(nn.Module):
    """A trained network with the map of one image held: images (N,C,H,W) -> logits (N,n) of what was bought.

    Args:
        model: the network.
        map: (1,1,h,w), above zero where bought.
    """

    bought: Tensor

    def __init__(self, model: AttentiveClassifier, map: Float[Tensor, "1 1 h w"]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("bought", map)

    def forward(self, images: Float[Tensor, "N C H W"]) -> Float[Tensor, "N n"]:
        """Logits."""
        logits: Tensor = self.model(images, map_override=self.bought).logits[0]
        return logits

    @torch.no_grad()
    def predict(self, images: Float[Tensor, "N C H W"]) -> Float[Tensor, "N n"]:
        """Probabilities."""
        return self(images).softmax(1)

    def pixels(self, size: tuple[int, int]) -> Bool[Tensor, "1 1 H W"]:
        """Which pixels of an image were bought."""
        h, w = self.bought.shape[-2:]
        return self.bought.repeat_interleave(size[0] // h, 2).repeat_interleave(size[1] // w, 3) > 0


@torch.no_grad()
def held_maps(model: GlanceClassifier, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 h w"]:
    """What the network buys of each image: 1 where bought, else 0."""
    return (model(images).attention[0].map[0] > 0).float()


@torch.no_grad()
def changed_outputs(
    model: GlanceClassifier, images: Float[Tensor, "B C H W"], *, each: int, seed: int = 0
) -> tuple[int, int]:
    """How many outputs change by any bit when everything not bought is replaced, and how many were tried.

    Of each image ``each`` copies get there, in turn, another image's pixels, noise in [0,1], and values that are no
    numbers; the rest of the test is the same batch with the image itself.
    """
    changed, size = 0, (images.shape[2], images.shape[3])
    generator = torch.Generator().manual_seed(seed)
    others = images[controls.derangement(len(images), seed=seed)]
    for image, other, map in zip(images, others, held_maps(model, images), strict=True):
        held = Held(model, map[None])
        copies = image.expand(each, -1, -1, -1)
        noise = torch.rand(copies.shape, generator=generator)
        noise[::3] = other
        noise[1::3] = torch.nan
        replaced = torch.where(held.pixels(size), copies, noise)
        changed += int((held(copies) != held(replaced)).any(1).sum())
    return changed, each * len(images)
