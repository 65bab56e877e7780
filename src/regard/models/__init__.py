"""the parts joined, one file a task. Not here: mechanisms, losses, training."""
