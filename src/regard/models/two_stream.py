"""The two-stream network: one network for an image of a clip, one for optical flow, attention in either or both.

    p(y) = 1/2 (p_rgb(y | image) + p_flow(y | flow))          (late fusion)

Simonyan and Zisserman, *Two-Stream Convolutional Networks for Action Recognition in Videos*, NeurIPS 2014.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import projections, share_budget
from regard.backbones import (
    Cut,
    MapOverrides,
    Statistics,
    create_backbone,
    eval_mode,
    image_shape,
    inflate,
    overrides_by_layer,
)
from regard.bottleneck import GaussianBottleneck
from regard.models.base import Normalize, Rates
from regard.models.classifier import AttentiveClassifier
from regard.models.images import check_range
from regard.models.mechanism import Mechanism
from regard.models.prediction import PredictionPath, Samples, averaged_logits
from regard.models.sharing import Shareable, constructor_arguments
from regard.pytrees import register_output
from regard.types import AttentionOutput, LatentOutput, Map, ModelOutput, RegardError


@register_output
@dataclass(frozen=True)
class TwoStreamOutput(ModelOutput):
    """Output of a two-stream network; the logits are those of the averaged probabilities.

    Attributes:
        streams: each stream's own logits (S,B,n), in the order of its layers' attention.
    """

    streams: tuple[Float[Tensor, "S B n"], ...] = ()


def fused_logits(streams: Sequence[Float[Tensor, "_ B n"]], multi_label: bool) -> Float[Tensor, "S B n"]:
    """Logits whose probabilities are the mean of the streams', sample by sample."""
    samples = max(len(logits) for logits in streams)
    stacked = torch.stack([logits.float().expand(samples, -1, -1) for logits in streams])
    return averaged_logits(stacked, independent=multi_label)


def _side_by_side(latents: Sequence[LatentOutput]) -> LatentOutput | None:
    """One latent of all dimensions; independent given the clip, so that its exact rate is the sum."""
    if not latents:
        return None
    joined = {name: torch.cat([getattr(latent, name) for latent in latents], 1) for name in ("z", "mean", "std")}
    rates = {name: torch.stack([getattr(latent, name) for latent in latents]).sum(0) for name in ("rate", "penalty")}
    return LatentOutput(**joined, **rates)


STREAMS = ("flow", "rgb")
"""The streams in the order of their layers: the last attended layer is the image's, where that is attended."""


class TwoStream(Shareable):
    """Images (B,3,H,W) in [0,1] and flow (B,2L,H,W) in [-1,1] -> TwoStreamOutput.

    >>> model = TwoStream("resnet10t", 10, length=5, attention="noise", input_size=(64, 64))
    >>> images, flow = torch.rand(2, 3, 64, 64), torch.zeros(2, 10, 64, 64)
    >>> model(images, flow=flow).logits.shape  # fused; .streams has each stream's own
    torch.Size([1, 2, 10])
    >>> model.explain(images).values.shape  # of the image stream's last attended layer
    torch.Size([2, 1, 4, 4])

    Each stream is an `AttentiveClassifier`; probabilities are averaged, and each stream learns on its own loss. With
    ``attention=None`` it is the plain network.

    Layers of the flow stream are listed first (``flow.layer4``, ``rgb.layer4``), so that the last one is the image's.
    Attention in one stream alone is no cut: the other goes around it, as ``cut`` says.

    Args:
        backbone: a name for ``create_backbone``, or your own network, which is changed in place and copied for flow.
            For flow the first convolution takes 2L channels (``regard.backbones.inflate``).
        num_classes: n.
        length: L, steps of flow.
        attend: which stream the attention is in: ``rgb``, ``flow``, ``both``.
        at: layer or layers to attend at, alike in all attended streams; by default as in `AttentiveClassifier`.
        attention: as there; None for none.
        anchors: as there.
        attention_options: as there.
        latent: K of a Gaussian bottleneck in each stream; None keeps the linear classifiers.
        decoder: of the latents.
        kl: of the latents.
        prior: of the latents.
        pretrained: as in ``create_backbone``, for both streams.
        input_size: (H, W) or (C, H, W) of the images.
        normalize: of images; by default that of the pretrained weights, and none without.
        flow_std: what flow is divided by; its mean is rest.
        prediction: the path by which both streams predict, as in `AttentiveClassifier`.
        multi_label: probabilities are sigmoids, one per class.
        statistics: of batch normalisation behind the gates, as in ``attach``.
        backbone_options: options of the network.
    """

    hub_task: ClassVar[str] = "video-classification"

    def __init__(
        self,
        backbone: str | nn.Module,
        num_classes: int,
        *,
        length: int = 10,
        attend: Literal["rgb", "flow", "both"] = "rgb",
        at: str | Sequence[str] | None = None,
        attention: Mechanism = "noise",
        anchors: int | None = None,
        attention_options: dict[str, Any] | None = None,
        latent: int | None = None,
        decoder: str = "linear",
        kl: Literal["exact", "released"] = "exact",
        prior: Literal["standard", "learned"] = "standard",
        pretrained: bool | str | Path = False,
        input_size: tuple[int, ...] = (224, 224),
        normalize: Normalize | None = None,
        flow_std: float = 1.0,
        prediction: PredictionPath = "mean",
        multi_label: bool = False,
        statistics: Statistics | None = None,
        backbone_options: dict[str, Any] | None = None,
    ) -> None:
        config = constructor_arguments(locals())
        super().__init__()
        if attend not in ("rgb", "flow", "both") or length < 1 or flow_std <= 0:
            raise RegardError(
                f"attend={attend!r}, length={length}, flow_std={flow_std}: rgb, flow or both; at least 1; above 0"
            )
        size = image_shape(tuple(input_size))[1:]
        options = backbone_options or {}
        if isinstance(backbone, str):
            flow_trunk = create_backbone(backbone, num_classes, pretrained=pretrained, img_size=size, **options)
        else:
            flow_trunk = copy.deepcopy(backbone)
        inflate(flow_trunk, 2 * length, pretrained=pretrained is not False or not isinstance(backbone, str))
        common = {key: config[key] for key in ("latent", "decoder", "kl", "prior", "prediction", "multi_label")}
        attended = {key: config[key] for key in ("at", "attention", "anchors", "attention_options", "statistics")}
        plain = {"attention": None}
        self.flow = AttentiveClassifier(
            flow_trunk,
            num_classes,
            input_size=(2 * length, *size),
            normalize=((0.0,) * 2 * length, (flow_std,) * 2 * length),
            **common,
            **(plain if attend == "rgb" else attended),
        )
        self.flow.takes_images = False
        self.rgb = AttentiveClassifier(
            backbone,
            num_classes,
            input_size=tuple(input_size),
            normalize=normalize,
            pretrained=pretrained,
            backbone_options=options,
            **common,
            **(plain if attend == "flow" else attended),
        )
        names = list((self.flow if attend == "flow" else self.rgb).config["at"])
        first = self.flow if attend == "flow" else self.rgb
        self.config = config | {
            "at": names,
            "input_size": list(input_size),
            "normalize": self.rgb.config["normalize"],
            "statistics": first.config["statistics"],
        }
        budgets = projections(self)
        if attend == "both" and not isinstance((attention_options or {}).get("budget"), list | tuple):
            share_budget(budgets, [1] * len(budgets))
        self.num_classes, self.multi_label, self.length, self.attend = num_classes, multi_label, length, attend
        self.shape = self.rgb.shape

    @property
    def streams(self) -> dict[str, AttentiveClassifier]:
        """The two networks, in the order of `STREAMS`."""
        return {"flow": self.flow, "rgb": self.rgb}

    @property
    def prediction(self) -> PredictionPath:
        """The path by which both streams predict; may be set."""
        return self.rgb.prediction

    @prediction.setter
    def prediction(self, prediction: PredictionPath) -> None:
        for stream in self.streams.values():
            stream.prediction = prediction
        self.config["prediction"] = prediction

    @property
    def at(self) -> tuple[str, ...]:
        """Names of the attended layers, ``stream.layer``."""
        return tuple(f"{name}.{layer}" for name, stream in self.streams.items() for layer in stream.at)

    @property
    def bottleneck(self) -> GaussianBottleneck | None:
        """Of the image's stream; the other has one alike."""
        return self.rgb.bottleneck

    @property
    def cut(self) -> Cut:
        """Whether everything of image and flow passes through gates; if not, the paths around them."""
        bypasses = []
        for name, stream in self.streams.items():
            if not stream.at:
                bypasses.append(f"nothing is attended in the {name} stream")
            elif not stream.cut.is_cut:
                bypasses += [f"{name} stream: {path}" for path in stream.cut.bypasses]
        return Cut(is_cut=not bypasses, bypasses=tuple(bypasses))

    def forward(
        self,
        images: Float[Tensor, "B C H W"],
        samples: int | Samples | None = None,
        map_override: MapOverrides = None,
        flow: Float[Tensor, "B F H W"] | None = None,
    ) -> TwoStreamOutput:
        """Logits, maps and latents of both streams.

        Args:
            images: (B,3,H,W) in [0,1].
            samples: as in `AttentiveClassifier`; the streams' samples are paired.
            map_override: maps to use instead of the learned ones: one for all layers, one per layer in the order of
                ``at``, or by name.
            flow: (B,2L,H,W) in [-1,1].
        """
        if flow is None:
            raise RegardError("a two-stream network needs flow: pass flow=batch.flow")
        maps = self._overrides(map_override)
        inputs = {"flow": flow, "rgb": images}
        outputs = [
            stream(inputs[name], samples=samples, map_override=maps.get(name)) for name, stream in self.streams.items()
        ]
        return TwoStreamOutput(
            logits=fused_logits([output.logits for output in outputs], self.multi_label),
            attention=tuple(layer for output in outputs for layer in output.attention),
            latent=_side_by_side([output.latent for output in outputs if output.latent is not None]),
            streams=tuple(output.logits for output in outputs),
        )

    def predict(
        self,
        images: Float[Tensor, "B C H W"],
        samples: int | Samples | None = None,
        map_override: MapOverrides = None,
        *,
        flow: Float[Tensor, "B F H W"] | None = None,
    ) -> Float[Tensor, "B n"]:
        """Class probabilities (B,n) in evaluation mode, without gradients: the mean of the two streams'.

        Images are floats in [0,1] or bytes.
        """
        images = check_range(images)
        with eval_mode(self):
            return self(images, samples=samples, map_override=map_override, flow=flow).probabilities(self.multi_label)

    def explain(
        self,
        images: Float[Tensor, "B C H W"],
        *,
        layer: int = -1,
        map_override: MapOverrides = None,
        flow: Float[Tensor, "B F H W"] | None = None,
    ) -> Map:
        """The map of one attended layer in the order of ``at``, by default the last; flow only where it is attended."""
        maps, inputs = self._overrides(map_override), {"flow": flow, "rgb": images}
        attended = {name: stream for name, stream in self.streams.items() if stream.at}
        if "flow" in attended and flow is None:
            raise RegardError("explain: the flow stream is attended: pass flow=batch.flow")
        if not attended:
            raise RegardError("explain: nothing is attended; build the network with attention=")
        outputs: list[tuple[AttentiveClassifier, AttentionOutput]] = []
        with eval_mode(self):
            for name, stream in attended.items():
                output = stream(inputs[name], map_override=maps.get(name))
                outputs += [(stream, layer_output) for layer_output in output.attention]
        stream, layer_output = outputs[layer]
        return stream.shown(layer_output)

    def shown(self, output: AttentionOutput) -> Map:
        """The map of an attended layer, as its stream shows it: bits that pass in that stream, else its map."""
        return (self.flow if self.attend == "flow" else self.rgb).shown(output)

    def freeze(self, upto: str) -> None:
        """As in a classifier, in both streams."""
        for stream in self.streams.values():
            stream.freeze(upto)

    def parameter_groups(self, lr: float, **rates: Unpack[Rates]) -> list[dict[str, Any]]:
        """Groups for any optimiser, the same parts of both streams in one; as in `AttentiveClassifier`."""
        groups: dict[str, dict[str, Any]] = {}
        for stream in self.streams.values():
            for group in stream.parameter_groups(lr, **rates):
                groups.setdefault(group["name"], {**group, "params": []})["params"] += group["params"]
        return list(groups.values())

    def _overrides(self, map_override: MapOverrides) -> dict[str, MapOverrides]:
        """Maps of each stream by layer."""
        streams: dict[str, dict[str, Tensor]] = {}
        for key, map_ in overrides_by_layer(map_override, self.at).items():
            name, _, layer = key.partition(".")
            if map_ is not None:
                streams.setdefault(name, {})[layer] = map_
        return dict(streams)
