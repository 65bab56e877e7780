"""What the catalog says of the sets of salient objects."""

from __future__ import annotations

from typing import Any

from regard.data.salient.dut_omron import LICENCE as DUT_OMRON_LICENCE
from regard.data.salient.dut_omron import dut_omron
from regard.data.salient.duts import LICENCE as DUTS_LICENCE
from regard.data.salient.duts import duts
from regard.data.salient.ecssd import LICENCE as ECSSD_LICENCE
from regard.data.salient.ecssd import ecssd
from regard.data.salient.hku_is import LICENCE as HKU_IS_LICENCE
from regard.data.salient.hku_is import hku_is
from regard.data.salient.pascal_s import LICENCE as PASCAL_S_LICENCE
from regard.data.salient.pascal_s import pascal_s

SALIENT: tuple[dict[str, Any], ...] = (
    {
        "name": "ecssd",
        "description": "One salient object an image on a structured ground, binary masks.",
        "content": "800 / 200 (the last by number; no official split), masks; any size",
        "source": "https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/dataset.html, unpacked in the root",
        "licence": ECSSD_LICENCE,
        "homepage": "https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/dataset.html",
        "citation": "J. Shi et al.: Hierarchical Image Saliency Detection on Extended CSSD, TPAMI 38, 2016",
        "open": ecssd,
    },
    {
        "name": "pascal_s",
        "description": "Salient objects of everyday scenes, graded masks cut at one half, gaze of 12 people.",
        "content": "680 / 170 (the last by number; no official split), masks, gaze; any size",
        "source": "salObj.zip of the authors, unpacked in the root",
        "licence": PASCAL_S_LICENCE,
        "homepage": "http://cbs.ic.gatech.edu/salobj/",
        "citation": "Y. Li et al.: The Secrets of Salient Object Segmentation, CVPR 2014",
        "open": pascal_s,
    },
    {
        "name": "dut_omron",
        "description": "Salient objects on complex ground, binary masks, gaze of 5 people.",
        "content": "4,134 / 1,034 (the last by number; no official split), masks, gaze; any size",
        "source": "http://saliencydetection.net/dut-omron/ (images, masks, eye fixations), unpacked in the root",
        "licence": DUT_OMRON_LICENCE,
        "homepage": "http://saliencydetection.net/dut-omron/",
        "citation": "C. Yang et al.: Saliency Detection via Graph-Based Manifold Ranking, CVPR 2013",
        "open": dut_omron,
    },
    {
        "name": "duts",
        "description": "The usual training set of salient object detection, binary masks.",
        "content": "10,553 / 5,019 (official), masks; any size",
        "source": "http://saliencydetection.net/duts/ (DUTS-TR and DUTS-TE), unpacked in the root",
        "licence": DUTS_LICENCE,
        "homepage": "http://saliencydetection.net/duts/",
        "citation": "L. Wang et al.: Learning to Detect Salient Objects with Image-level Supervision, CVPR 2017",
        "open": duts,
    },
    {
        "name": "hku_is",
        "description": "Images of several salient objects, binary masks.",
        "content": "2,500 / 500 / 1,447 (official), masks; any size",
        "source": "https://i.cs.hku.hk/~gbli/deep_saliency.html, unpacked in the root",
        "licence": HKU_IS_LICENCE,
        "homepage": "https://i.cs.hku.hk/~gbli/deep_saliency.html",
        "citation": "G. Li, Y. Yu: Visual Saliency Based on Multiscale Deep Features, CVPR 2015",
        "open": hku_is,
    },
)
