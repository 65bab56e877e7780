"""One forward of a model on a batch, and the rates that it pays: what training, budgets and evaluation share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from regard.models import AttentiveClassifier, Samples, Segmenter, TwoStream
from regard.types import Batch, ModelOutput, SegmenterOutput

TaskModel = AttentiveClassifier | Segmenter | TwoStream


def forward_batch(model: Any, batch: Batch, *, samples: int | Samples | None = None) -> Any:
    """The model's output for a batch, with all that the batch holds of the images.

    Args:
        model: of any task, or its ``forward``.
        batch: images, and where it has them features of a frozen stem (``stem``), maps that replace the model's own
            (``map_override``) and the flow of clips.
        samples: as in the model's ``forward``; by default, in evaluation, the path by which the model predicts.
    """
    optional = {name: getattr(batch, name) for name in ("stem", "map_override", "flow")}
    return model(batch.images, samples=samples, **{name: x for name, x in optional.items() if x is not None})


def sampled_rates(model: TaskModel, output: ModelOutput | SegmenterOutput) -> dict[str, Tensor]:
    """Latent rate, gate price and map code length of a one-sample output, nats per image (B,); never to be added.

    The gate's is absent where something goes around the attention; with several layers prices and codes are summed.
    """
    rates: dict[str, Tensor] = {}
    if output.latent is not None:
        rates["latent_bits"] = output.latent.rate
    prices = [a.price[0].flatten(1).sum(1) for a in output.attention if a.price is not None]
    if prices and model.cut.is_cut:
        rates["gate_bits"] = torch.stack(prices).sum(0)
    coded = [(a.log_prior, a.index[0]) for a in output.attention if a.log_prior is not None and a.index is not None]
    lengths = [-log_prior[index].flatten(1).sum(1) for log_prior, index in coded]
    lengths += [a.code for a in output.attention if a.code is not None and a.index is None]
    if lengths:
        rates["code_bits"] = torch.stack(lengths).sum(0)
    return rates


def kept_share(output: ModelOutput | SegmenterOutput) -> dict[str, Tensor]:
    """``kept_share``: share of positions (B,) that the map leaves open, averaged over layers; empty where none closes.

    For the share of the map that predicts, pass an output of the declared prediction: what that map closes need not be
    computed.
    """
    shares = [(a.map[0] > 0).float().flatten(1).mean(1) for a in output.attention if a.kept is not None]
    return {"kept_share": torch.stack(shares).mean(0)} if shares else {}


def expected_share(output: ModelOutput | SegmenterOutput) -> dict[str, Tensor]:
    """``expected_share``: the share of positions (B,) that random maps leave open, on average; empty where none closes.

    A budget is put on this share, not on that of the mean map: means just below the boundary make the latter small,
    while random maps cross the boundary half of the time. A network trained on those sees everything in training, and
    nothing once the mean predicts.
    """
    shares = [a.kept for a in output.attention if a.kept is not None]
    return {"expected_share": torch.stack(shares).mean(0)} if shares else {}
