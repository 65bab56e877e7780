"""One data set a file, real and generated, and a catalog of them. Not here: anything that knows a model.

Everything comes as :class:`DataSplits`; :func:`loader` makes batches of a split, :func:`check` finds its bad items.
"""

from regard.data.augment import Augmentation
from regard.data.catalog import CATALOG, Entry, get, open_data
from regard.data.check import Problem, check
from regard.data.cifar10_jpeg import cifar10_jpeg
from regard.data.clutter import clutter
from regard.data.csv_table import csv_table
from regard.data.cub import cub
from regard.data.files import FileSplit
from regard.data.folder import image_folder
from regard.data.in_front import Beside, InFront
from regard.data.joint import JointLoader, join
from regard.data.loader import Loader, loader
from regard.data.osie import osie
from regard.data.salient import dut_omron, duts, ecssd, hku_is, pascal_s
from regard.data.shuffled import shuffle_labels
from regard.data.shuffled_gaze import shuffle_gaze
from regard.data.splits import DataSplits, Split, TensorSplit
from regard.data.spread import spread
from regard.data.torchvision_sets import torchvision_set
from regard.data.video import Clip, ClipSplit, atari_head, clip_folder, hollywood2, moving_clutter, ucf_sports

__all__ = [
    "CATALOG",
    "Augmentation",
    "Beside",
    "Clip",
    "ClipSplit",
    "DataSplits",
    "Entry",
    "FileSplit",
    "InFront",
    "JointLoader",
    "Loader",
    "Problem",
    "Split",
    "TensorSplit",
    "atari_head",
    "check",
    "cifar10_jpeg",
    "clip_folder",
    "clutter",
    "csv_table",
    "cub",
    "dut_omron",
    "duts",
    "ecssd",
    "get",
    "hku_is",
    "hollywood2",
    "image_folder",
    "join",
    "loader",
    "moving_clutter",
    "open_data",
    "osie",
    "pascal_s",
    "shuffle_gaze",
    "shuffle_labels",
    "spread",
    "torchvision_set",
    "ucf_sports",
]
