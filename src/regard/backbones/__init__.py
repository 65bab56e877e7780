"""what to see with: attach to any timm or torchvision network; the paper's CIFAR VGG and WRN.

Not here: attention mechanisms (attention), what is joined out of them (models).
"""

from regard.backbones.attach import attach, cut_of, record, recorder_for
from regard.backbones.attended import Attended, Cut, attended
from regard.backbones.compact import Compact
from regard.backbones.create import BACKBONES, create_backbone
from regard.backbones.find import layer_names, locate
from regard.backbones.head import head_name, replace_head, take_head
from regard.backbones.layout import Layout
from regard.backbones.lite0 import LITE0_NORMALIZE, LITE0_WEIGHTS, efficientnet_lite0_imagenet
from regard.backbones.recorder import Given, Recorder, run
from regard.backbones.vgg import VggCifar
from regard.backbones.weights import load_weights, read_weights
from regard.backbones.wrn import Wrn, wrn_branch

__all__ = [
    "BACKBONES",
    "LITE0_NORMALIZE",
    "LITE0_WEIGHTS",
    "Attended",
    "Compact",
    "Cut",
    "Given",
    "Layout",
    "Recorder",
    "VggCifar",
    "Wrn",
    "attach",
    "attended",
    "create_backbone",
    "cut_of",
    "efficientnet_lite0_imagenet",
    "head_name",
    "layer_names",
    "load_weights",
    "locate",
    "read_weights",
    "record",
    "recorder_for",
    "replace_head",
    "run",
    "take_head",
    "wrn_branch",
]
