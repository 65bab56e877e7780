"""how maps and predictions are judged: pure functions on tensors and a predict callable. Not here: model classes."""
