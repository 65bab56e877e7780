"""What is measured of a model in training and after: predictions of the mean and of one sample, and one-sample bits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from regard.metrics import accuracy, nll
from regard.models import AttentiveClassifier, Segmenter, TwoStream
from regard.types import NATS_PER_BIT, Batch, Map, ModelOutput, SegmenterOutput


@torch.no_grad()
def validate_batch(model: AttentiveClassifier | TwoStream, batch: Batch) -> dict[str, Tensor]:
    """Per-image accuracy and NLL of the mean, accuracy of one sample, and one-sample bits; absent where undefined."""
    output: ModelOutput = ask(model, batch, samples=0)
    mean = output.probabilities(model.multi_label)
    values = {"accuracy": accuracy(mean, batch.labels), "nll": nll(mean, batch.labels)} | kept_share(output)
    if not model.at and model.bottleneck is None:
        return values
    sampled: ModelOutput = ask(model, batch, samples=1)
    values["accuracy_one_sample"] = accuracy(sampled.probabilities(model.multi_label), batch.labels)
    for name, nats in sampled_rates(model, sampled).items():
        values[name] = nats / NATS_PER_BIT
    return values


def ask(model: Any, batch: Batch, *, samples: int) -> Any:
    """What a model says of a batch, or of what its frozen stem made of it, with the maps that are given with it.

    Of clips, it sees the flow, too.
    """
    more = {name: getattr(batch, name) for name in ("stem", "map_override", "flow")}
    return model(batch.images, samples=samples, **{name: x for name, x in more.items() if x is not None})


def show(model: Any, batch: Batch) -> Map:
    """The map of the last attended layer on a batch."""
    more = {name: getattr(batch, name) for name in ("map_override", "flow")}
    return model.explain(batch.images, **{name: x for name, x in more.items() if x is not None})


def sampled_rates(
    model: AttentiveClassifier | Segmenter | TwoStream, output: ModelOutput | SegmenterOutput
) -> dict[str, Tensor]:
    """Latent rate, gate price and map code length of a one-sample output, nats an image (B,); never to be added.

    The gate's is absent where something goes around the attention; with several layers prices and codes are summed.
    """
    rates: dict[str, Tensor] = {}
    if output.latent is not None:
        rates["latent_bits"] = output.latent.rate
    prices = [a.price[0].flatten(1).sum(1) for a in output.attention if a.price is not None]
    if prices and model.cut.is_cut:
        rates["gate_bits"] = torch.stack(prices).sum(0)
    lengths = [
        -a.log_prior[a.index[0]].flatten(1).sum(1)
        for a in output.attention
        if a.log_prior is not None and a.index is not None
    ]
    if lengths:
        rates["code_bits"] = torch.stack(lengths).sum(0)
    return rates


def kept_share(output: ModelOutput | SegmenterOutput) -> dict[str, Tensor]:
    """``kept_share``: share of positions (B,) that the map leaves open, averaged over layers; empty where none closes.

    Of the mean map, give an output without samples: it is what predicts, and what it closes need not be computed.
    """
    shares = [(a.map[0] > 0).float().flatten(1).mean(1) for a in output.attention if a.kept is not None]
    return {"kept_share": torch.stack(shares).mean(0)} if shares else {}


def expected_share(output: ModelOutput | SegmenterOutput) -> dict[str, Tensor]:
    """``expected_share``: the share of positions (B,) that random maps leave open, on average; empty where none closes.

    This is what a budget is put on. The mean map's share could be bought with means just below the boundary, which
    random maps cross half of the time: a network trained on those sees everything, and nothing once the mean predicts.
    """
    shares = [a.kept for a in output.attention if a.kept is not None]
    return {"expected_share": torch.stack(shares).mean(0)} if shares else {}
