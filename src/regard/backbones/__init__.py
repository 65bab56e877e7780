"""Backbones: create, attend, cut and inspect networks of timm, torchvision, regard or the user.

Not here: attention mechanisms (attention), models joined from them (models).
"""

from regard.backbones.attach import attach, cut_of, find_layout, record, recorder_for
from regard.backbones.attended import Attended, Cut, Layout, attended
from regard.backbones.create import BACKBONES, create_backbone, list_backbones
from regard.backbones.exclusion import exclude_tokens
from regard.backbones.head import fit_head, head_name, take_head
from regard.backbones.inflate import inflate
from regard.backbones.inspect import eval_mode, image_shape, layer_names, locate, nearest, probe_images
from regard.backbones.networks.cifar import VggCifar, Wrn, wrn_branch
from regard.backbones.networks.compact import Compact
from regard.backbones.networks.imagenet import (
    LITE0_NORMALIZE,
    LITE0_WEIGHTS,
    Vgg16Conv,
    bottleneck_branch,
    vgg_branch,
)
from regard.backbones.recommend import last_layer, recommended_layer
from regard.backbones.recorder import MapOverrides, Recorder, run
from regard.backbones.stem import Stem
from regard.backbones.trace import trace_until
from regard.backbones.weights import load_weights, read_weights
from regard.backbones.width import Size, match_width, size_of, width_is_free

__all__ = [
    "BACKBONES",
    "LITE0_NORMALIZE",
    "LITE0_WEIGHTS",
    "Attended",
    "Compact",
    "Cut",
    "Layout",
    "MapOverrides",
    "Recorder",
    "Size",
    "Stem",
    "Vgg16Conv",
    "VggCifar",
    "Wrn",
    "attach",
    "attended",
    "bottleneck_branch",
    "create_backbone",
    "cut_of",
    "eval_mode",
    "exclude_tokens",
    "find_layout",
    "fit_head",
    "head_name",
    "image_shape",
    "inflate",
    "last_layer",
    "layer_names",
    "list_backbones",
    "load_weights",
    "locate",
    "match_width",
    "nearest",
    "probe_images",
    "read_weights",
    "recommended_layer",
    "record",
    "recorder_for",
    "run",
    "size_of",
    "take_head",
    "trace_until",
    "vgg_branch",
    "width_is_free",
    "wrn_branch",
]
