"""Base of models with one attended trunk: freezing, normalisation of images, prediction, maps, parameter groups.

Freezing: the first layers of the trunk stop learning, and the rest can run on their stored output (the stem).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

import timm
import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import AnchorQuantizer
from regard.backbones import (
    LITE0_NORMALIZE,
    PACKAGED,
    Cut,
    MapOverrides,
    Recorder,
    Stem,
    attended,
    create_backbone,
    cut_of,
    eval_mode,
    head_name,
    image_seeds,
    image_shape,
    locate,
    original_keys,
    recorder_for,
    run,
    run_order,
    two_path_norms,
)
from regard.models.images import ImageInput, check_preparation, prepare_images, published_preparation
from regard.models.prediction import PredictionPath, Samples, check_prediction, samples_of
from regard.models.sharing import Shareable
from regard.types import NATS_PER_BIT, AttentionOutput, Map, RegardError

Normalize = tuple[Sequence[float], Sequence[float]]
IMAGENET: Normalize = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


PRIOR_GAIN = 10.0
FREEZE_ALL = "all"
"""Everything but attention, where a layer is named to freeze up to."""


class Rates(TypedDict, total=False):
    """Learning rates of parts and weight decay; a part that is absent or None has the common learning rate."""

    backbone_lr: float | None
    """Of the backbone; lower for pretrained networks."""
    attention_lr: float | None
    """Of the attention; higher beside a pretrained backbone, since its weights start fresh."""
    anchors_lr: float | None
    """Of the anchors; 0 leaves them where they start."""
    weight_decay: float
    """Of weights with two or more dimensions; none by default."""


class OneTrunk(Shareable):
    """A trunk with attended layers, whose first layers may be frozen, that saves to and loads from two files.

    Attributes:
        trunk: a network from normalised images.
        shape: (C,H,W) of the images.
        frozen: names of the layers that have stopped learning.
        frozen_upto: the layer that the rest can resume from, the last of them or the first attended; None: without.
        frozen_norms: names of the normalisations whose statistics are kept.
        takes_images: of values in [0,1]; False for a stream of flow.
        normalizes: whether images are normalised.
        preparation: how pictures are resized and cut, by timm's names; empty: just covered, and cut to the centre.
        mean: of the normalisation (C,1,1).
        std: likewise.
    """

    trunk: nn.Module
    shape: tuple[int, int, int]
    frozen: tuple[str, ...] = ()
    frozen_upto: str | None = None
    frozen_norms: tuple[str, ...] = ()
    takes_images: bool = True
    normalizes: bool
    mean: Tensor
    std: Tensor

    def _set_trunk(self, config: dict[str, Any], num_classes: int, pretrained: bool | str | Path) -> None:
        """Sets the configuration, the trunk, the shape of images and their mean and standard deviation per channel.

        Given statistics first; else, for pretrained weights, those that the network's library states; else none.
        """
        shape = self.shape = image_shape(config["input_size"])
        backbone, normalize = config["backbone"], config["normalize"]
        if isinstance(backbone, str):
            size: dict[str, Any] = {"in_chans": shape[0], "img_size": shape[1:]}
            options = config["backbone_options"] or {}
            backbone = create_backbone(backbone, num_classes, pretrained=pretrained, **size, **options)
        self.trunk = backbone
        if normalize is None and pretrained is not False:
            published = getattr(backbone, "pretrained_cfg", None) or {}
            normalize = (published["mean"], published["std"]) if "mean" in published else IMAGENET
            normalize = LITE0_NORMALIZE if str(pretrained) in PACKAGED.values() else normalize
        self.normalizes = normalize is not None
        mean, std = (tuple(float(value) for value in side) for side in normalize or ((0,), (1,)))
        if len(mean) != len(std) or min(std) <= 0:
            raise RegardError(f"normalize={normalize}: one mean and one positive standard deviation per channel")
        self.preparation: dict[str, Any] = dict(config.get("preparation") or {})
        if config.get("preparation") is None and pretrained is not False:
            self.preparation = published_preparation(_published(config["backbone"], self.trunk))
        check_preparation(self.preparation)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)
        statistics = (mean, std) if self.normalizes else None
        self.config = config | {"input_size": list(config["input_size"]), "normalize": statistics}
        if "preparation" in config:
            self.config["preparation"] = self.preparation

    def normalize_as(self, other: OneTrunk) -> None:
        """Normalises images by the other model's mean and standard deviation from now on."""
        self.normalizes = other.normalizes
        self.mean, self.std = other.mean.clone(), other.std.clone()
        self.config["normalize"] = other.config["normalize"]

    @property
    def prediction(self) -> PredictionPath:
        """The path that ``samples=None`` takes in evaluation, and with it every score and explanation; may be set."""
        declared: PredictionPath = self.config["prediction"]
        return declared

    @prediction.setter
    def prediction(self, prediction: PredictionPath) -> None:
        check_prediction(prediction)
        self.config["prediction"] = prediction

    def _samples(self, samples: int | Samples | None) -> Samples:
        return samples_of(samples, self.prediction, training=self.training)

    def freeze(self, upto: str) -> None:
        """Stops learning in everything that runs up to and with layer ``upto``, its normalisation statistics and
        dropout included; attention on it goes on learning.

        Bare parameters of the modules around ``upto``, such as a class token and position embeddings, are frozen too.
        With ``"all"`` only attention learns: the network under the gates stays bit for bit what it is.

        Raises:
            RegardError: no such layer; or ``"all"`` where nothing is attended, or where batch normalisation keeps
                statistics of the mean path, which are the network's too.
        """
        if upto == FREEZE_ALL:
            self._freeze_network()
            return
        target, names = locate(self.trunk, upto)[2], {module: name for name, module in self.trunk.named_modules()}
        ran = [module for module, _ in run_order(self.trunk, self.shape)]
        done = ran[: ran.index(target) + 1] if target in ran else ran
        learning = {module for layer in attended(self.trunk).values() for module in layer.attention.modules()}
        frozen = [module for module in dict.fromkeys(done) if module not in learning]
        inner = names[target] + "."
        around = [module for name, module in self.trunk.named_modules() if not name or inner.startswith(name + ".")]
        for module in [*frozen, *around]:
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)
        self.frozen = tuple(names[module] for module in frozen if not learning & set(module.modules()))
        self.frozen_upto = upto
        vars(self).pop("frozen_stem", None)  # it may be of an earlier layer
        self._hold_frozen()

    def freeze_norms(self) -> None:
        """Keeps the statistics of the trunk's normalisations as they are, in training too; those of attention go on."""
        attending = {module for layer in attended(self.trunk).values() for module in layer.attention.modules()}
        norms = nn.modules.batchnorm._NormBase
        self.frozen_norms = tuple(
            name for name, module in self.trunk.named_modules() if isinstance(module, norms) and module not in attending
        )
        self._hold_frozen()

    def _freeze_network(self) -> None:
        layers = attended(self.trunk)
        if not layers:
            raise RegardError("freeze='all': nothing is attended, so nothing would learn; give attention=")
        if two_path_norms(self.trunk):
            raise RegardError(
                "freeze='all' leaves the network's statistics as they are; build it with statistics='shared'"
            )
        learning = {module for layer in layers.values() for module in layer.attention.modules()}
        for module in self.modules():
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(parameter.requires_grad and module in learning)
        names = {module: name for name, module in self.trunk.named_modules()}
        self.frozen = tuple(names[module] for module in names if module not in learning | set(layers.values()))
        ran = [module for module, _ in run_order(self.trunk, self.shape)]
        self.frozen_upto = min(layers, key=lambda name: ran.index(layers[name]))
        vars(self).pop("frozen_stem", None)
        self._hold_frozen()
        try:
            self.check_stem(self.frozen_stem)
        except RegardError:  # a path goes around that layer, so the network runs whole
            self.frozen_upto = None

    def _hold_frozen(self) -> None:
        for name in (*self.frozen, *self.frozen_norms):
            self.trunk.get_submodule(name).training = False

    @cached_property
    def frozen_stem(self) -> Stem:
        """The frozen layers as a `Stem`.

        Raises:
            RegardError: nothing is frozen, or a path goes around the layer.
        """
        if self.frozen_upto is None:
            raise RegardError("stem: nothing is frozen; call freeze(layer) first (model.freeze in a recipe)")
        stem = Stem(self.trunk, self.frozen_upto, self.shape)
        self.check_stem(stem)
        return stem

    def check_stem(self, stem: Stem) -> None:
        """Raises RegardError where more of the stem than its last layer's output is needed behind it."""

    def stem(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B ..."]:
        """Output of the frozen layers for images (B,C,H,W) in [0,1]; ``forward`` resumes from it.

        It does not change in training, so it can be computed once.
        """
        return self.frozen_stem(self._normalized(images))

    def train(self, mode: bool = True) -> Self:
        """As in ``nn.Module``, but frozen layers stay in evaluation mode."""
        super().train(mode)
        self._hold_frozen()
        return self

    def _run(
        self, network: nn.Module, images: Tensor, stem: Tensor | None, samples: Samples, **options: Any
    ) -> tuple[Tensor, Recorder]:
        """Output of ``network``, the trunk or what the trunk is part of, for images or what the stem made of them.

        Options are those of `recorder_for`. Noise by image is that of the stem's output where there are no images.
        """
        seeds = None
        if samples.by_image:
            seeds = image_seeds(images if stem is None or len(images) == len(stem) else stem)
        if stem is not None:
            images = images.new_zeros(()).expand(len(stem), *self.shape)
        if images.ndim != 4 or images.shape[1] != self.shape[0]:
            raise RegardError(f"images {tuple(images.shape)}: (B,{self.shape[0]},H,W) was expected")
        recorder = recorder_for(network, samples=samples.gate, seeds=seeds, **options)
        if stem is not None and recorder.at_input and samples.gate > 1:
            stem = stem.repeat(samples.gate, *[1] * (stem.ndim - 1))
        with nullcontext() if stem is None else self.frozen_stem.resume(stem):
            return run(network, recorder, self._normalized(images)), recorder

    def _normalized(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std if self.normalizes else images

    def prepare(self, images: ImageInput) -> Float[Tensor, "B C H W"]:
        """Images as the model takes them, (B,C,H,W) in [0,1], of whatever `predict` accepts, where the model is.

        Raises:
            RegardError: values outside of [0,1], another type, or a file that is no picture; the remedy is named.
        """
        if not self.takes_images:
            assert isinstance(images, Tensor), "flow is no picture"
            return images
        prepared = prepare_images(images, self.shape, self.preparation)
        return prepared if isinstance(images, Tensor) else prepared.to(self.mean.device)

    @property
    def cut(self) -> Cut:
        """Whether everything passes through the gates; if not, the paths around them."""
        return cut_of(self.trunk)

    def explain(self, images: ImageInput, *, layer: int = -1, map_override: MapOverrides = None) -> Map:
        """The map of one attended layer, by default the last to run, as ``shown`` has it; images as in `prepare`."""
        with eval_mode(self):
            outputs = self(self.prepare(images), map_override=map_override).attention
        if not outputs:
            raise RegardError("explain: nothing is attended; build the model with attention=")
        return self.shown(outputs[layer])

    def shown(self, output: AttentionOutput) -> Map:
        """The map of an attended layer's first sample.

        Bits per position, where the gate has a price and is a cut; else its map, in its own unit.
        """
        if output.price is not None and self.cut.is_cut:
            return Map(output.price[0] / NATS_PER_BIT, "bits")
        return Map(output.map[0], output.unit)

    def parameter_groups(self, lr: float, **rates: Unpack[Rates]) -> list[dict[str, Any]]:
        """Every parameter that learns, once, in groups for any optimiser.

        Each group has ``name``, ``params``, ``lr`` and ``weight_decay``. Parts are ``backbone``, ``attention``,
        ``anchors``, their ``prior`` and ``head`` (classifier, or bottleneck and decoder). Anchors, prior, biases, the
        parameters of normalisations and whatever the network itself excepts (timm's ``no_weight_decay``) are never
        decayed. The prior learns ten times as fast as the rest: its log probabilities move by units where weights move
        by hundredths, and a prior that lags overstates the code length of every map.

        Args:
            lr: learning rate of parts without their own.
            **rates: learning rates of parts, and weight decay; see ``Rates``.

        Raises:
            TypeError: another name among the rates.
        """
        if unknown := sorted(rates.keys() - Rates.__annotations__):
            known = ", ".join(Rates.__annotations__)
            raise TypeError(f"parameter_groups: no {', '.join(unknown)}; it takes {known}")
        trunk = self.trunk
        layers = attended(trunk)
        attention = {p for layer in layers.values() for p in layer.attention.parameters()}
        quantizers = [module for module in trunk.modules() if isinstance(module, AnchorQuantizer)]
        anchors, prior = {q.raw for q in quantizers}, {q.prior_logits for q in quantizers}
        own = all(name.startswith("trunk.") for name, _ in self.named_parameters())
        classifier = head_name(trunk) if own else None
        head = set(trunk.get_submodule(classifier).parameters()) if classifier else set()
        excepted = _excepted(trunk)
        weight_decay = rates.get("weight_decay", 0.0)
        groups: dict[str, dict[str, Any]] = {}
        for name, parameter in self.named_parameters():
            if not parameter.requires_grad:
                continue
            part = "head" if parameter in head or not name.startswith("trunk.") else "backbone"
            part = "attention" if parameter in attention else part
            part = "anchors" if parameter in anchors else "prior" if parameter in prior else part
            decayed = weight_decay > 0 and parameter.ndim > 1 and parameter not in excepted
            key = part if decayed or not weight_decay or part in ("anchors", "prior") else f"{part}, not decayed"
            decay = weight_decay if decayed else 0.0
            rate = PRIOR_GAIN * lr if part == "prior" else rates.get(f"{part}_lr")
            rate = lr if rate is None else rate
            group = groups.setdefault(key, {"name": key, "params": [], "lr": rate, "weight_decay": decay})
            group["params"].append(parameter)
        return list(groups.values())


def _published(backbone: Any, trunk: nn.Module) -> Mapping[str, Any]:
    """Timm's configuration of a network, or of the one that packaged weights are for."""
    config = getattr(trunk, "pretrained_cfg", None)
    if config is None and isinstance(backbone, str) and timm.is_model(backbone):
        config = timm.get_pretrained_cfg(backbone, allow_unregistered=True)
    return dict(config if isinstance(config, Mapping) else vars(config)) if config is not None else {}


def _excepted(trunk: nn.Module) -> set[nn.Parameter]:
    """Parameters without weight decay (timm's ``no_weight_decay``), named as before or after attaching."""
    listed: set[str] = set(getattr(trunk, "no_weight_decay", tuple)())
    originals = original_keys(trunk)
    return {parameter for name, parameter in trunk.named_parameters() if {name, originals[name]} & listed}
