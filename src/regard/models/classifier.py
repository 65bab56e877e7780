"""The attentive classifier: stem, attention, trunk, bottleneck, decoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor, nn

from regard.attention import AnchorQuantizer, MaskGate, SpatialAttention
from regard.backbones import (
    MapOverrides,
    Statistics,
    attach,
    attended,
    default_statistics,
    eval_mode,
    exclude_tokens,
    fit_head,
    probe_images,
    take_head,
)
from regard.bottleneck import GaussianBottleneck, build_decoder
from regard.models.base import Normalize, OneTrunk
from regard.models.images import ImageInput
from regard.models.mechanism import Mechanism, builder, is_readout, join_budgets, layers_of, leave_out_idle, readout_of
from regard.models.prediction import PredictionPath, Samples
from regard.models.sharing import constructor_arguments
from regard.types import LatentOutput, ModelOutput, RegardError


class AttentiveClassifier(OneTrunk):
    """Images (B,C,H,W) in [0,1] -> ModelOutput.

    >>> import torch
    >>> model = AttentiveClassifier("resnet10t", 10, at="layer3", attention="noise", latent=64, input_size=(64, 64))
    >>> images = torch.rand(2, 3, 64, 64)
    >>> output = model(images)  # one random map in training, the declared prediction in evaluation
    >>> output.logits.shape, output.attention[0].map.shape  # (S,B,n), (S,B,1,h,w)
    (torch.Size([1, 2, 10]), torch.Size([1, 2, 1, 4, 4]))
    >>> model.predict(images).shape  # probabilities (B,n)
    torch.Size([2, 10])
    >>> model.explain(images).unit  # bits where the gate is a cut with a price, else gate
    'bits'

    With ``attention=None`` and ``latent=None`` it is the plain network. Samples expand once, at the first attended
    layer, so that the layers before it run once; where a path goes around the attention, the images are repeated
    instead.

    Args:
        backbone: a name for ``create_backbone``, or your own network, which is changed in place. Its last linear layer
            is replaced where its number of outputs is not ``num_classes``.
        num_classes: n.
        at: layer or layers to attend at; by default a layer with a grid of a sixteenth of the image, or the choice of
            the baseline of that name.
        attention: a name for ``regard.attention.create_attention``, one of ``regard.models.BASELINE_NAMES``, a
            function of the number of channels, or None.
        anchors: number of anchors Q of the map's quantizer; None leaves the map continuous.
        attention_options: of ``create_attention``, where ``head`` may also be a name in ``regard.models.MAP_HEADS``; or
            of the baseline.
        latent: K of the Gaussian bottleneck in place of the linear classifier; None keeps that.
        decoder: ``linear``, ``mlp`` or ``relu_linear``.
        kl: ``exact``, or ``released`` for reproduction of the authors' code; anchors then learn from the codebook loss
            alone, as in the paper.
        prior: ``standard`` or ``learned``.
        bottleneck_options: further options of ``GaussianBottleneck``.
        pretrained: as in ``create_backbone``.
        input_size: (H, W) or (C, H, W) of the images.
        normalize: mean and standard deviation per channel; by default those of the pretrained weights, if any.
        prediction: the path by which the model predicts: ``mean``, without noise; or ``seeded``, one sampled map with
            the gate's noise and the mean latent, where the noise is a function of the image's pixels. It is what
            ``samples=None`` means in evaluation, so what validation, scores and explanations use.
        average: what is averaged over samples, ``probabilities`` or, as in the paper, ``logits``.
        multi_label: probabilities are sigmoids, one per class.
        layout: of the attended layers' output, as in ``attach``.
        statistics: of batch normalisation behind the gates, as in ``attach``.
        exclude_tokens: in a vision transformer, closed patches leave the sequence; see
            ``regard.backbones.exclude_tokens``. Needs a gate that multiplies by zero: ``mask``.
        classes: name of each logit, saved with the model and written into its ONNX file; by default their numbers.
        preparation: of pictures, timm's ``crop_pct``, ``interpolation`` and ``crop_mode``; empty: just covered by
            ``input_size`` and cut to the centre, bilinear, as regard's data sets are read. By default as pretrained
            weights want it.
        backbone_options: options of the network.
    """

    def __init__(
        self,
        backbone: str | nn.Module,
        num_classes: int,
        *,
        at: str | Sequence[str] | None = None,
        attention: Mechanism = "noise",
        anchors: int | None = None,
        attention_options: dict[str, Any] | None = None,
        latent: int | None = None,
        decoder: str = "linear",
        kl: Literal["exact", "released"] = "exact",
        prior: Literal["standard", "learned"] = "standard",
        bottleneck_options: dict[str, Any] | None = None,
        pretrained: bool | str | Path = False,
        input_size: tuple[int, ...] = (224, 224),
        normalize: Normalize | None = None,
        prediction: PredictionPath = "mean",
        average: Literal["probabilities", "logits"] = "probabilities",
        multi_label: bool = False,
        layout: str = "auto",
        statistics: Statistics | None = None,
        exclude_tokens: bool = False,
        classes: Sequence[str] | None = None,
        preparation: dict[str, Any] | None = None,
        backbone_options: dict[str, Any] | None = None,
    ) -> None:
        config = constructor_arguments(locals())
        super().__init__()
        if num_classes < 1:
            raise RegardError(f"num_classes={num_classes}: at least 1 is needed")
        self._set_trunk(config, num_classes, pretrained)
        self.prediction = prediction
        trunk, shape = self.trunk, self.shape
        if not isinstance(backbone, str):
            fit_head(trunk, num_classes)
        names = layers_of(trunk, at, attention, shape)
        if is_readout(attention) and latent is not None:
            raise RegardError(f"latent={latent}: {attention} has its own classifier; leave the latent out")
        self.config["at"] = names
        self.classes = tuple(classes or map(str, range(num_classes)))
        if len(self.classes) != num_classes:
            raise RegardError(f"classes: {len(self.classes)} names for {num_classes} classes")
        self.config["classes"] = None if classes is None else list(classes)
        self.num_classes, self.average, self.multi_label = num_classes, average, multi_label
        self.bottleneck: GaussianBottleneck | None = None
        self.decoder: nn.Module | None = None
        self.readout: nn.Module | None = None
        if latent is not None or is_readout(attention):
            width = take_head(trunk)
            _check_width(trunk, shape, width)
        if latent is not None:
            self.bottleneck = GaussianBottleneck(width, latent, kl=kl, prior=prior, **(bottleneck_options or {}))
            self.decoder = build_decoder(decoder, latent, num_classes)
        options = attention_options or {}
        if attention is not None:
            build = builder(attention, trunk, names, anchors=anchors, options=options, num_classes=num_classes)
            attach(trunk, names, build, layout=layout, input_size=shape, statistics=statistics)
            join_budgets(trunk, options, shape)
        for quantizer in (module for module in trunk.modules() if isinstance(module, AnchorQuantizer)):
            quantizer.task_gradient = kl == "exact"
        self.config["statistics"] = statistics or default_statistics(trunk)
        if exclude_tokens:
            _exclude_closed(trunk, shape)
        if is_readout(attention):
            self.readout = readout_of(attention, trunk, width, num_classes, shape, options)
            leave_out_idle(self, trunk, probe_images(trunk, shape), attention, shorten=bool(options.get("shorten")))

    @property
    def at(self) -> tuple[str, ...]:
        """Names of the attended layers."""
        return tuple(attended(self.trunk))

    def forward(
        self,
        images: Float[Tensor, "B C H W"],
        samples: int | Samples | None = None,
        map_override: MapOverrides = None,
        stem: Float[Tensor, "B ..."] | None = None,
        drop: bool | None = None,
    ) -> ModelOutput:
        """Logits, maps and latent.

        Args:
            images: (B,C,H,W) in [0,1].
            samples: n random maps with one random latent each; 0 is the mean of both, without noise; ``Samples``
                chooses maps and latents apart. By default 1 in training, the declared ``prediction`` in evaluation.
            map_override: maps to use instead of the learned ones, as in ``regard.backbones.record``.
            stem: output of ``stem`` for the images, which are then not used and may be empty.
            drop: False masks excluded tokens and still computes them; by default they are left out.
        """
        draws = self._samples(samples)
        h, recorder = self._run(self.trunk, images, stem, draws, map_override=map_override, drop=drop)
        B, S = (images if stem is None else stem).shape[0], draws.count
        latent: LatentOutput | None = None
        outputs = recorder.outputs
        if self.readout is not None:
            read = self.readout(h, outputs, tuple(name in recorder.map_override for name in recorder.names))
            h, outputs = read.logits, read.attention
        if self.bottleneck is not None and self.decoder is not None:
            h = h.repeat(S, 1) if h.shape[0] < S * B else h
            with recorder.noise("latent", S):
                latent = self.bottleneck(h, sample=draws.latent > 0)
            h = self.decoder(latent.z)
        return ModelOutput(h.reshape(-1, B, h.shape[-1]), outputs, latent, self.average)

    def predict(
        self,
        images: ImageInput,
        samples: int | Samples | None = None,
        map_override: MapOverrides = None,
    ) -> Float[Tensor, "B n"]:
        """Class probabilities (B,n) in evaluation mode, without gradients: as declared, or averaged over samples.

        Args:
            images: floats (B,C,H,W) in [0,1], or bytes; or pictures: files, PIL images, arrays (H,W,3) of bytes, one
                or several, which are resized and cut as the weights want it.
            samples: as in ``forward``.
            map_override: likewise.

        Raises:
            RegardError: values outside of [0,1], another type, or a file that is no picture; the remedy is named.
        """
        with eval_mode(self):
            return self(self.prepare(images), samples=samples, map_override=map_override).probabilities(
                self.multi_label
            )


def _check_width(trunk: nn.Module, shape: tuple[int, int, int], width: int) -> None:
    with eval_mode(trunk):
        h = trunk(probe_images(trunk, shape))
    if not isinstance(h, Tensor) or h.shape != (1, width):
        returned: Iterable[int] | str = tuple(h.shape) if isinstance(h, Tensor) else type(h).__name__
        raise RegardError(f"without its classifier {type(trunk).__name__} returns {returned}, not (1, {width})")


def _exclude_closed(trunk: nn.Module, shape: tuple[int, int, int]) -> None:
    """``exclude_tokens``, where every attended layer has a mask gate, else an error.

    A noise gate prices what it lets through, and which tokens are missing would be information without a price. A
    residual gate closes nothing.
    """
    layers = attended(trunk)
    for name, layer in layers.items():
        attention = layer.attention
        if not isinstance(attention, SpatialAttention) or not isinstance(attention.gate, MaskGate):
            raise RegardError(f'exclude_tokens: the gate at {name} does not multiply by zero; take attention="mask"')
    if not layers:
        raise RegardError('exclude_tokens: nothing is attended; give attention="mask"')
    exclude_tokens(trunk, input_size=shape)
