"""what may pass: the latent, its prior, its rate. Not here: maps (attention) and losses (objectives)."""
