"""Backbones: create, attend, cut and inspect networks of timm, torchvision, regard or the user.

Not here: attention mechanisms (attention), models joined from them (models).
"""

from regard.backbones.at_hand import weights_at_hand
from regard.backbones.attach import Statistics, attach, cut_of, default_statistics, find_layout, record, recorder_for
from regard.backbones.attended import Attended, Cut, Layout, attended
from regard.backbones.checkpointing import checkpoint_blocks
from regard.backbones.choose import last_layer, middle_layer
from regard.backbones.create import BACKBONES, create_backbone, list_backbones
from regard.backbones.exclusion import exclude_tokens
from regard.backbones.exclusive import exclusive
from regard.backbones.glance import PIXELS, BackboneGlance, GlanceNet, Look, LookView
from regard.backbones.glance_again import SeenNet
from regard.backbones.head import fit_head, head_name, inflate, take_head
from regard.backbones.image_noise import ImageNoise, image_seeds
from regard.backbones.inspect import (
    enclosing,
    eval_mode,
    feature_info,
    grid_layers,
    image_shape,
    layer_names,
    locate,
    nearest,
    output_at,
    probe_images,
    recommended_layer,
    run_order,
)
from regard.backbones.networks.cifar import wrn_branch
from regard.backbones.networks.imagenet import (
    LITE0_NORMALIZE,
    LITE0_WEIGHTS,
    PACKAGED,
    bottleneck_branch,
    packaged_weights,
    vgg_branch,
)
from regard.backbones.norms import TwoPathNorm, calibrate_norms, two_path_norms
from regard.backbones.recorder import MapOverrides, Recorder, overrides_by_layer, run
from regard.backbones.stem import Stem, trace_until
from regard.backbones.weights import load_weights, original_keys, read_weights, weights_hash
from regard.backbones.width import count_flops, match_width, size_of, width_is_free

__all__ = [
    "BACKBONES",
    "LITE0_NORMALIZE",
    "LITE0_WEIGHTS",
    "PACKAGED",
    "PIXELS",
    "Attended",
    "BackboneGlance",
    "Cut",
    "GlanceNet",
    "ImageNoise",
    "Layout",
    "Look",
    "LookView",
    "MapOverrides",
    "Recorder",
    "SeenNet",
    "Statistics",
    "Stem",
    "TwoPathNorm",
    "attach",
    "attended",
    "bottleneck_branch",
    "calibrate_norms",
    "checkpoint_blocks",
    "count_flops",
    "create_backbone",
    "cut_of",
    "default_statistics",
    "enclosing",
    "eval_mode",
    "exclude_tokens",
    "exclusive",
    "feature_info",
    "find_layout",
    "fit_head",
    "grid_layers",
    "head_name",
    "image_seeds",
    "image_shape",
    "inflate",
    "last_layer",
    "layer_names",
    "list_backbones",
    "load_weights",
    "locate",
    "match_width",
    "middle_layer",
    "nearest",
    "original_keys",
    "output_at",
    "overrides_by_layer",
    "packaged_weights",
    "probe_images",
    "read_weights",
    "recommended_layer",
    "record",
    "recorder_for",
    "run",
    "run_order",
    "size_of",
    "take_head",
    "trace_until",
    "two_path_norms",
    "vgg_branch",
    "weights_at_hand",
    "weights_hash",
    "width_is_free",
    "wrn_branch",
]
