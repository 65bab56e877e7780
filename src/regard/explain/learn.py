"""Learning an amortised IBA (`regard.explain.amortized`) from images without labels, and the method of that name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import weights_hash
from regard.explain.amortized import FACTS, AmortizedIba, new_attention
from regard.explain.context import ExplainContext, preserve_state
from regard.explain.learner import ImageFiles, Learner, Seen, Target
from regard.explain.split import SplitNetwork
from regard.listing import IMAGE_SUFFIXES, list_files
from regard.owner import owned
from regard.types import Map, RegardError

_FEWEST = 8


def learn_amortized_iba(
    model: nn.Module,
    images: Float[Tensor, "N C H W"] | ImageFiles | Iterable[Tensor],
    *,
    layer: str | None = None,
    bits: float | None = None,
    keep: float = 0.98,
    target: Target = "probabilities",
    held_out: float = 0.25,
    steps: int = 600,
    batch: int = 32,
    lr: float = 3e-3,
    seed: int = 0,
) -> AmortizedIba:
    """Learns maps in bits for a network that is left as it is, from images without labels.

    >>> import timm
    >>> network = timm.create_model("resnet10t", num_classes=10).eval()
    >>> learned = learn_amortized_iba(network, torch.rand(12, 3, 64, 64), layer="layer3", bits=500.0, steps=5)
    >>> round(learned.facts.bits)  # of held-out images, on average
    500
    >>> from regard.explain import explain
    >>> explain(network, torch.rand(2, 3, 64, 64), "amortized_iba", learned=learned).values.shape
    torch.Size([2, 1, 4, 4])

    Args:
        model: as in ``regard.explain.explain``; one class of several is its answer.
        images: some hundred, in [0,1] and of the size that is explained later: a tensor, files, or batches.
        layer: where the map lies; by default `iba`'s.
        bits: that an image pays on average; None for the fewest that keep the class.
        keep: share of held-out images that are to keep their class where ``bits`` is None.
        target: what is to be kept.
        held_out: share of the images on which thresholds and ``facts`` are measured.
        steps: of training.
        batch: images of a step.
        lr: learning rate of Adam, at its highest.
        seed: of the split, the head, order and noise; the global random state is unchanged.

    Raises:
        RegardError: a layer that a path goes around, too few images, a multi-label network, or a share ``keep`` that
            even an open map does not reach.
    """
    if not isinstance(images, Tensor | ImageFiles):
        images = torch.cat(list(images))
    held = round(held_out * len(images))
    if len(images) < _FEWEST or not 0 < held < len(images):
        raise RegardError(
            f"{len(images)} images, {held} of them held out: at least {_FEWEST} are needed, some hundred do"
        )
    if not 0 < keep <= 1 or steps < 1 or (bits is not None and not bits > 0):
        raise RegardError(f"keep={keep}, steps={steps}, bits={bits}: a share, at least one step and bits above 0")
    asked = {"layer": layer, "bits": bits, "keep": keep, "target": target, "held_out": held_out}
    asked |= {"steps": steps, "batch": batch, "lr": lr, "seed": seed}
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
    with preserve_state(model), torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        order = torch.randperm(len(images))
        first = images[order[:1]]
        split = SplitNetwork(model, layer, (first.shape[1], first.shape[2], first.shape[3]))
        seen = Seen(split, images, batch)
        if ExplainContext(model, first).multi_label or seen.logits.shape[1] < 2:
            raise RegardError(f"{type(model).__name__} has no single predicted class to keep; take iba with a target")
        learner = Learner(split, seen, new_attention(split.channels), order[held:], order[:held], batch)
        learner.learn(bits, target, steps, lr)
        if bits is None:
            learner.settle(keep)
        facts = learner.facts(weights_hash(model))
    return AmortizedIba(learner.attention, split.layout, facts, asked=asked, prefix=split.prefix)


def amortized_iba(
    context: ExplainContext,
    *,
    learned: AmortizedIba | str | Path | None = None,
    learn_from: str | Path | Float[Tensor, "N C H W"] | None = None,
    bits: float | None = None,
    keep: float = 0.98,
    target: Target = "probabilities",
    steps: int = 600,
    seed: int = 0,
) -> Map:
    """Bits per position that let the network keep its own prediction, in one forward, by a head that learned once.

    It is not of one class: what is kept is the network's own prediction.

    Args:
        context: the model and its images.
        learned: what `learn_amortized_iba` returned; or a folder where it is kept: learned into it if it is empty.
        learn_from: a folder of images without labels, at any depth, or such images (N,C,H,W).
        bits: as in `learn_amortized_iba`, and so are the others.
        keep: likewise.
        target: likewise.
        steps: likewise.
        seed: likewise.

    Raises:
        RegardError: neither given; or what is kept was learned otherwise, or for a network of other weights.
    """
    options = {"bits": bits, "keep": keep, "target": target, "steps": steps, "seed": seed}
    size = (context.images.shape[2], context.images.shape[3])
    ready = learned_once(context.model, size, context.layer, learned=learned, learn_from=learn_from, **options)
    return ready["learned"](context)


def learned_once(
    model: nn.Module,
    size: tuple[int, int],
    layer: str | None,
    *,
    learned: AmortizedIba | str | Path | None = None,
    learn_from: str | Path | Tensor | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Options of `amortized_iba` with what is learned once: opened where it is kept, else learned (and kept)."""
    if isinstance(learned, AmortizedIba):
        return {"learned": learned}
    folder = None if learned is None else Path(learned)
    if folder is not None and (folder / FACTS).exists():
        opened = AmortizedIba.load(folder)
        opened.check(model)
        given = options | {"layer": layer} if layer else options
        other = [key for key, value in given.items() if learn_from is not None and opened.asked.get(key) != value]
        if other:
            raise RegardError(
                f"{folder} holds what was learned with {other[0]}={opened.asked.get(other[0])}, not {given[other[0]]}; "
                "name another folder to learn again"
            )
        return {"learned": opened}
    if learn_from is None:
        where = "" if folder is None else f"{folder} holds nothing learned; "
        raise RegardError(
            f"{where}it learns once, from images without labels: give learn_from, a folder of some hundred "
            "(--learn-from on the command line), or learned, what it learned before"
        )
    images = learn_from if isinstance(learn_from, Tensor) else _files(Path(learn_from), size)
    if folder is None:
        return {"learned": learn_amortized_iba(model, images, layer=layer, **options)}
    with owned(folder, option="--learned"):
        if (folder / FACTS).exists():  # another process learned it meanwhile
            return learned_once(model, size, layer, learned=folder, learn_from=learn_from, **options)
        found = learn_amortized_iba(model, images, layer=layer, **options)
        found.save(folder)
    return {"learned": found}


def _files(folder: Path, size: tuple[int, int]) -> ImageFiles:
    paths = tuple(list_files(folder, IMAGE_SUFFIXES))
    if len(paths) < _FEWEST:
        raise RegardError(
            f"{folder}: {len(paths)} images; at least {_FEWEST} are needed to learn from, some hundred do"
        )
    return ImageFiles(paths, size)
