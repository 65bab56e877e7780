"""The attentive segmenter: a classifier's trunk with attention, and a fully convolutional decoder of its features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn

from regard.backbones import (
    Attended,
    MapOverrides,
    Statistics,
    Stem,
    attach,
    attended,
    default_statistics,
    eval_mode,
    locate,
)
from regard.models.base import Normalize, OneTrunk
from regard.models.fcn import STRIDES, Fcn, FcnDecoder, cut_off, readings
from regard.models.images import ImageInput
from regard.models.mechanism import builder, join_budgets
from regard.models.prediction import PredictionPath, Samples
from regard.models.sharing import constructor_arguments
from regard.types import RegardError, SegmenterOutput

PREFIX = "trunk."


class Segmenter(OneTrunk):
    """Images (B,C,H,W) in [0,1] -> SegmenterOutput: logit of the salient object at every pixel.

    >>> import torch
    >>> model = Segmenter("resnet10t", decoder="fcn8s", at=["layer2", "layer3"], attention="noise", input_size=(64, 64))
    >>> images = torch.rand(2, 3, 64, 64)
    >>> model(images).logits.shape  # (S,B,1,H,W): one random map in training, the declared prediction after
    torch.Size([1, 2, 1, 64, 64])
    >>> model.predict(images).shape  # probabilities (B,1,H,W)
    torch.Size([2, 1, 64, 64])

    With ``attention=None`` it is the plain FCN. A decoder with skip connections also reads finer layers: attention at
    the coarsest alone is then no cut (``cut`` names the path around it), attention at all layers that are read is one.

    Args:
        backbone: a name for ``create_backbone``, or your own classifier, which is changed in place.
        decoder: ``fcn32s`` reads the coarsest grid, ``fcn16s`` the two, ``fcn8s`` the three coarsest.
        at: layer or layers to attend at; by default the coarsest that the decoder reads.
        attention: a name for ``regard.attention.create_attention``, a function of the number of channels, or None.
        anchors: number of anchors Q of the map's quantizer; None leaves the map continuous.
        attention_options: of ``create_attention``.
        pretrained: as in ``create_backbone``.
        input_size: (H, W) or (C, H, W) of the images.
        normalize: mean and standard deviation per channel; by default those of the pretrained weights, if any.
        prediction: the path by which the model predicts, as in `AttentiveClassifier`.
        layout: of the attended layers' output, as in ``attach``.
        statistics: of batch normalisation behind the gates, as in ``attach``.
        dropout: of the coarsest features' channels.
        backbone_options: options of the network.
    """

    bottleneck = None

    hub_task: ClassVar[str] = "image-segmentation"

    def __init__(
        self,
        backbone: str | nn.Module,
        *,
        decoder: Literal["fcn32s", "fcn16s", "fcn8s"] = "fcn16s",
        at: str | Sequence[str] | None = None,
        attention: str | Callable[[int], nn.Module] | None = "noise",
        anchors: int | None = None,
        attention_options: dict[str, Any] | None = None,
        pretrained: bool | str | Path = False,
        input_size: tuple[int, ...] = (224, 224),
        normalize: Normalize | None = None,
        prediction: PredictionPath = "mean",
        layout: str = "auto",
        statistics: Statistics | None = None,
        dropout: float = 0.1,
        backbone_options: dict[str, Any] | None = None,
    ) -> None:
        config = constructor_arguments(locals())
        super().__init__()
        if decoder not in STRIDES:
            raise RegardError(f"decoder={decoder!r}: one of {', '.join(STRIDES)}")
        self._set_trunk(config, 1, pretrained)
        self.prediction = prediction
        trunk, shape = self.trunk, self.shape
        self.read = readings(trunk, STRIDES[decoder], shape)
        names = [] if attention is None else [at] if isinstance(at, str) else list(at or [self.read[-1].name])
        for name in names:
            locate(trunk, name)
        self.config["at"] = names
        cut_off(trunk, self.read[-1].name, shape)
        self.decoder = FcnDecoder(self.read, dropout=dropout)
        if attention is not None:
            options, network = attention_options or {}, self.network
            build = builder(attention, trunk, names, anchors=anchors, options=options, num_classes=1)
            at_network = [PREFIX + name for name in names]
            attach(network, at_network, build, layout=layout, input_size=shape, statistics=statistics)
            join_budgets(network, options, shape)
        self.config["statistics"] = statistics or default_statistics(trunk)

    @property
    def network(self) -> Fcn:
        """The same trunk and decoder as a network from normalised images to scores."""
        return Fcn(self.trunk, self.decoder, self.read)

    @property
    def readout(self) -> nn.Module:
        """The decoder of the trunk's features, in place of a classifier."""
        return self.decoder

    @property
    def at(self) -> tuple[str, ...]:
        """Names of the attended layers."""
        return tuple(name.removeprefix(PREFIX) for name in attended(self.trunk))

    def forward(
        self,
        images: Float[Tensor, "B C H W"],
        samples: int | Samples | None = None,
        map_override: MapOverrides = None,
        stem: Float[Tensor, "B ..."] | None = None,
    ) -> SegmenterOutput:
        """Logits and maps.

        Args:
            images: (B,C,H,W) in [0,1].
            samples: n random maps; 0 is their mean, without noise. By default 1 in training, and the declared
                ``prediction`` in evaluation.
            map_override: maps to use instead of the learned ones, as in ``regard.backbones.record``.
            stem: output of ``stem`` for the images, which are then not used and may be empty.
        """
        if isinstance(map_override, dict):
            map_override = {PREFIX + name: map_ for name, map_ in map_override.items()}
        logits, recorder = self._run(self.network, images, stem, self._samples(samples), map_override=map_override)
        B = (images if stem is None else stem).shape[0]
        return SegmenterOutput(logits.reshape(-1, B, *logits.shape[1:]), recorder.outputs)

    def predict(
        self,
        images: ImageInput,
        samples: int | Samples | None = None,
        map_override: MapOverrides = None,
    ) -> Float[Tensor, "B 1 H W"]:
        """Probabilities in evaluation mode, without gradients: as declared, or averaged over samples.

        Images are whatever `prepare` takes, files and PIL images among them.
        """
        with eval_mode(self):
            return self(self.prepare(images), samples=samples, map_override=map_override).probabilities

    def check_stem(self, stem: Stem) -> None:
        """Raises RegardError where the decoder reads a layer inside of the stem, whose features are not kept."""
        inside = {part for module in stem.modules for part in module.modules()} - {stem.layer}
        for reading in self.read:
            layer = locate(self.trunk, reading.name)[2]
            if (layer.module if isinstance(layer, Attended) else layer) in inside:
                raise RegardError(
                    f"stem: the decoder reads {reading.name}, which lies inside of what is frozen up to {stem.upto}, "
                    f"and only the last layer's features are kept; freeze up to {reading.name} at most, or take a "
                    "decoder that reads fewer grids (model.fcn), or train.cache_stem false"
                )
