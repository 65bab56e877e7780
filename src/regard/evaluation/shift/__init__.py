"""Test images as they were not in training: corrupted, of low resolution, on other grounds.

Not here: how well a network does on them is a matter of metrics; what is learned from them, of training.
"""

from regard.evaluation.shift.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from regard.evaluation.shift.shift import SHIFTS, ShiftOptions, shift

__all__ = ["CORRUPTIONS", "SEVERITIES", "SHIFTS", "ShiftOptions", "corrupted", "shift"]
