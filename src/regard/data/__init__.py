"""Data sets, real and generated, and a catalog of them. Not here: anything that knows a model.

Every set opens as `DataSplits`; `loader` makes batches of a split, `check_split` finds its bad items.
"""

from regard.data.augment import Augmentation, move_points
from regard.data.cache import cache_folder, cached
from regard.data.catalog import CATALOG, find_entry, get, open_data
from regard.data.catalog import list_data as list
from regard.data.catalog import open_data as open
from regard.data.cifar10_jpeg import cifar10_jpeg
from regard.data.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from regard.data.cub import cub
from regard.data.files import (
    FileSplit,
    cover,
    fingerprint,
    image_to_rgb,
    mask_fingerprint,
    read_image,
    to_bytes,
)
from regard.data.generated.clutter import clutter
from regard.data.generated.moving_clutter import moving_clutter
from regard.data.loader import JointLoader, Loader, join, loader
from regard.data.membership import DataRecord, check_data, content_hashes, record_data
from regard.data.mixing import mix_batch
from regard.data.mosaics import cifar10_mosaics
from regard.data.own_images import csv_table, image_folder
from regard.data.random_counter import permutation, uniforms
from regard.data.salient import osie, salient_set
from regard.data.shards import ShardSplit, tar_shards
from regard.data.shuffle import Among, shuffle_gaze, shuffle_labels
from regard.data.splits import (
    DataSplits,
    Member,
    Split,
    SplitExtension,
    SplitWrapper,
    TensorSplit,
    check_split,
    evenly_spaced,
)
from regard.data.timm_sets import TimmSplit, timm_set
from regard.data.torchvision_sets import torchvision_set
from regard.data.transforms import check_transforms, transform_batch
from regard.data.video.actions import hollywood2, ucf_sports
from regard.data.video.atari_head import atari_head
from regard.data.video.clip_folder import clip_folder
from regard.data.video.clips import Clip, ClipSplit

__all__ = [
    "CATALOG",
    "CORRUPTIONS",
    "SEVERITIES",
    "Among",
    "Augmentation",
    "Clip",
    "ClipSplit",
    "DataRecord",
    "DataSplits",
    "FileSplit",
    "JointLoader",
    "Loader",
    "Member",
    "ShardSplit",
    "Split",
    "SplitExtension",
    "SplitWrapper",
    "TensorSplit",
    "TimmSplit",
    "atari_head",
    "cache_folder",
    "cached",
    "check_data",
    "check_split",
    "check_transforms",
    "cifar10_jpeg",
    "cifar10_mosaics",
    "clip_folder",
    "clutter",
    "content_hashes",
    "corrupted",
    "cover",
    "csv_table",
    "cub",
    "evenly_spaced",
    "find_entry",
    "fingerprint",
    "get",
    "hollywood2",
    "image_folder",
    "image_to_rgb",
    "join",
    "list",
    "loader",
    "mask_fingerprint",
    "mix_batch",
    "move_points",
    "moving_clutter",
    "open",
    "open_data",
    "osie",
    "permutation",
    "read_image",
    "record_data",
    "salient_set",
    "shuffle_gaze",
    "shuffle_labels",
    "tar_shards",
    "timm_set",
    "to_bytes",
    "torchvision_set",
    "transform_batch",
    "ucf_sports",
    "uniforms",
]
