"""What a run's features are worth on another data set: frozen, read by logistic regression.

Not here: training on that data set (training).
"""

from regard.evaluation.transfer.curve import ALL, TransferOptions, transfer

__all__ = ["ALL", "TransferOptions", "transfer"]
