"""What a run is made of: one frozen dataclass for each part of a recipe, with the rules that its fields obey.

A rule about one part is checked when that part is made (`__post_init__`), a rule about several parts when the `Recipe`
is made (`Recipe._rules`). Names that only a network library knows are checked by `check_choices` when the network is
built, so that reading a recipe imports neither torch nor any library of networks.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from regard.constants import SIGMA
from regard.errors import RegardError
from regard.reading import check_name
from regard.training.ranges import broken_ranges

CLOSING = ("mask", "noise", "variational+mask", "variational+noise")
"""Attention whose random map, with anchors, has one anchor at zero."""
ATTENTION_MAPS = ("variational", "deterministic", "uniform", "center", "random")
ATTENTION_GATES = ("residual", "mask", "noise")
ATTENTION_NAMES = (
    *("noise", "aib", "mask", "deterministic", "deterministic-noise", "uniform", "center", "random"),
    *("abn", "cbam", "gap", "ltpa", "vit_ib"),
)
"""What `ModelRecipe.attention` may be, besides a map and a gate, such as ``uniform+mask``."""
MAP_BUDGETS = {"map_budget_bits": "bits", "kept_budget": "kept", "code_budget_bits": "code"}
"""Field of `ObjectiveRecipe` -> what the budget is put on."""
Donors = Literal["any", "same-class", "other-class"]
"""Which other images lend their gaze where gaze is shuffled; `regard.data.Among` in a module without torch."""


def _refuse(broken: bool, message: str) -> None:
    if broken:
        raise RegardError(f"recipe: {message}")


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


@dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """Backbone, attention and bottleneck."""

    backbone: str = "compact"
    """Any of regard's, timm's or torchvision's classifiers."""
    at: list[str] = field(default_factory=lambda: ["stage1"])
    """Modules whose output is attended; an empty list leaves the choice to the attention."""
    attention: str | None = "noise"
    """`noise` (every position has a price in bits), `aib` (the paper's), `mask`, `deterministic`, `uniform`, `center`,
    `random`; what others proposed: `gap`, `ltpa`, `abn`, `cbam`, `vit_ib`; null for none."""
    attention_options: dict[str, Any] = field(default_factory=dict)
    """Options of the attention, such as `initial`."""
    anchors: int | None = None
    """Quantize the map to this many learned anchors; null for a continuous map."""
    latent: int | None = 32
    """Dimensions of the Gaussian latent; null for no bottleneck."""
    decoder: str = "linear"
    """From the latent to logits: `linear`, `mlp`, `relu_linear`."""
    fcn: Literal["fcn32s", "fcn16s", "fcn8s"] = "fcn16s"
    """Of segmentation: reads the coarsest grid of features, the two, or the three coarsest."""
    attend: Literal["rgb", "flow", "both"] = "rgb"
    """Of task action: the stream whose layers are attended, that of images, that of flow, or both."""
    kl: Literal["exact", "released"] = "exact"
    """Of the latent: `exact` is a rate in bits; `released` the penalty of the paper's code, for reproduction only."""
    prior: Literal["standard", "learned"] = "standard"
    """Of the latent."""
    prediction: Literal["mean", "seeded"] = "mean"
    """How the network predicts: by the mean, or, seeded, by one sampled gate whose noise is a function of the image."""
    average: Literal["probabilities", "logits"] = "probabilities"
    """What is averaged over samples; the paper averages logits."""
    pretrained: bool | str = False
    """True: the library's own weights; a path: a local file (safetensors, or .pth without code)."""
    backbone_options: dict[str, Any] = field(default_factory=dict)
    """Options of the backbone, such as `widths`."""
    exclude_tokens: bool = False
    """In a vision transformer with `attention: mask`: tokens that the map closes leave the sequence uncomputed."""
    init: str | None = None
    """A finished run's folder: its weights are the start, the gate opens wide and closes to its budget. `plain`, with
    `train.plain_epochs`: the plain network that this run trains first. `probe`: the classifier starts as logistic
    regression on the pretrained network's features."""
    norms: Literal["batch", "frozen"] = "batch"
    """Batch normalisation of the backbone in training: by the batch, or, `frozen`, by the statistics that its weights
    came with, which are then kept. A few hundred images are too few to estimate others."""
    statistics: Literal["two", "shared"] | None = None
    """Of batch normalisation behind a gate: `two` keeps those of the sampled and of the mean path apart, the default
    with a noise gate; `shared` leaves the network's."""
    freeze: str | None = None
    """Freeze everything up to and including this module. `all`: everything but attention, so that the network of
    `init` or `pretrained` stays bit for bit what it is and gets a map."""
    match: Literal["parameters", "flops"] | None = None
    """Train, in place of this network, the plain one that has as many parameters, or computes as much: a wider
    one of its family, else one with a hidden layer before the classifier."""

    def __post_init__(self) -> None:
        name, parts = self.attention, (self.attention or "").split("+")
        of_parts = len(parts) == 2 and parts[0] in ATTENTION_MAPS and parts[1] in ATTENTION_GATES
        near = difflib.get_close_matches(name or "", ATTENTION_NAMES, n=3, cutoff=0.4)
        _refuse(
            name is not None and name not in ATTENTION_NAMES and not of_parts,
            f"model.attention {name!r}: no such mechanism; did you mean {' or '.join(near) or 'noise'}? There are "
            f"{', '.join(ATTENTION_NAMES)}, and a map and a gate, such as uniform+mask",
        )
        _refuse(
            self.anchors is not None and self.attention is None,
            f"model.anchors needs model.attention: anchors is {self.anchors}, so name an attention or set "
            "model.anchors to null",
        )
        _refuse(
            self.match is not None and not (self.attention or self.latent),
            f"model.match needs model.attention or model.latent: match is {self.match!r}, and without them the "
            "network is plain already",
        )
        _refuse(
            self.exclude_tokens and self.anchors is None and "keep" not in self.attention_options,
            "model.exclude_tokens needs a map that closes: set model.attention_options.keep, the share of tokens "
            "that stays, or model.anchors, one of which is zero",
        )


@dataclass(frozen=True, kw_only=True)
class ObjectiveRecipe:
    """Weights and budgets. Rates and prices are in nats, summed over each image and averaged over images."""

    beta: float = 0.002
    """Weight of the latent rate; where `budget_bits` is given, where its multiplier starts."""
    map_beta: float = 0.0
    """Weight of the gate price, where no budget keeps it."""
    code_beta: float = 0.0
    """Weight of the map's code length, where no budget keeps it; needs anchors."""
    budget_bits: float | None = 19.0
    """Find the beta at which the latent rate is this many bits per image."""
    map_budget_bits: float | list[float] | None = 4000.0
    """The gate lets this many bits per image through, on average, by construction: several layers together, or, where
    it is a list, each its own."""
    code_budget_bits: float | None = None
    """The map's anchors cost this many bits per image to send, on average, by construction."""
    kept_beta: float = 0.0
    """Weight of the expected share of positions that the map keeps, 0 to 1, where no budget keeps it; needs a gate that
    closes, and anchors."""
    kept_budget: float | None = None
    """Random maps keep this share of positions, on average, by construction."""
    per_image: bool = False
    """Every image pays the budget of the map, not their average."""
    open_until: float = 0.2
    """Share of training up to which the map may pay what it paid at the start."""
    closed_from: float = 0.7
    """Share of training from which it pays its budget; between the two it falls geometrically."""
    codebook: float = 0.4
    """Weight of the loss that moves anchors to the map."""
    commitment: float = 0.1
    """Weight of the loss that moves the map to its anchors."""
    warmup: float = 0.3
    """Share of training over which the weights of rates and prices rise from 0; budgets are enforced from there on.
    Without it the gate can close, and the latent rate fall to 0, before the network has learned to use them."""
    smoothing: float = 0.0
    """Label smoothing."""

    def __post_init__(self) -> None:
        for name in ("budget_bits", "map_budget_bits", "code_budget_bits"):
            bits = getattr(self, name)
            each = bits if isinstance(bits, list) else [] if bits is None else [bits]
            message = f"objective.{name} is {bits}; a budget must be above 0 bits, and finite"
            _refuse(not all(0 < one < math.inf for one in each), message)
            _refuse(bits == [], f"objective.{name} is []; a list has one for each attended layer")
        message = f"open_until is {self.open_until} and closed_from {self.closed_from}"
        message = f"objective.{message}; 0 <= objective.open_until <= objective.closed_from <= 1 must hold"
        _refuse(not 0 <= self.open_until <= self.closed_from <= 1, message)
        _refuse(not 0 <= self.warmup < 0.9, f"objective.warmup is {self.warmup}; 0 <= objective.warmup < .9 must hold")
        message = f"objective.kept_budget is {self.kept_budget}; it must be a share above 0 and below 1"
        _refuse(self.kept_budget is not None and not 0 < self.kept_budget < 1, message)
        asked = [name for name in MAP_BUDGETS if getattr(self, name) is not None]
        values = [f"{name} {'' if i else 'is '}{getattr(self, name)}" for i, name in enumerate(asked)]
        remedy = f"a map has one budget: leave one out, such as by --objective.{(asked or [''])[0]} null"
        _refuse(len(asked) > 1, f"objective.{' and '.join(values)}; {remedy}")

    def map_budget(self) -> dict[str, Any]:
        """The map's budget as options of an attention, or none."""
        asked = {of: getattr(self, name) for name, of in MAP_BUDGETS.items() if getattr(self, name) is not None}
        options = {"per_image": self.per_image, "schedule": [self.open_until, self.closed_from]}
        return {key: x for of, x in asked.items() for key, x in {"budget": x, "budget_of": of, **options}.items()}


@dataclass(frozen=True, kw_only=True)
class AlignRecipe:
    """Drawing attention towards where people look, or to the object, while the task is learned."""

    target: Literal["gaze", "mask"] = "gaze"
    """`gaze`: where people looked; `mask`: the object's mask, or its box where there is no mask, on the task's own
    images: a control for whether gaze helped, or any hint at the object's place. With `mask`, images of a set named in
    `gaze` still go through the network, but nothing is aligned on them."""
    gaze: str | None = None
    """Whose gaze: a data set with fixations (`osie`, `pascal_s`, `dut_omron`), or `own`, those on the task's images;
    null for none. Images of another set go through the network beside the task's, without a part in the task's loss."""
    root: str | None = None
    """Folder of that set; by default the one in REGARD_DATA."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of that set; its images come in the size of the task's."""
    loss: str = "kl"
    """kl, cc, nss, sim, bce, mse, cosine, combined, harmonizer, hinge."""
    weight: float = 1.0
    """Of the alignment loss; the task's has 1."""
    layer: int = -1
    """Which attended layer, in the order in which they run."""
    batch_size: int = 8
    """Images of another set per step and device."""
    sigma: float = SIGMA
    """Standard deviation of a fixation's density, as a share of the image's width: about one degree of visual angle."""
    shuffled: bool = False
    """The control: every image gets the gaze on another image, moved from the other's box to its own where boxes are
    known."""
    shuffled_from: Donors = "any"
    """Which other image: `any`, one of the `same-class`, or of an `other-class`."""

    def __post_init__(self) -> None:
        message = "align.shuffled shuffles gaze; set it to false where align.target is mask"
        _refuse(self.target == "mask" and self.shuffled, message)
        message = f"align.weight must be at least 0 and align.sigma above 0; they are {self.weight} and {self.sigma}"
        _refuse(self.weight < 0 or self.sigma <= 0, message)
        _refuse(self.batch_size < 1, f"align.batch_size must be at least 1; it is {self.batch_size}")

    @property
    def active(self) -> bool:
        """Whether anything is aligned."""
        return self.gaze is not None or self.target == "mask"


@dataclass(frozen=True, kw_only=True)
class ImposeRecipe:
    """A map that replaces that of the attended layers, in training and at test."""

    map: Literal["human", "human-shuffled", "random", "center", "uniform"] | None = None
    """`human`: where people looked at this image, an oracle that needs gaze at test; `human-shuffled`: where they
    looked at another one; `random`: smooth noise with a human map's values; `center`: the mean human map of the train
    split; `uniform`: one everywhere; null: the network's own map. An imposed map is not learned: take a fixed
    `model.attention`, such as `uniform`."""
    gaze: str = "own"
    """Whose gaze: `own`, on the task's images, or a data set with fixations, which lends `random` its values and
    `center` its mean."""
    root: str | None = None
    """Folder of that set; by default the one in REGARD_DATA."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of that set; its images come in the size of the task's."""
    sigma: float = SIGMA
    """Standard deviation of a fixation's density, as a share of the image's width."""
    shuffled_from: Donors = "any"
    """Whose map `human-shuffled` gives: that of `any` other image, one of the `same-class`, or of an `other-class`."""
    random_dose: bool = False
    """In training of `human`, mix each image's map with noise or another image's, by a share drawn anew in each epoch;
    the values stay. Mixed maps at test are then nothing new to the network."""

    def __post_init__(self) -> None:
        message = f"impose.random_dose mixes human maps; set it to false, or impose.map, now {self.map}, to human"
        _refuse(self.random_dose and self.map != "human", message)
        _refuse(self.sigma <= 0, f"impose.sigma must be above 0; it is {self.sigma}")


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
        _refuse(not inside, f"0 <= optim.betas < 1 must hold; they are {tuple(self.betas)}")
        message = f"optim.layer_decay is {self.layer_decay}; it must be above 0 and at most 1"
        _refuse(not 0 < self.layer_decay <= 1, message)


@dataclass(frozen=True, kw_only=True)
class TrainRecipe:
    """Length, batches, precision and devices."""

    epochs: int = 5
    """Passes over the training images."""
    batch_size: int = 32
    """Images per step and device."""
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
    surprise at the labels, is the finer one where validation images are few."""
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
    """One epoch of one step and one batch of validation: does everything run? The numbers mean nothing."""
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
        _refuse(self.cache_stem and self.compile, message)
        _refuse(self.views < 1, f"train.views must be at least 1; it is {self.views}")
        message = f"train.epochs and train.batch_size must be at least 1; they are {self.epochs} and {self.batch_size}"
        _refuse(self.epochs < 1 or self.batch_size < 1, message)
        message = f"train.plain_epochs must be at least 0; it is {self.plain_epochs}"
        _refuse(self.plain_epochs < 0, message)
        message = f"train.mean_share must be in [0,1); it is {self.mean_share}"
        _refuse(not 0 <= self.mean_share < 1, message)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole run: data, model, objective, optimiser, training, and the plain twin as its control.

    Every field has a default, and every part that is left out. Fields that contradict each other are a `RegardError`.

    Example:
        >>> from regard.training import ModelRecipe, ObjectiveRecipe, Recipe
        >>> Recipe().objective.budget_bits
        19.0
        >>> recipe = Recipe(model=ModelRecipe(latent=8), objective=ObjectiveRecipe(budget_bits=6.0))
        >>> recipe.model.latent, recipe.twin
        (8, True)
    """

    name: str = "default"
    """The run's folder is `runs/<name>`."""
    task: Literal["classification", "segmentation", "action"] = "classification"
    """A label per image, a mask of the salient object per image, or an action per clip."""
    defaults: Literal["situation", "fixed"] = "situation"
    """Of fields that are left out on the command line and in a file: by the `situation` (`regard.training.fit_recipe`),
    or `fixed`, as they are listed here."""
    data: DataRecipe = field(default_factory=DataRecipe)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    model: ModelRecipe = field(default_factory=ModelRecipe)
    objective: ObjectiveRecipe = field(default_factory=ObjectiveRecipe)
    align: AlignRecipe = field(default_factory=AlignRecipe)
    impose: ImposeRecipe = field(default_factory=ImposeRecipe)
    optim: OptimRecipe = field(default_factory=OptimRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
    twin: bool = True
    """Also train the plain network, the same in everything but attention and bottleneck: the control."""

    def __post_init__(self) -> None:
        check_name(self.name, "recipe: name")
        for message in broken_ranges(self):
            raise RegardError(f"recipe {self.name!r}: {message}")
        for broken, message in self._rules():
            if broken:
                raise RegardError(f"recipe {self.name!r}: {message}")

    def _rules(self) -> Iterator[tuple[bool, str]]:
        """The rules that concern several parts: whether each is broken, the fields that disagree and the remedy."""
        m, o, a, i, t = self.model, self.objective, self.align, self.impose, self.train
        segments, acts = self.task == "segmentation", self.task == "action"
        yield o.budget_bits is not None and m.latent is None, "objective.budget_bits needs model.latent"
        yield o.budget_bits is not None and m.kl != "exact", 'objective.budget_bits needs model.kl="exact"'
        unpriced = o.map_budget_bits is not None and "noise" not in (m.attention or "")
        yield unpriced, 'objective.map_budget_bits needs a gate with a price: model.attention="noise"'
        yield o.code_beta > 0 and m.anchors is None, "objective.code_beta needs model.anchors"
        yield o.code_budget_bits is not None and not m.anchors, "objective.code_budget_bits needs model.anchors"
        yield (
            (o.kept_budget is not None or o.kept_beta > 0) and not (m.anchors and m.attention in CLOSING),
            "objective.kept_budget and kept_beta need a map that can close: "
            "model.attention mask or noise, with model.anchors",
        )
        yield (
            segments and (m.latent is not None or m.exclude_tokens or m.match is not None),
            "task segmentation has no latent: set model.latent and objective.budget_bits to null; "
            "leave out model.exclude_tokens and model.match",
        )
        yield segments and t.compile, "train.compile is for task classification only"
        yield (
            acts and (m.exclude_tokens or m.match is not None or m.average != "probabilities"),
            "task action averages probabilities: leave out model.exclude_tokens, model.match and model.average",
        )
        two_stems = acts and (t.cache_stem or t.compile)
        yield two_stems, "task action has two stems: leave out train.cache_stem and train.compile"
        yield a.active and m.attention is None, "align needs model.attention"
        yield (
            i.map is not None and any((a.active, m.anchors, o.map_budget_bits, m.exclude_tokens)),
            "impose.map gives the map: leave out align, model.anchors, model.exclude_tokens and "
            "objective.map_budget_bits",
        )
        yield m.init == "probe" and m.pretrained is False, "model.init: probe needs model.pretrained"
        yield m.init == "probe" and m.latent is not None, "model.init: probe needs model.latent null: the latent is new"
        yield (
            acts and (m.init == "probe" or m.norms == "frozen"),
            ("task action has two networks: leave out model.init probe and model.norms"),
        )
        yield t.monitor == "nll" and segments, "train.monitor: nll is of labels; leave it out in segmentation"
        yield (
            (m.init == "plain") != (t.plain_epochs > 0),
            "model.init: plain and train.plain_epochs go together: the plain network is the start",
        )
        whole = m.freeze == "all"
        yield whole and m.attention is None, "model.freeze all leaves attention to learn: set model.attention"
        yield (
            whole and m.init is None and m.pretrained is False,
            "model.freeze all keeps a network: name it in model.init or model.pretrained",
        )
        yield (
            whole and m.latent is not None,
            "model.freeze all keeps the network's classifier: set model.latent and objective.budget_bits to null",
        )
        yield (
            whole and m.statistics == "two",
            "model.freeze all keeps the network's statistics: set model.statistics to shared",
        )
        yield (
            whole and self.twin,
            "model.freeze all: the plain twin would be the network that is kept; set twin to false",
        )
        yield t.cache_stem and m.freeze is None, "train.cache_stem needs model.freeze: the layer that ends the stem"
