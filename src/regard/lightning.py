"""Attention under a budget in a LightningModule of one's own, under one's own Trainer."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from regard.attention import set_progress
from regard.training import ImageBatches, calibrate_attention


class BudgetCallback(pl.Callback):
    """Keeps the budgets of all attention in a module: they fall to what was asked while it trains, and hold at the end.

    Before every step each budget is told which share of training is done (`regard.attention.set_progress`); at the end
    thresholds and the statistics of mean paths are set (`regard.training.calibrate_attention`), before the weights are
    saved by your own code. A module without budgets is left as it is.

    Args:
        train: training images (N,3,H,W) without augmentation, or batches of them; some hundred are enough.
        val: images that the network has not learned from, likewise; the thresholds are such that they pay the budget.
        attribute: where the network with attention is in your module; None for the module itself.

    Example:
        >>> import pytorch_lightning as pl
        >>> import torch
        >>> from regard.models import AttentiveClassifier
        >>> class Mine(pl.LightningModule):
        ...     def __init__(self):
        ...         super().__init__()
        ...         options = {"budget": 99.0}  # bits per image
        ...         self.net = AttentiveClassifier("compact", 2, attention_options=options, input_size=(16, 16))
        ...     def training_step(self, batch, index):
        ...         return torch.nn.functional.cross_entropy(self.net(batch[0]).logits[0], batch[1])
        ...     def configure_optimizers(self):
        ...         return torch.optim.AdamW(self.parameters(), 1e-3)
        >>> images, labels = torch.rand(32, 3, 16, 16), torch.randint(2, (32,))
        >>> batches = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), 16)
        >>> budgets = BudgetCallback(images, torch.rand(32, 3, 16, 16), attribute="net")
        >>> names = ["logger", "enable_checkpointing", "enable_model_summary", "enable_progress_bar"]
        >>> quiet, module = dict.fromkeys(names, False), Mine()
        >>> trainer = pl.Trainer(max_epochs=2, callbacks=[budgets], accelerator="cpu", **quiet)
        >>> trainer.fit(module, batches)
        >>> bits = module.net.eval()(budgets.val, samples=1).attention[0].price.sum() / 32 / 0.6931
        >>> 94 < bits.item() < 104
        True
    """

    def __init__(self, train: ImageBatches, val: ImageBatches, *, attribute: str | None = None) -> None:
        self.train, self.val, self.attribute = train, val, attribute

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Tells budgets how far training is."""
        set_progress(self._network(pl_module), trainer.global_step / max(trainer.estimated_stepping_batches, 1))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Sets thresholds and statistics for the weights as they are."""
        network = self._network(pl_module)
        set_progress(network, 1.0)
        calibrate_attention(network, self.train, self.val)

    def _network(self, module: pl.LightningModule) -> Any:
        return module if self.attribute is None else module.get_submodule(self.attribute)
