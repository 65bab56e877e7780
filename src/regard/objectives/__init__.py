"""what to learn: task loss, rates and budgets, anchors. Not here: optimisers and schedules."""
