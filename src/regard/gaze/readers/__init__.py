"""data sets of gaze, one reader a file, each into `Fixations`. Not here: images as tensors, splits (`regard.data`)."""

from regard.gaze.readers.atari_head import FRAME, read_atari_head
from regard.gaze.readers.cub_gha import read_cub_gha
from regard.gaze.readers.dut_omron import read_dut_omron
from regard.gaze.readers.files import image_size, image_sizes, load_csv, load_mat, numbers
from regard.gaze.readers.folder import read_folder
from regard.gaze.readers.interiors import read_interiors
from regard.gaze.readers.mathe import GazeSamples, read_mathe
from regard.gaze.readers.mit1003 import read_mit1003
from regard.gaze.readers.osie import read_osie
from regard.gaze.readers.pascal_s import read_pascal_s
from regard.gaze.readers.salicon import read_salicon
from regard.gaze.readers.wang import read_wang

__all__ = [
    "FRAME",
    "GazeSamples",
    "image_size",
    "image_sizes",
    "load_csv",
    "load_mat",
    "numbers",
    "read_atari_head",
    "read_cub_gha",
    "read_dut_omron",
    "read_folder",
    "read_interiors",
    "read_mathe",
    "read_mit1003",
    "read_osie",
    "read_pascal_s",
    "read_salicon",
    "read_wang",
]
