"""Every source that ``timm.data.create_dataset`` opens, as one reader.

* Folders, tars, torchvision's sets and mapped sets of Hugging Face's ``datasets`` are read by index, as they are.
* WebDataset's shards (``wds/``) are read by index, too, by `regard.data.shards`.
* Streams (``hfids/``, ``tfds/``) have no index, and no end that could be resumed: they are read once, in their order,
  at the size that is asked for, and packed as shards into the user's cache; a copy that was interrupted goes on.

So every source has an order, in which each image is seen once an epoch, over any number of ranks and workers, also in
a run that is killed and goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from PIL import Image
from torch import Tensor

from regard.data.files import as_size, covered_batch, image_to_rgb
from regard.data.shards import tar_shards
from regard.data.splits import DataSplits, ItemDataset, check_labels, complete
from regard.data.stream_copy import pack_streams, whole_number
from regard.reading import load_image
from regard.types import Batch, RegardError

_NEEDS = {"hfds": "datasets", "hfids": "datasets", "tfds": "tensorflow-datasets"}
"""Prefix of a name -> the package that reads it."""
_STREAMS = ("hfids", "tfds")
_USUAL = {"train": "train", "val": "val", "test": "test"}


@dataclass(frozen=True)
class TimmSplit(ItemDataset):
    """A part of a set that timm reads by index, resized to just cover ``size`` and cut to its centre.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        classes: class names.
        labels: (N,) long.
        size: height and width of the output, pixels.
        source: timm's, torchvision's or Hugging Face's data set.
        called: the source's name, for messages.
        positions: of this split's images in the source (N,).
    """

    name: str
    classes: tuple[str, ...]
    labels: Int[Tensor, " N"]
    size: tuple[int, int]
    source: Any
    called: str
    positions: Int[Tensor, " N"]

    def __len__(self) -> int:
        return len(self.positions)

    def batch(self, index: Sequence[int] | Tensor) -> Batch:
        """The items at these positions, read now; one that cannot be read raises a RegardError with its name."""
        where = torch.as_tensor(index, dtype=torch.int64)
        pictures = (_picture(self.source, int(self.positions[i]), self.item_name(i)) for i in where.tolist())
        images = covered_batch(pictures, len(where), self.size)
        return Batch(images, self.labels[where], where, split=self.name)

    def item_name(self, i: int) -> str:
        """The file, where the source knows it, else the source and the number."""
        position, samples = int(self.positions[i]), getattr(_reader(self.source), "samples", None)
        known = None if samples is None else samples[position][0]
        return str(known) if isinstance(known, str) else f"{self.called}: item {position}"


def timm_set(
    root: str | Path,
    *,
    name: str = "",
    splits: Mapping[str, str] | None = None,
    size: int | tuple[int, int] = 224,
    classes: Sequence[str] | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    mirror: bool = True,
    online: bool = False,
    arguments: Mapping[str, Any] | None = None,
) -> DataSplits:
    """A set that ``timm.data.create_dataset`` opens: a folder or tar of classes, ``torch/``, ``hfds/``, ``wds/``, ...

    Args:
        root: the folder (or tar) of the set; of Hugging Face's and TensorFlow's sets the one where they are kept.
        name: as in timm: empty (or ``folder``) for images in one folder per class and for tars; ``torch/cifar10``;
            ``hfds/NAME`` mapped, ``hfids/NAME`` streamed; ``tfds/NAME``; ``wds/`` for tar shards.
        splits: what the source calls its ``train``, ``val`` and ``test``; by default these, of torchvision's sets
            ``train`` and ``validation`` (as test). One that is left out is taken from training, each class in
            proportion. Of ``wds/`` the names of the shards say it.
        size: height and width of the images, or one number for both: resized to just cover it, cut to the centre.
        classes: class names in the order of the labels; None takes the source's, else the numbers.
        val_share: share of the training images for validation where there is no split for it.
        test_share: likewise for test.
        seed: decides which.
        mirror: whether a mirrored image keeps its class.
        online: whether Hugging Face's ``datasets`` may read from its hub; otherwise it reads this machine alone.
        arguments: further ones of ``create_dataset``, such as ``{target_key: fine_label}``.

    Raises:
        RegardError: a library that is not installed, no such set, a split without images, a label that no class has.

    Source: timm.data.dataset_factory, https://github.com/huggingface/pytorch-image-models
    """
    prefix, slash, _ = name.partition("/")
    prefix, chosen = prefix.lower() if slash else "", as_size(size)
    common: dict[str, Any] = {"val_share": val_share, "test_share": test_share, "seed": seed, "mirror": mirror}
    if prefix == "wds":
        if splits is not None or arguments:
            raise RegardError(f"{name}: the names of the shards say their splits; leave splits and arguments out")
        return tar_shards(root, size=chosen, classes=classes, **common)
    given = dict(arguments or {})
    if given.get("download"):
        raise RegardError(f"{name}: opening never downloads; put the set into {root}")
    wanted = dict(splits or _usual(prefix, Path(root)))
    if "train" not in wanted or set(wanted) - set(_USUAL):
        raise RegardError(f"{name}: splits are {', '.join(wanted)}; give train, and val and test if there are")
    opened = {part: _open(name, prefix, root, called, given, online) for part, called in wanted.items()}
    if prefix in _STREAMS:
        folder = pack_streams(name, root, wanted, given, chosen, opened)
        return tar_shards(folder, size=chosen, classes=classes or _names(opened["train"]) or None, **common)
    return _mapped(name or str(root), opened, chosen, classes, common, Path(root))


def _usual(prefix: str, root: Path) -> dict[str, str]:
    if prefix == "torch":
        return {"train": "train", "test": "validation"}
    if prefix or not root.is_dir():
        return {"train": "train"}
    there = {part: name for part, names in _FOLDERS.items() for name in names if (root / name).is_dir()}
    return there if "train" in there else {"train": "train"}


_FOLDERS = {"train": ("training", "train"), "val": ("eval", "validation", "valid", "val"), "test": ("test",)}
"""Split -> names of its folder, the preferred one last."""


def _open(name: str, prefix: str, root: str | Path, split: str, arguments: Mapping[str, Any], online: bool) -> Any:
    import timm.data

    plain = "" if name in ("folder", "tar") else name
    if not prefix and Path(root).is_file():  # no index of it is left beside it
        arguments = {"cache_tarinfo": False, **arguments}
    if not prefix and not Path(root).exists():
        raise RegardError(f"{root}: no such folder or tar; correct the path")
    try:
        with _offline(prefix, online):
            opened: Any = timm.data.create_dataset  # type: ignore[attr-defined]
            return opened(plain, str(root), split=split, download=False, **arguments)
    except ImportError as error:
        package = _NEEDS.get(prefix, error.name or "a package")
        raise RegardError(f"{name}: {package} is not installed, which reads it; `pip install {package}`") from None
    except Exception as error:  # of timm, torchvision and datasets: of many kinds, AssertionError among them
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise RegardError(
            f"{name or root}, split {split!r}: cannot be opened ({said}); correct name, root or splits"
        ) from None


@contextmanager
def _offline(prefix: str, online: bool) -> Iterator[None]:
    """Hugging Face's ``datasets`` asks no hub, unless that is allowed."""
    if prefix not in ("hfds", "hfids") or online:
        yield
        return
    import datasets

    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def _mapped(
    called: str,
    opened: Mapping[str, Any],
    size: tuple[int, int],
    classes: Sequence[str] | None,
    common: Mapping[str, Any],
    where: Path,
) -> DataSplits:
    """Splits of sources with an index; positions count through all of them."""
    labels = {part: _labels(source, f"{called}, {part}") for part, source in opened.items()}
    every = torch.cat(list(labels.values()))
    names = tuple(classes or _names(opened["train"]) or (str(k) for k in range(max(int(every.max()) + 1, 2))))
    for part, own in labels.items():
        check_labels(own, names, where=f"{called}, {part}")
    starts, groups, begin = {}, {}, 0
    for part, own in labels.items():
        starts[part], groups[part] = begin, torch.arange(begin, begin + len(own))
        begin += len(own)
    shares = {"val": common["val_share"], "test": common["test_share"]}
    groups = complete(groups, every, shares, seed=common["seed"], where=where)
    parts = {}
    for part, own in groups.items():
        origin = part if part in opened else "train"
        positions = own - starts[origin]
        parts[part] = TimmSplit(part, names, every[own], size, opened[origin], called, positions)
    source = f"{called}, as timm opens it"
    return DataSplits.of_parts(
        parts, statistics_images=500, source=source, licence="the set's own", mirror=common["mirror"], where=where
    )


def _reader(source: Any) -> Any:
    """What timm reads a source with; None where it leaves that to torchvision."""
    return getattr(source, "reader", None)


def _labels(source: Any, called: str) -> Int[Tensor, " N"]:
    """The class numbers of a source, without reading its images."""
    reader = _reader(source)
    if hasattr(reader, "samples"):
        found = [sample[-1] for sample in reader.samples]
        if hasattr(reader, "targets"):  # of a tar, whose samples are entries
            found = list(reader.targets)
    elif hasattr(reader, "iter_targets"):
        found = list(reader.iter_targets())
    else:
        found = next((list(x) for n in ("targets", "labels") if (x := getattr(source, n, None)) is not None), [])
    if not len(found):
        raise RegardError(f"{called}: no labels are known without reading every image; pack it as tar shards (wds/)")
    wrong = next((k for k, label in enumerate(found) if isinstance(label, bool) or not whole_number(label)), None)
    if wrong is not None:
        raise RegardError(
            f"{called}: label {found[wrong]!r} of item {wrong} is no class number; one class an image is needed"
        )
    return torch.tensor([int(label) for label in found])


def _names(source: Any) -> tuple[str, ...]:
    """Class names, in the order of their numbers; none where the source does not know them."""
    reader = _reader(source)
    places = [(reader, "class_to_idx"), (reader, "class_name_to_idx"), (source, "class_to_idx")]
    numbered = next((found for place, at in places if (found := getattr(place, at, None))), None)
    if not numbered:
        return tuple(str(name) for name in getattr(source, "classes", ()))
    return tuple(str(name) for name in sorted(numbered, key=lambda name: numbered[name]))


def _picture(source: Any, position: int, called: str) -> Image.Image:
    """An item as RGB, turned as its EXIF orientation says."""
    reader = _reader(source)
    if reader is None:  # of torchvision
        try:
            picture = source[position][0]
        except (OSError, ValueError, RuntimeError) as error:
            raise RegardError(f"{called}: cannot be read ({error}); replace or remove the file") from None
    else:
        picture = load_image(_content(reader, position), turned=True, name=called)
    if not isinstance(picture, Image.Image):
        raise RegardError(f"{called}: is {type(picture).__name__}, no picture; give input_key in arguments")
    return image_to_rgb(picture, called)


def _content(reader: Any, position: int) -> bytes:
    """The file of an item. Of a tar it is read at its place, as processes must not share timm's open file."""
    if hasattr(reader, "tar_state"):
        entry, parent, child = reader.samples[position]
        with (Path(reader.root, parent) if parent else Path(reader.root)).open("rb") as file:
            file.seek(entry.offset_data + (0 if child is None else child.offset_data))
            return file.read(entry.size)
    with reader[position][0] as file:
        content: bytes = file.read()
    return content
