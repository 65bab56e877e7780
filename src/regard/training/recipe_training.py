"""The parts of a recipe that say how it is trained: data, augmentation, optimiser, length and devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from regard.training.ranges import refuse


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """The data set."""

    name: str = "clutter"
    """A data set of the catalog: see `regard data list`."""
    root: str | None = None
    """Folder of a set that is not generated; by default the one in REGARD_DATA."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the data set, such as `size` and `train` of clutter."""
    workers: int = 2
    """Processes that read images, for sets that do not fit into memory."""
    shuffle_labels: bool = False
    """Permute the labels of train and val: a network that learns nothing of images, for `regard judge --shuffled`."""


@dataclass(frozen=True, kw_only=True)
class AugmentRecipe:
    """Augmentation of training images, on the training device, a whole batch at once."""

    crop_padding: int = 4
    """Pad by this many pixels (reflected), then crop back at random."""
    flip: bool = False
    """Mirror left to right; never for digits and letters."""
    brightness: float = 0.0
    """Factor drawn from [1-b, 1+b]."""
    contrast: float = 0.0
    """Factor drawn from [1-c, 1+c]."""
    erase: float = 0.0
    """Probability that a rectangle is erased."""
    mixup: float = 0.0
    """Alpha of MixUp: images of a batch mixed in pairs, labels in the same shares; 0 for none, .2 is usual."""
    cutmix: float = 0.0
    """Alpha of CutMix: a rectangle of another image of the batch; 0 for none, 1 is usual. With both, a batch takes one
    of them."""
    transforms: list[str | dict[str, Any]] = field(default_factory=list)
    """Before all that: transforms of `torchvision.transforms.v2` by name, each alone or as `{NAME: {OPTION: VALUE}}`,
    or `module:name` of your own."""


@dataclass(frozen=True, kw_only=True)
class OptimRecipe:
    """Optimiser and learning rates."""

    name: Literal["muon", "adamw", "adam", "sgd"] = "muon"
    """Muon (orthogonalised updates for matrices and convolutions, AdamW for vectors and heads; learns the default set
    in half the epochs), AdamW, Adam, or SGD with Nesterov momentum .9."""
    lr: float = 3e-3
    """Peak learning rate; under `muon` that of AdamW's part, and a tenth of the matrices'."""
    backbone_lr: float | None = None
    """Of the backbone, where it differs: pretrained networks want less."""
    attention_lr: float | None = None
    """Of the modules that make the map, where it differs: beside a pretrained network they need more."""
    anchors_lr: float | None = None
    """Of the anchors, where it differs."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of the running first and second moments of Adam and AdamW, also of the part of `muon` that is AdamW."""
    layer_decay: float = 1.0
    """Factor by which the backbone's rate falls from each of its blocks to the one before it; the last has the full
    rate."""
    weight_decay: float = 0.02
    """Never on biases, norms and anchors."""
    schedule: Literal["onecycle", "cosine", "step", "constant"] = "onecycle"
    """`onecycle` (modern), `cosine` after a warm-up, `step` (the paper's: times `gamma` at every milestone)."""
    warmup_epochs: float = 1.0
    """Linear warm-up of `cosine` and `step`."""
    milestones: list[int] = field(default_factory=list)
    """Epochs of `step`."""
    gamma: float = 0.5
    """Factor of `step`."""
    clip: float | None = None
    """Largest gradient norm. Adam needs none, and clipping at 1 kept an attended network at chance for two epochs."""

    def __post_init__(self) -> None:
        inside = all(0 <= beta < 1 for beta in self.betas)
        refuse(not inside, f"0 <= optim.betas < 1 must hold; they are {tuple(self.betas)}")
        message = f"optim.layer_decay is {self.layer_decay}; it must be above 0 and at most 1"
        refuse(not 0 < self.layer_decay <= 1, message)


@dataclass(frozen=True, kw_only=True)
class TrainRecipe:
    """Length, batches, precision and devices."""

    epochs: int = 5
    """Passes over the training images."""
    batch_size: int = 32
    """Images per batch and device."""
    accumulate: int = 1
    """Batches whose gradients are averaged for one step: `batch_size` times `accumulate` images learn together, in the
    memory of `batch_size`. Batch normalisation still sees one batch."""
    plain_epochs: int = 0
    """Train the plain network for so many epochs first; this run, and its twin, go on from it. For `model.init: plain`.
    """
    mean_share: float = 0.0
    """Share of training batches that take the mean path, without noise in map, gate and latent."""
    seed: int = 0
    """Everything random is a function of it."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """bf16 pays off where the hardware has it."""
    channels_last: bool = True
    """Memory layout of convolutions; usually faster."""
    ema: float | None = None
    """Decay of an exponential moving average of the weights, which is then validated and kept in their place."""
    monitor: Literal["nll"] | None = None
    """The validation score by which epochs are compared: null takes the task's own, such as accuracy; `nll`, the
    negative log-likelihood of the labels, is the finer one where validation images are few."""
    keep: Literal["last", "best"] = "last"
    """Whose weights the run's model gets: the last epoch's, or those of the best one by `monitor`, of the epochs in
    which budgets hold."""
    patience: int | None = None
    """Stop when the score of `monitor` has not become better for this many epochs."""
    limit_train_batches: int | None = None
    """Steps of an epoch at most, to try a recipe out; null for all."""
    limit_val_batches: int | None = None
    """Batches of validation at most; null for all."""
    fast_dev_run: bool = False
    """One epoch of one step and one batch of validation, without a cache of a stem: does everything run? No result."""
    accelerator: str = "auto"
    """`cpu`, `gpu`, or `auto`: what is there."""
    devices: int = 1
    """Devices per node."""
    nodes: int = 1
    """Machines."""
    threads: int | None = None
    """Processor threads; what torch chooses by default."""
    compile: bool = False
    """Compile the network with torch.compile."""
    checkpointing: bool = False
    """Compute what the network's blocks keep for the backward pass again there instead: less memory, one forward more,
    the same numbers. Blocks with attention in them are left as they are."""
    tensorboard: bool = False
    """Also write TensorBoard event files (extra `tensorboard`)."""
    cache_stem: bool = False
    """Compute the features of the frozen layers (`model.freeze`) once per image and train on them; later runs with the
    same frozen layers, images and views find them on the disk. Masks, boxes and gaze are moved as the images were."""
    views: int = 4
    """With `cache_stem`: augmented views of a training image that are kept; an epoch takes one of them at random."""
    cache_dtype: Literal["float16", "float32"] = "float16"
    """With `cache_stem`: how features are kept: `float16` takes half the disk, `float32` is exact."""
    cache_folder: str | None = None
    """With `cache_stem`: the folder; null is `stems` in REGARD_CACHE, else in the platform's folder for caches."""

    def __post_init__(self) -> None:
        message = "train.cache_stem runs a part of the network, which train.compile cannot; set one of them to false"
        refuse(self.cache_stem and self.compile, message)
        message = "train.checkpointing runs blocks twice, which train.compile cannot; set one of them to false"
        refuse(self.checkpointing and self.compile, message)
        refuse(self.views < 1, f"train.views must be at least 1; it is {self.views}")
        message = f"train.epochs and train.batch_size must be at least 1; they are {self.epochs} and {self.batch_size}"
        refuse(self.epochs < 1 or self.batch_size < 1, message)
        message = f"train.plain_epochs must be at least 0; it is {self.plain_epochs}"
        refuse(self.plain_epochs < 0, message)
        message = f"train.mean_share must be in [0,1); it is {self.mean_share}"
        refuse(not 0 <= self.mean_share < 1, message)
