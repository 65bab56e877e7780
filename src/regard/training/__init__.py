"""the engine's glue and the recipes' schema. Not here: what is measured after training (evaluation)."""
