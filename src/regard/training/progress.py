"""The progress bar: loss, accuracy, bits."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import TQDMProgressBar


class Progress(TQDMProgressBar):
    """Lightning's bar without its version number."""

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Loss and bits of the batch, accuracy of the last validation."""
        items = super().get_metrics(trainer, pl_module)
        items.pop("v_num", None)
        return {key.removeprefix("val/"): value for key, value in items.items()}
