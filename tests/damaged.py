"""One valid file of every kind that regard reads, the command that reads it, and ways to damage it.

The tests damage each kind a few times; ``benchmarks/fuzz.py`` does so some thousand times and records what happens.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.score.gaze_set import write_gaze_set

OLD = Path(__file__).parent / "fixtures" / "v0_1"


@dataclass(frozen=True)
class Kind:
    """A file and the words of a command, run beside it, that reads it."""

    file: str
    command: Sequence[str]


def _explained(name: str) -> Kind:
    return Kind(name, ("explain", name, "--run", "model"))


def _scored(maps: str, file: str | None = None) -> Kind:
    return Kind(file or maps, ("score", "--maps", maps, "--fixations", "gaze.csv", "--images", "images"))


def _looked(name: str) -> Kind:
    return Kind(name, ("score", "--maps", "good", "--fixations", name, "--images", "images"))


def _shown(name: str) -> Kind:
    return Kind(name, ("report", name.partition("/")[0]))


def _weights(name: str) -> Kind:
    return Kind(name, ("explain", "a.png", "--model", "compact", "--weights", name, "--method", "grad_cam"))


KINDS: Mapping[str, Kind] = {
    "png": _explained("a.png"),
    "jpeg": _explained("a.jpg"),
    "webp": _explained("a.webp"),
    "tiff": _explained("a.tiff"),
    "bmp": _explained("a.bmp"),
    "gif": _explained("a.gif"),
    "model's config": Kind("model/config.json", ("explain", "a.png", "--run", "model")),
    "model's weights": Kind("model/model.safetensors", ("explain", "a.png", "--run", "model")),
    "weights .safetensors": _weights("compact.safetensors"),
    "weights .pth": _weights("compact.pth"),
    "map .npy": _scored("good", "good/0.npy"),
    "map .png": _scored("poor", "poor/0.png"),
    "maps .npz": _scored("maps.npz"),
    "maps .h5": _scored("maps.h5"),
    "fixations .csv": _looked("gaze.csv"),
    "fixations .parquet": _looked("gaze.parquet"),
    "fixations .hdf5": _looked("gaze.hdf5"),
    "image of a gaze set": _scored("good", "images/0.png"),
    "recipe": Kind("recipe.yaml", ("train", "--recipe", "recipe.yaml", "--data.name", "folder", "--data.root", "none")),
    "evaluation": _shown("classification/evaluation.json"),
    "journal": _shown("classification/metrics.jsonl"),
    "gallery": _shown("classification/gallery.npz"),
    "run's recipe": _shown("classification/recipe.yaml"),
    "environment": _shown("classification/environment.json"),
    "judgement": _shown("judged/judge.json"),
    "scores": _shown("scored/scores.json"),
    "scores' gallery": _shown("scored/gallery.npz"),
    "comparison": _shown("compared/comparison.json"),
    "table's results": _shown("small/table.json"),
    "table": Kind("table.yaml", ("table", "table.yaml", "--dry-run")),
}


def write_valid(place: Path) -> None:
    """One valid file of every kind, in an empty folder."""
    from regard.gaze import image_sizes, read_csv, write_parquet, write_pysaliency
    from regard.models import AttentiveClassifier

    write_gaze_set(place)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 24, 3), dtype=np.uint8))
    for ending in ("png", "jpg", "webp", "tiff", "bmp", "gif"):
        picture.save(place / f"a.{ending}")
    torch.manual_seed(0)
    small = AttentiveClassifier(
        "compact", 2, at="stage1", input_size=(24, 24), backbone_options={"widths": [4, 4, 8, 8]}
    )
    small.save_pretrained(place / "model")
    from regard.backbones import create_backbone

    state = create_backbone("compact", 10).state_dict()
    save_file(state, place / "compact.safetensors")
    torch.save(state, place / "compact.pth")
    maps = {f"{k}.png": np.load(place / "good" / f"{k}.npy") for k in range(8)}
    np.savez_compressed(place / "maps.npz", **maps)
    import h5py

    with h5py.File(place / "maps.h5", "w") as file:
        for name, values in maps.items():
            file[name] = values
    fixations = read_csv(place / "gaze.csv", sizes=image_sizes(place / "images"))
    write_parquet(fixations, place / "gaze.parquet")
    write_pysaliency(fixations, place / "gaze.hdf5")
    for name in ("classification", "judged", "scored", "compared"):
        shutil.copytree(OLD / name, place / name)
    shutil.copytree(OLD / "table" / "grid" / "small", place / "small")
    shutil.copy(OLD / "table" / "base.yaml", place / "base.yaml")
    shutil.copy(OLD / "table" / "small.yaml", place / "table.yaml")
    shutil.copy(OLD / "classification" / "recipe.yaml", place / "recipe.yaml")


_TEXT = ("word", "word", "word", "word", "word", "flip", "cut", "double")
_BINARY = ("flip", "flip in front", "cut", "insert", "double", "zero", "word", "flip")
_WORDS = (
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"99999999999999999999",
    b'"\\ud800"',
    b"[]",
    b"{}",
    b"../../x",
    b"\x00",
    b"=1+1",
)


def damage(content: bytes, seed: int) -> bytes:
    """A damaged copy: bits flipped, cut short, bytes put in, doubled, zeroed, or a number or word replaced."""
    rng = np.random.default_rng(seed)
    data, size = bytearray(content), max(len(content), 1)
    way = (_TEXT if _is_text(content) else _BINARY)[seed % 8]
    if way in ("flip", "flip in front"):
        reach = size if way == "flip" else min(size, 256)
        for place in rng.integers(0, reach, int(rng.integers(1, 17))):
            if place < len(data):
                data[place] ^= 1 << int(rng.integers(8))
    elif way == "cut":
        del data[int(rng.integers(size)) :]
    elif way == "insert":
        place = int(rng.integers(size))
        data[place:place] = rng.integers(0, 256, int(rng.integers(1, 64)), dtype=np.uint8).tobytes()
    elif way == "double":
        start, stop = sorted(int(k) for k in rng.integers(0, size, 2))
        data[stop:stop] = data[start:stop] * int(rng.integers(1, 4))
    elif way == "zero":
        start = int(rng.integers(size))
        stop = start + int(rng.integers(1, 64))
        data[start:stop] = bytes(len(data[start:stop]))
    else:
        _replace_word(data, rng)
    return bytes(data)


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def _replace_word(data: bytearray, rng: np.random.Generator) -> None:
    """Replaces one run of letters or digits by something that the reader may not expect."""
    import re

    found = list(re.finditer(rb"[A-Za-z_.]+|-?[0-9][0-9.e+-]*", bytes(data)))
    word = _WORDS[int(rng.integers(len(_WORDS)))]
    if found:
        start, stop = found[int(rng.integers(len(found)))].span()
        data[start:stop] = word
    else:
        data.extend(word)
