"""Weights from a local file, safely: safetensors, or a ``.pth`` opened with ``weights_only=True``; never a pickle."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from regard.types import RegardError

_WRAPPERS = ("state_dict", "model_state_dict", "model")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors by name. Wrappers (``state_dict``, ``model``) and a leading ``module.`` on every key are removed.

    Raises:
        RegardError: no such file, a file that needs pickle to open, or one without tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise RegardError(f"weights: no file {path}")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except safetensors.SafetensorError as error:
            raise RegardError(f"weights: {path} is not a complete safetensors file ({error})") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pickle protocols other than 2
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise RegardError(
            f"weights: {path} holds more than tensors, or is damaged; it is not opened, since a pickle can run code; "
            "save the network's state_dict as safetensors"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise RegardError(f"weights: {path} holds no state_dict (names and tensors)")
    state = {str(key): value for key, value in content.items()}
    prefix = "module."
    if state and all(key.startswith(prefix) for key in state):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


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
