"""The parts of a recipe that say what learns what: network, objective, alignment with people, imposed maps.

One frozen dataclass a part; a rule about one part is checked when that part is made. Names that only a network library
knows are checked by `check_choices` when the network is built, so that reading a recipe imports no such library.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from regard.constants import SIGMA
from regard.training.ranges import refuse

ATTENTION_MAPS = ("variational", "deterministic", "uniform", "center", "random")
ATTENTION_GATES = ("residual", "mask", "noise")
ATTENTION_NAMES = (
    *("noise", "aib", "mask", "deterministic", "deterministic-noise", "uniform", "center", "random"),
    *("abn", "cbam", "gap", "ltpa", "vit_ib"),
    "glance",
)
"""What `ModelRecipe.attention` may be, besides a map and a gate, such as ``uniform+mask``."""
OFF_WITH_GLANCE = {
    **{"at": "[]", "anchors": "null", "latent": "null", "freeze": "null", "statistics": "null"},
    "exclude_tokens": "false",
}
"""Fields of `ModelRecipe` that a glance has no use for -> how they are left out."""
MAP_BUDGETS = {"map_budget_bits": "bits", "kept_budget": "kept", "code_budget_bits": "code"}
"""Field of `ObjectiveRecipe` -> what the budget is put on."""
Donors = Literal["any", "same-class", "other-class"]
"""Which other images lend their gaze where gaze is shuffled; `regard.data.Among` in a module without torch."""


@dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """Backbone, attention and bottleneck."""

    backbone: str = "compact"
    """Any of regard's, timm's or torchvision's classifiers."""
    at: list[str] = field(default_factory=lambda: ["stage1"])
    """Modules whose output is attended; an empty list leaves the choice to the attention."""
    attention: str | None = "noise"
    """`noise` (every position has a price in bits), `aib` (the paper's), `mask`, `deterministic`, `uniform`, `center`,
    `random`; what others proposed: `gap`, `ltpa`, `abn`, `cbam`, `vit_ib`; `glance`, on the pixels: a small network
    buys `objective.kept_budget` of them, and the backbone sees those only; null for none."""
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
        refuse(
            name is not None and name not in ATTENTION_NAMES and not of_parts,
            f"model.attention {name!r}: no such mechanism; did you mean {' or '.join(near) or 'noise'}? There are "
            f"{', '.join(ATTENTION_NAMES)}, and a map and a gate, such as uniform+mask",
        )
        refuse(
            self.anchors is not None and self.attention is None,
            f"model.anchors needs model.attention: anchors is {self.anchors}, so name an attention or set "
            "model.anchors to null",
        )
        refuse(
            self.match is not None and not (self.attention or self.latent),
            f"model.match needs model.attention or model.latent: match is {self.match!r}, and without them the "
            "network is plain already",
        )
        for name, off in OFF_WITH_GLANCE.items() if self.attention == "glance" else ():
            refuse(
                bool(getattr(self, name)),
                f"model.{name} is {getattr(self, name)}, and model.attention glance, which stands on the pixels, takes "
                f"none: add --model.{name} {off}",
            )
        refuse(
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
            refuse(not all(0 < one < math.inf for one in each), message)
            refuse(bits == [], f"objective.{name} is []; a list has one for each attended layer")
        message = f"open_until is {self.open_until} and closed_from {self.closed_from}"
        message = f"objective.{message}; 0 <= objective.open_until <= objective.closed_from <= 1 must hold"
        refuse(not 0 <= self.open_until <= self.closed_from <= 1, message)
        refuse(not 0 <= self.warmup < 0.9, f"objective.warmup is {self.warmup}; 0 <= objective.warmup < .9 must hold")
        message = f"objective.kept_budget is {self.kept_budget}; it must be a share above 0 and below 1"
        refuse(self.kept_budget is not None and not 0 < self.kept_budget < 1, message)
        asked = [name for name in MAP_BUDGETS if getattr(self, name) is not None]
        values = [f"{name} {'' if i else 'is '}{getattr(self, name)}" for i, name in enumerate(asked)]
        remedy = f"a map has one budget: leave one out, such as by --objective.{(asked or [''])[0]} null"
        refuse(len(asked) > 1, f"objective.{' and '.join(values)}; {remedy}")

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
        refuse(self.target == "mask" and self.shuffled, message)
        message = f"align.weight must be at least 0 and align.sigma above 0; they are {self.weight} and {self.sigma}"
        refuse(self.weight < 0 or self.sigma <= 0, message)
        refuse(self.batch_size < 1, f"align.batch_size must be at least 1; it is {self.batch_size}")

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
        refuse(self.random_dose and self.map != "human", message)
        refuse(self.sigma <= 0, f"impose.sigma must be above 0; it is {self.sigma}")
