"""Memory of the anchor quantizer against the number of anchors Q: peak bytes alive in forward and backward, batch 64.

    python benchmarks/quantizer_memory.py [--anchors 2 20 200 2000] [--side 56]

Bytes are counted as tensors come and go, so the figures are exact and no other process disturbs them.
"""

from __future__ import annotations

import argparse
import json
import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from common import record
from regard.attention import AnchorQuantizer

BATCH = 64


class Peak(TorchDispatchMode):
    """Counts the bytes of all storages that operations have made and that are still alive."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                key = storage._cdata
                if key not in self.alive:
                    self.alive[key] = storage.nbytes()
                    weakref.finalize(storage, self.alive.pop, key, None)
        self.peak = max(self.peak, sum(self.alive.values()))
        return result


def peak(anchors: int, side: int) -> int:
    """Bytes at the highest point of one forward and backward pass."""
    torch.manual_seed(0)
    quantizer = AnchorQuantizer(anchors)
    maps = torch.rand(1, BATCH, 1, side, side, requires_grad=True)
    counter = Peak()
    with counter:
        values, _ = quantizer(maps, quantizer.anchors)
        values.square().sum().backward()
    return counter.peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anchors", type=int, nargs="+", default=[2, 20, 200, 2000])
    parser.add_argument("--side", type=int, default=56)
    options = parser.parse_args()
    bytes_of = {q: peak(q, options.side) for q in options.anchors}
    map_bytes = 4 * BATCH * options.side**2
    values = {
        "bytes": bytes_of,
        "bytes_of_one_map": map_bytes,
        "times_one_map": {q: b / map_bytes for q, b in bytes_of.items()},
        "ratio_most_to_fewest": bytes_of[max(bytes_of)] / bytes_of[min(bytes_of)],
    }
    print(record("quantizer_memory", values, seeds=(0,), notes=f"maps of {options.side} x {options.side}, float32"))
    print(json.dumps(values, indent=1))


if __name__ == "__main__":
    main()
