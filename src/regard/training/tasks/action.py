"""Action recognition: an action a clip, by a two-stream network."""

from __future__ import annotations

from regard.data import DataSplits, Split, evenly_spaced
from regard.models import TwoStream, TwoStreamOutput
from regard.objectives import Losses, Weights, charged, task_loss
from regard.training.forward import validate_batch
from regard.training.recipe import Recipe
from regard.training.tasks.classification import seen
from regard.training.tasks.kind import Kind
from regard.training.tasks.network import label_arguments, network_arguments
from regard.types import Batch, RegardError


def build(recipe: Recipe, data: DataSplits) -> TwoStream:
    """The recipe's network in both streams, for the data's classes, frame size and length of flow.

    Raises:
        RegardError: the data has no flow.
    """
    m, first = recipe.model, data.train.batch([0])
    if first.flow is None:
        raise RegardError(
            f"task action: data set {recipe.data.name!r} has no clips; take moving_clutter, or ucf_sports"
        )
    return TwoStream(
        **network_arguments(m, data, first),
        **label_arguments(m, data),
        length=first.flow.shape[1] // 2,
        attend=m.attend,
        flow_std=flow_std(data.train),
    )


def flow_std(split: Split, *, limit: int = 500) -> float:
    """Root mean square of the flow of at most ``limit`` evenly spaced items; 1 where nothing moves."""
    total, number = 0.0, 0
    for part in evenly_spaced(len(split), limit).split(64):
        flow = split.batch(part).flow
        assert flow is not None
        total, number = total + float(flow.double().square().sum()), number + flow.numel()
    return (total / number) ** 0.5 or 1.0


def loss(output: TwoStreamOutput, batch: Batch, weights: Weights, warmup: float) -> Losses:
    """Cross-entropy of each stream's own answer, added up, and what is paid for bits.

    The streams learn apart, as Simonyan and Zisserman have it: through the averaged probabilities alone, the stream
    that learns faster would leave the other without an error to learn from.
    """
    own = [
        task_loss(logits, batch.labels, smoothing=weights.smoothing, shares=batch.weights) for logits in output.streams
    ]
    said = [
        task_loss(logits, batch.labels, smoothing=weights.smoothing, shares=batch.weights)
        for logits in output.auxiliary
    ]
    auxiliary = sum(said[1:], said[0]) if said else None
    task = sum(own[1:], own[0])
    return charged(task, output.attention, weights, latent=output.latent, auxiliary=auxiliary, warmup=warmup)


ACTION = Kind(
    model=TwoStream,
    build=build,
    loss=loss,
    seen=seen,
    validate=validate_batch,
    validated=("accuracy", "accuracy_one_sample", "nll", "latent_bits", "gate_bits", "code_bits", "kept_share"),
    monitor="accuracy",
)
