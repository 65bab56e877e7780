"""One thread at a time works on a network: whoever changes modes, hooks or gradients for a while has it to himself.

Every module has a lock, so that a network, its trunk and a wrapper around it exclude each other, and unrelated networks
do not. Locks are taken in one order, whichever thread asks, and a thread may take them again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from weakref import WeakKeyDictionary

from torch import nn

_LOCKS: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_NEW = threading.Lock()


@contextmanager
def exclusive(model: nn.Module) -> Iterator[None]:
    """Waits until no other thread has this network, or a part of it; inside, others wait."""
    modules = sorted(model.modules(), key=id)
    with _NEW:
        locks = [_LOCKS.setdefault(module, threading.RLock()) for module in modules]
    with ExitStack() as held:
        for lock in locks:
            held.enter_context(lock)
        yield
