"""Data sets of gaze, one reader per set (or published form), each into `Fixations`. Not here: images as tensors."""

from regard.gaze.readers.atari_head import ATARI_FRAME, read_atari_head
from regard.gaze.readers.cub_gha import read_cub_gha
from regard.gaze.readers.dut_omron import read_dut_omron
from regard.gaze.readers.interiors import read_interiors
from regard.gaze.readers.mathe import GazeSamples, read_mathe
from regard.gaze.readers.osie import read_osie
from regard.gaze.readers.pascal_s import read_pascal_s
from regard.gaze.readers.pixel_maps import read_mit1003, read_wang
from regard.gaze.readers.salicon import read_salicon

__all__ = [
    "ATARI_FRAME",
    "GazeSamples",
    "read_atari_head",
    "read_cub_gha",
    "read_dut_omron",
    "read_interiors",
    "read_mathe",
    "read_mit1003",
    "read_osie",
    "read_pascal_s",
    "read_salicon",
    "read_wang",
]
