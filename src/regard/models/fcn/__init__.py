"""Fully convolutional heads: layers that are read, scores, upsampling (Long, Shelhamer, Darrell, CVPR 2015).

Not here: attention, samples, normalisation (`regard.models.segmenter`).
"""

from regard.models.fcn.decoder import VARIANTS, FcnDecoder
from regard.models.fcn.network import Fcn
from regard.models.fcn.read import Reading, cut_off, readings
from regard.models.fcn.upsample import BilinearUp, fit

__all__ = ["VARIANTS", "BilinearUp", "Fcn", "FcnDecoder", "Reading", "cut_off", "fit", "readings"]
