"""The entries of the catalog: content, size, source, licence, citation and opening function of each data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from regard.data.cifar10_jpeg import cifar10_jpeg
from regard.data.cub import CUB_LICENCE, cub
from regard.data.generated.clutter import CLUTTER_LICENCE, CLUTTER_SOURCE, DIGITS_SOURCE, clutter, digits
from regard.data.generated.moving_clutter import moving_clutter
from regard.data.mosaics import cifar10_mosaics
from regard.data.own_images import csv_table, image_folder
from regard.data.salient import OSIE_LICENCE, SALIENT, osie, salient_set
from regard.data.shards import tar_shards
from regard.data.splits import DataSplits
from regard.data.timm_sets import timm_set
from regard.data.torchvision_sets import torchvision_set
from regard.data.video.actions import HOLLYWOOD2_LICENCE, UCF_SPORTS_LICENCE, hollywood2, ucf_sports
from regard.data.video.atari_head import ATARI_HEAD_LICENCE, atari_head
from regard.data.video.clip_folder import clip_folder


@dataclass(frozen=True)
class Entry:
    """A data set of the catalog.

    Attributes:
        name: its name in `open_data` and on the command line.
        description: one sentence.
        content: numbers of images, classes and pixels.
        source: where it comes from.
        licence: the terms of use.
        homepage: address of its description.
        citation: what to cite.
        open: (root, **options) -> DataSplits, or (**options) where no root is needed.
        download: size of the download; empty where nothing can or need be fetched.
        fetch: downloads into a folder; None where there is nothing to fetch.
        needs_root: whether there must be a folder (or file) to open it from.
    """

    name: str
    description: str
    content: str
    source: str
    licence: str
    open: Callable[..., DataSplits]
    homepage: str = ""
    citation: str = ""
    download: str = ""
    fetch: Callable[[Path], Any] | None = None
    needs_root: bool = True


def _torchvision(name: str, **facts: Any) -> Entry:
    opener = partial(torchvision_set, "svhn", extra=True) if name == "svhn_extra" else partial(torchvision_set, name)
    return Entry(name=name, open=opener, fetch=partial(opener, download=True), **facts)


def _salient(name: str, *, in_memory: bool = False, **facts: Any) -> Entry:
    opener = partial(salient_set, name, in_memory=True) if in_memory else partial(salient_set, name)
    return Entry(name=name, licence=SALIENT[name].licence, open=opener, **facts)


_CIFAR: dict[str, Any] = {
    "licence": "no explicit licence; for research, with citation",
    "homepage": "https://www.cs.toronto.edu/~kriz/cifar.html",
    "citation": "A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009",
}
_SVHN = {
    "source": "http://ufldl.stanford.edu/housenumbers/",
    "licence": "non-commercial use only",
    "homepage": "http://ufldl.stanford.edu/housenumbers/",
    "citation": "Y. Netzer et al.: Reading Digits in Natural Images with Unsupervised Feature Learning, 2011",
}

ENTRIES = (
    Entry(
        name="clutter",
        description="A handwritten digit somewhere on a photograph among fragments of other digits; masks and boxes.",
        content="any number, 10 classes, any size",
        source=CLUTTER_SOURCE,
        licence=CLUTTER_LICENCE,
        homepage="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        citation="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998",
        open=clutter,
        needs_root=False,
    ),
    Entry(
        name="digits",
        description="Bare handwritten digits, split as in clutter; inside scikit-learn.",
        content="1,078 / 252 / 467, 10 classes, 8x8",
        source=DIGITS_SOURCE,
        licence="CC BY 4.0 (E. Alpaydin, C. Kaynak)",
        homepage="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        citation="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998",
        open=digits,
        needs_root=False,
    ),
    _torchvision(
        "cifar10",
        description="Small photographs of animals and vehicles.",
        content="50,000 / 10,000, 10 classes, 32x32",
        download="170 MB",
        source="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        **_CIFAR,
    ),
    _torchvision(
        "cifar100",
        description="Small photographs of 100 kinds of things.",
        content="50,000 / 10,000, 100 classes, 32x32",
        download="169 MB",
        source="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        **_CIFAR,
    ),
    _torchvision(
        "svhn",
        description="House numbers: the digit in the middle counts.",
        content="73,257 / 26,032, 10 classes, 32x32",
        download="246 MB",
        **_SVHN,
    ),
    _torchvision(
        "svhn_extra",
        description="House numbers, with easier images added to training.",
        content="604,388 / 26,032, 10 classes, 32x32",
        download="1.6 GB",
        **_SVHN,
    ),
    _torchvision(
        "stl10",
        description="Photographs of animals and vehicles, few labels; its unlabelled images are not used.",
        content="5,000 / 8,000, 10 classes, 96x96",
        download="2.6 GB",
        source="http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
        licence="no explicit licence (images from ImageNet); for research, with citation",
        homepage="https://cs.stanford.edu/~acoates/stl10/",
        citation="A. Coates, H. Lee, A. Y. Ng: An Analysis of Single Layer Networks, AISTATS 2011",
    ),
    _torchvision(
        "fashion_mnist",
        description="Grey pictures of clothes.",
        content="60,000 / 10,000, 10 classes, 28x28",
        download="31 MB",
        source="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        licence="MIT",
        homepage="https://github.com/zalandoresearch/fashion-mnist",
        citation="H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, arXiv:1708.07747, 2017",
    ),
    Entry(
        name="cifar10_jpeg",
        description="Part of CIFAR-10, balanced and recompressed as JPEG, which costs a few points of accuracy.",
        content="15,000 / 5,000, 10 classes, 32x32",
        source="cifar10/cifar10_20k.zip in a folder of research data sets",
        open=cifar10_jpeg,
        **_CIFAR,
    ),
    Entry(
        name="cifar10_mosaics",
        description="Four tiles of CIFAR-10: one is an animal, whose class is asked, the others are vehicles.",
        content="8,100 / 900 / 3,000 of `cifar10_jpeg`, 6 classes, 64x64, with masks and boxes of the animal's tile",
        source="made from cifar10_jpeg or cifar10, which must be at hand",
        open=cifar10_mosaics,
        **_CIFAR,
    ),
    Entry(
        name="cub",
        description="Kinds of birds, with boxes and 15 parts, and the gaze of people who identify them (CUB-GHA).",
        content="5,994 / 5,794, 200 classes; or 1,500 / 1,389 of its first 50; any size",
        source="https://data.caltech.edu/records/65de6-vp158 (CUB_200_2011.tgz, 1.1 GB), unpacked in the root",
        licence=CUB_LICENCE,
        homepage="https://www.vision.caltech.edu/datasets/cub_200_2011/",
        citation=(
            "C. Wah et al.: The Caltech-UCSD Birds-200-2011 Dataset, CNS-TR-2011-001; gaze: Y. Rong et al.: Human "
            "Attention in Fine-grained Classification, BMVC 2021"
        ),
        open=cub,
    ),
    _salient(
        "ecssd",
        description="One salient object per image on a structured background, binary masks.",
        content="800 / 200 (the last by number; no official split), masks; any size",
        source="https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/dataset.html, unpacked in the root",
        homepage="https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/dataset.html",
        citation="J. Shi et al.: Hierarchical Image Saliency Detection on Extended CSSD, TPAMI 38, 2016",
        in_memory=True,
    ),
    _salient(
        "pascal_s",
        description="Salient objects of everyday scenes, graded masks cut at one half, gaze of 12 people.",
        content="680 / 170 (the last by number; no official split), masks, gaze; any size",
        source="salObj.zip of the authors, unpacked in the root",
        homepage="http://cbs.ic.gatech.edu/salobj/",
        citation="Y. Li et al.: The Secrets of Salient Object Segmentation, CVPR 2014",
    ),
    _salient(
        "dut_omron",
        description="Salient objects on a complex background, binary masks, gaze of 5 people.",
        content="4,134 / 1,034 (the last by number; no official split), masks, gaze; any size",
        source="http://saliencydetection.net/dut-omron/ (images, masks, eye fixations), unpacked in the root",
        homepage="http://saliencydetection.net/dut-omron/",
        citation="C. Yang et al.: Saliency Detection via Graph-Based Manifold Ranking, CVPR 2013",
    ),
    _salient(
        "duts",
        description="The usual training set of salient object detection, binary masks.",
        content="10,553 / 5,019 (official), masks; any size",
        source="http://saliencydetection.net/duts/ (DUTS-TR and DUTS-TE), unpacked in the root",
        homepage="http://saliencydetection.net/duts/",
        citation="L. Wang et al.: Learning to Detect Salient Objects with Image-level Supervision, CVPR 2017",
    ),
    _salient(
        "hku_is",
        description="Images of several salient objects, binary masks.",
        content="2,500 / 500 / 1,447 (official), masks; any size",
        source="https://i.cs.hku.hk/~gbli/deep_saliency.html, unpacked in the root",
        homepage="https://i.cs.hku.hk/~gbli/deep_saliency.html",
        citation="G. Li, Y. Yu: Visual Saliency Based on Multiscale Deep Features, CVPR 2015",
    ),
    Entry(
        name="osie",
        description="Everyday scenes with the fixations of 15 people; no labels: for attention aligned with people.",
        content="560 / 140 (the last by number; no official split), gaze; any size",
        source="https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels, unpacked in the root",
        licence=OSIE_LICENCE,
        homepage="https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels",
        citation="J. Xu et al.: Predicting Human Gaze Beyond Pixels, Journal of Vision 14, 2014",
        open=osie,
    ),
    Entry(
        name="moving_clutter",
        description="Clips of a digit among fragments that move in other directions; masks, boxes, simulated gaze.",
        content="any number, 12 classes (3 digits, 4 directions), any size",
        source=CLUTTER_SOURCE,
        licence=CLUTTER_LICENCE,
        homepage="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        citation="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998",
        open=moving_clutter,
        needs_root=False,
    ),
    Entry(
        name="ucf_sports",
        description="Sports on television, gaze of people who watched.",
        content="103 / 47 videos (Lan et al. 2011), 10 classes, gaze; any size",
        source=(
            "https://www.crcv.ucf.edu/data/UCF_Sports_Action.php, gaze on request from http://vision.imar.ro/eyetracking/"
            ", unpacked in the root; or both as https://github.com/wenguanwang/DHF1K has them"
        ),
        licence=UCF_SPORTS_LICENCE,
        homepage="https://www.crcv.ucf.edu/data/UCF_Sports_Action.php",
        citation=(
            "M. Rodriguez et al.: Action MACH, CVPR 2008; gaze: S. Mathe, C. Sminchisescu: Actions in the Eye, TPAMI "
            "37, 2015; W. Wang et al.: Revisiting Video Saliency, CVPR 2018"
        ),
        open=ucf_sports,
    ),
    Entry(
        name="hollywood2",
        description="Actions in films, several at once, gaze of people who watched.",
        content="823 / 884 videos (official, other films), 12 labels, gaze; any size",
        source=(
            "https://www.di.ens.fr/~laptev/actions/hollywood2/, gaze (on request) http://vision.imar.ro/eyetracking/, "
            "unpacked in the root, with a list movies.txt of which clip is of which film"
        ),
        licence=HOLLYWOOD2_LICENCE,
        homepage="https://www.di.ens.fr/~laptev/actions/hollywood2/",
        citation=(
            "M. Marszałek et al.: Actions in Context, CVPR 2009; gaze: S. Mathe, C. Sminchisescu: Actions in the Eye, "
            "TPAMI 37, 2015"
        ),
        open=hollywood2,
    ),
    Entry(
        name="atari_head",
        description="A proxy for actions with gaze: the next turn of one player's joystick, and where they looked.",
        content="15,406 frames of one trial (Ms. Pac-Man), 4 classes, gaze; split by stretches of time; any size",
        source="https://zenodo.org/records/3451402, one trial as a zip of png and a csv, in the root",
        licence=ATARI_HEAD_LICENCE,
        homepage="https://zenodo.org/records/3451402",
        citation="R. Zhang et al.: Atari-HEAD: Atari Human Eye-Tracking and Demonstration Dataset, AAAI 2020",
        open=atari_head,
    ),
    Entry(
        name="clip_folder",
        description="Your own videos in one folder per class, or UCF101 with its official lists.",
        content="yours",
        source="the folder given as root",
        licence="yours",
        homepage="https://www.crcv.ucf.edu/data/UCF101.php",
        citation="K. Soomro et al.: UCF101, CRCV-TR-12-01, 2012 (for UCF101)",
        open=clip_folder,
    ),
    Entry(
        name="folder",
        description="Your own images in one folder per class, with or without train, val and test above, masks if any.",
        content="yours",
        source="the folder given as root",
        licence="yours",
        open=image_folder,
    ),
    Entry(
        name="csv",
        description="Your own images listed in a CSV file: path,label[,split][,mask].",
        content="yours",
        source="the file given as root",
        licence="yours",
        open=csv_table,
    ),
    Entry(
        name="shards",
        description="Your own images in tar shards, as WebDataset and timm write them.",
        content="yours",
        source="the folder given as root",
        licence="yours",
        open=tar_shards,
    ),
    Entry(
        name="timm",
        description="Whatever timm opens: folders, tars, torchvision's, Hugging Face's and TensorFlow's sets, shards.",
        content="the set's own",
        source="the folder given as root, and the name in the options, as `timm.data.create_dataset` takes it",
        licence="the set's own",
        homepage="https://huggingface.co/docs/timm/reference/data",
        open=timm_set,
    ),
)
