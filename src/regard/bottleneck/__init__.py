"""Bottleneck: the Gaussian latent, its prior, its rate, and decoders.

Not here: maps (attention), losses (objectives), bounds measured on a test split (metrics).
"""

from regard.bottleneck.gaussian import DECODERS, GaussianBottleneck, build_decoder, gaussian_kl, released_penalty

__all__ = ["DECODERS", "GaussianBottleneck", "build_decoder", "gaussian_kl", "released_penalty"]
