"""The device to compute on, by its name."""

from __future__ import annotations

import torch

from regard.constants import AUTO
from regard.errors import RegardError


def find_device(name: str | torch.device) -> torch.device:
    """The device of that name, if this machine has it; ``auto`` is the first CUDA device or, without one, cpu.

    Raises:
        RegardError: no such name, or no such device here; the usable ones are listed.

    >>> find_device("cpu")
    device(type='cpu')
    >>> find_device("banana")
    Traceback (most recent call last):
    regard.errors.RegardError: device 'banana': there is none of that name; here: cpu
    """
    here = ["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count())), *(["mps"] if _has_mps() else [])]
    usable = f"here: {', '.join(here)}"
    if name == AUTO:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, ValueError):
        raise RegardError(f"device {str(name)!r}: there is none of that name; {usable}") from None
    try:
        torch.zeros(1, device=device).cpu()
    except Exception as error:  # of drivers: RuntimeError, AssertionError, NotImplementedError, AcceleratorError, ...
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise RegardError(f"device {str(name)!r}: cannot be used on this machine ({reason}); {usable}") from None
    return device


def _has_mps() -> bool:
    return bool(torch.backends.mps.is_available())
