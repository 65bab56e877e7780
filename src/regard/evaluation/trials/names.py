"""What images are called in a table of trials: the same on every machine, wherever the data lies."""

from __future__ import annotations

import os
from pathlib import Path

from regard.data import Split


def image_names(split: Split) -> list[str]:
    """Paths below the folder that all images of the split share, with forward slashes."""
    names = [Path(split.item_name(i)) for i in range(len(split))]
    shared = Path(os.path.commonpath(names)) if len(names) > 1 else names[0].parent
    return [name.relative_to(shared).as_posix() for name in names]
