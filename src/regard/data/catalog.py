"""Every data set by name: what it is, how large, whose, under which licence, and how it is opened or fetched.

Nothing is downloaded except by :func:`get`, and by that only after a yes.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from regard.data.cifar10_jpeg import cifar10_jpeg
from regard.data.csv_table import csv_table
from regard.data.cub import LICENCE as CUB_LICENCE
from regard.data.cub import cub
from regard.data.folder import image_folder
from regard.data.generated.clutter import LICENCE, SOURCE, clutter
from regard.data.generated.digits import SOURCE as DIGITS_SOURCE
from regard.data.generated.digits import digits
from regard.data.osie import LICENCE as OSIE_LICENCE
from regard.data.osie import osie
from regard.data.salient.sets import SALIENT
from regard.data.splits import DataSplits
from regard.data.torchvision_sets import torchvision_set
from regard.data.video.entries import VIDEO
from regard.types import RegardError


@dataclass(frozen=True)
class Entry:
    """A data set of the catalog.

    Attributes:
        name: what ``open_data`` and the command line call it.
        description: one sentence.
        content: numbers of images, classes and pixels.
        download: what fetching it transfers; empty where nothing can or need be fetched.
        source: where it comes from.
        licence: what may be done with it.
        homepage: address to read more.
        citation: what to cite.
        open: (root, **options) -> DataSplits, or (**options) where no root is needed.
        fetch: downloads into a folder; None where there is nothing to fetch.
        needs_root: whether there must be a folder (or file) to open it from.
    """

    name: str
    description: str
    content: str
    download: str
    source: str
    licence: str
    homepage: str
    citation: str
    open: Callable[..., DataSplits]
    fetch: Callable[[Path], Any] | None = None
    needs_root: bool = True


def _torchvision(name: str, **facts: Any) -> Entry:
    opener = partial(torchvision_set, "svhn", extra=True) if name == "svhn_extra" else partial(torchvision_set, name)
    return Entry(name=name, open=opener, fetch=partial(opener, download=True), **facts)


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

_ENTRIES = (
    Entry(
        name="clutter",
        description="A handwritten digit somewhere on a photograph among fragments of other digits; masks and boxes.",
        content="any number, 10 classes, any size",
        download="",
        source=SOURCE,
        licence=LICENCE,
        homepage="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        citation="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998",
        open=clutter,
        needs_root=False,
    ),
    Entry(
        name="digits",
        description="Bare handwritten digits, parted as in clutter; inside scikit-learn.",
        content="1,078 / 252 / 467, 10 classes, 8x8",
        download="",
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
        download="",
        source="cifar10/cifar10_20k.zip in a folder of research data sets",
        open=cifar10_jpeg,
        **_CIFAR,
    ),
    Entry(
        name="cub",
        description="Kinds of birds, with boxes and 15 parts, and the gaze of people telling them apart (CUB-GHA).",
        content="5,994 / 5,794, 200 classes; or 1,500 / 1,389 of its first 50; any size",
        download="",
        source="https://data.caltech.edu/records/65de6-vp158 (CUB_200_2011.tgz, 1.1 GB), unpacked in the root",
        licence=CUB_LICENCE,
        homepage="https://www.vision.caltech.edu/datasets/cub_200_2011/",
        citation=(
            "C. Wah et al.: The Caltech-UCSD Birds-200-2011 Dataset, CNS-TR-2011-001; gaze: Y. Rong et al.: Human "
            "Attention in Fine-grained Classification, BMVC 2021"
        ),
        open=cub,
    ),
    *(Entry(download="", **facts) for facts in SALIENT),
    Entry(
        name="osie",
        description="Everyday scenes and where 15 people looked; no labels: for attention aligned with people.",
        content="560 / 140 (the last by number; no official split), gaze; any size",
        download="",
        source="https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels, unpacked in the root",
        licence=OSIE_LICENCE,
        homepage="https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels",
        citation="J. Xu et al.: Predicting Human Gaze Beyond Pixels, Journal of Vision 14, 2014",
        open=osie,
    ),
    *(Entry(download="", **facts) for facts in VIDEO),
    Entry(
        name="folder",
        description="Your own images in one folder a class, with or without train, val and test above, masks if any.",
        content="yours",
        download="",
        source="the folder given as root",
        licence="yours",
        homepage="",
        citation="",
        open=image_folder,
    ),
    Entry(
        name="csv",
        description="Your own images listed in a CSV file: path,label[,split][,mask].",
        content="yours",
        download="",
        source="the file given as root",
        licence="yours",
        homepage="",
        citation="",
        open=csv_table,
    ),
)

CATALOG: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
"""Name -> entry."""


def find_entry(name: str) -> Entry:
    """The entry of this name; an unknown one is an error that lists the nearest."""
    if name not in CATALOG:
        near = difflib.get_close_matches(name, CATALOG, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise RegardError(f"data set {name!r} is not in the catalog; {hint}there are {', '.join(CATALOG)}")
    return CATALOG[name]


def open_data(name: str, root: str | Path | None = None, **options: Any) -> DataSplits:
    """Open a data set that is at hand; nothing is downloaded.

    Args:
        name: key of the catalog.
        root: its folder (``csv``: its file); None takes the environment variable ``REGARD_DATA``.
        options: those of the function that opens the set, e.g. ``size=32`` for ``clutter``.
    """
    entry = find_entry(name)
    if options.get("download"):
        raise RegardError(f"{name}: opening never downloads; use `regard data get {name}`")
    folder = root if root is not None else os.environ.get("REGARD_DATA")
    if entry.needs_root and not folder:
        raise RegardError(f"{name}: no folder given; pass root, or set REGARD_DATA to where data sets lie")
    try:
        return (
            entry.open(Path(folder).expanduser(), **options) if folder and entry.needs_root else entry.open(**options)
        )
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise RegardError(f"{name}: {str(error).split('() ')[-1]}; see `regard data info {name}`") from None


def get(name: str, root: str | Path, confirm: Callable[[str], bool]) -> bool:
    """Fetch a data set into a folder after showing its size, source and licence.

    Args:
        name: key of the catalog.
        root: where to put it.
        confirm: shown the facts, answers whether to go on.

    Returns:
        Whether it was fetched; False after a no.
    """
    entry = find_entry(name)
    if entry.fetch is None:
        raise RegardError(f"{name}: there is nothing to download; it comes from {entry.source}")
    root = Path(root).expanduser()
    question = (
        f"{entry.name}: {entry.description}\n  content:  {entry.content}\n  download: {entry.download} into {root}\n"
        f"  source:   {entry.source}\n  licence:  {entry.licence}\nDownload it?"
    )
    if not confirm(question):
        return False
    root.mkdir(parents=True, exist_ok=True)
    entry.fetch(root)
    return True
