"""One thread at a time works on a network: whoever changes modes, hooks or gradients for a while has it to himself.

Every module has a lock, so that a network, its trunk and a wrapper around it exclude each other, and unrelated networks
do not. The locks of one network are taken in one order, whichever thread asks, and a thread may take them again.
Inside, a thread asks for parts of what it has, never for what is around it: two that did would wait for each other.
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
    """Waits until no other thread has this network, or a part of it; inside, others wait.

    Explanations, predictions and recordings do so themselves. It is for an application that calls a network directly
    in one thread (``network(images)``) while another one explains it.

    >>> network = nn.Sequential(nn.Linear(2, 2))
    >>> with exclusive(network), exclusive(network[0]):  # a thread may have it several times
    ...     _ = network.requires_grad_(False)

    Args:
        model: the network.
    """
    modules = sorted(model.modules(), key=id)
    with _NEW:
        locks = [_LOCKS.setdefault(module, threading.RLock()) for module in modules]
    with ExitStack() as held:
        for lock in locks:
            held.enter_context(lock)
        yield
