"""One data set a file, real and generated, and a catalog of them. Not here: anything that knows a model."""

from regard.data.clutter import clutter
from regard.data.splits import DataSplits, Split, TensorSplit

__all__ = ["DataSplits", "Split", "TensorSplit", "clutter"]
