"""Data sets of salient objects, one a file: images with one mask each, in the layouts in which they are published.

All come whole, stretched to ``size``: nothing of an object is cut away, as salient object detection has it. There is
one class; what is learned is the mask (``Batch.masks``). Where people's gaze was recorded on the same images, it comes
along (``Batch.fixations``, ``DataSplits.gaze``).
"""

from regard.data.salient.sets import SALIENT, dut_omron, duts, ecssd, hku_is, pascal_s

__all__ = ["SALIENT", "dut_omron", "duts", "ecssd", "hku_is", "pascal_s"]
