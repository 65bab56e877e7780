"""Weights from a local file, safely: safetensors, or a ``.pth`` opened with ``weights_only=True``; never a pickle."""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from regard.backbones.attended import Wrapper
from regard.reading import regular_file
from regard.types import RegardError

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.")
_HEADER = 16 * 2**20


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors by name. Wrappers (``state_dict``, ``model``) and what ``torch.compile`` and
    ``DistributedDataParallel`` put before every name are removed.

    Raises:
        RegardError: no such file, a file that needs pickle to open, or one without tensors.
    """
    path = Path(path)
    if path.is_dir() or not path.exists():
        raise RegardError(f"weights: no file {path}; give a .safetensors or .pth file")
    regular_file(path)
    if path.suffix == ".safetensors":
        return _unwrapped(_read_safetensors(path))
    try:
        _check_stored(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pickle protocols other than 2
            content = torch.load(path, map_location="cpu", weights_only=True)
    except RegardError:
        raise
    except Exception as error:  # of torch's unpickler at damaged files: a dozen types
        raise RegardError(
            f"weights: {path} holds more than tensors, or is damaged; it is not opened, since a pickle can run code; "
            "save the network's state_dict as safetensors"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise RegardError(f"weights: {path} holds no state_dict (names and tensors)")
    return _unwrapped({str(key): value for key, value in content.items()})


def _unwrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without what ``torch.compile`` and ``DistributedDataParallel`` put before every name, in any order."""
    while state and (prefix := next((p for p in _PREFIXES if all(key.startswith(p) for key in state)), "")):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file whose header is no longer than 16 MiB, as the first eight bytes say."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > _HEADER:
        raise RegardError(f"weights: {path} is not a complete safetensors file (its header has {length:,} bytes)")
    try:
        return load_file(path)
    except Exception as error:  # SafetensorError, and others where a header names unknown types
        raise RegardError(f"weights: {path} is not a complete safetensors file ({error})") from error


def _check_stored(path: Path) -> None:
    """Refuses compressed members: torch stores weights as they are, and compressed ones may unpack without end."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > path.stat().st_size:
                raise RegardError(f"weights: {path} holds compressed data, which torch does not write; save it again")


def original_keys(model: nn.Module) -> dict[str, str]:
    """Keys of a network's state -> those that it had before anything was attached.

    Statistics of the mean path have the key of those that they start as.
    """
    places = [f"{name}." if name else "" for name, module in model.named_modules() if isinstance(module, Wrapper)]
    keys = {}
    for key in model.state_dict():
        original = key
        for place in sorted(places, key=len, reverse=True):  # inner first, so that outer names still match
            if original.startswith(place + "module."):
                original = place + original.removeprefix(place + "module.")
        keys[key] = original.replace(".mean_path_", ".running_")
    return keys


def load_weights(model: nn.Module, state: Mapping[str, Tensor], *, source: str, head: str | None = None) -> None:
    """Copies weights into a network, all or none.

    Args:
        model: the network.
        state: tensors by name.
        source: name of the weights in an error.
        head: name of the classifier, which stays fresh where its number of classes differs.

    Raises:
        RegardError: the weights are another architecture's; some missing, unknown or differently sized
            tensors are named.
    """
    own = model.state_dict()
    fitting = {key for key in own if key in state and state[key].shape == own[key].shape}
    skipped = {key for key in own if head and key.startswith(head + ".") and key not in fitting}
    resized = [key for key in own if key in state and key not in fitting | skipped]
    faults = {
        "missing": [key for key in own if key not in state and key not in skipped],
        "unknown": [key for key in state if key not in own],
        "of another size": [f"{key} {tuple(state[key].shape)} for {tuple(own[key].shape)}" for key in resized],
    }
    problems = [
        f"{len(keys)} {what} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for what, keys in faults.items()
        if keys
    ]
    if problems:
        raise RegardError(f"weights: {source} does not fit {type(model).__name__}: {'; '.join(problems)}")
    model.load_state_dict({key: value for key, value in state.items() if key not in skipped}, strict=False)


def weights_hash(model: nn.Module) -> str:
    """A short hash of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, values in model.state_dict().items():
        digest.update(name.encode() + values.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
