"""Networks with published weights that are on this machine already: in a package, or in a library's own cache."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import timm
import torch
from huggingface_hub import constants, try_to_load_from_cache

from regard.backbones.networks.imagenet import PACKAGED, packaged_weights

_FILES = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin", "open_clip_pytorch_model.bin")
"""Names under which timm keeps weights on the Hugging Face hub, in the order in which it looks for them."""
_TENSORS = (".safetensors", ".bin", ".pth", ".pt")


def weights_at_hand(pattern: str = "*") -> dict[str, str]:
    """Classifiers of timm whose published weights are here: name -> what `create_backbone` takes as ``pretrained``.

    Nothing is downloaded. A name with a tag (``resnet18.a1_in1k``) is that of certain weights.

    >>> weights_at_hand("no_such_network*")
    {}

    Args:
        pattern: of names, with ``*`` and ``?``; it matches with or without the tag.
    """
    found = {name: package for name in PACKAGED if (package := packaged_weights(name)) is not None}
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    saved = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    hub = Path(constants.HF_HUB_CACHE)
    repositories = {path.name for path in hub.iterdir()} if hub.is_dir() else set()
    for name in timm.list_models(pretrained=True) if saved or repositories else ():
        config = timm.get_pretrained_cfg(name)
        if config is None or not config.num_classes or config.custom_load:
            continue
        file = Path(str(config.url or "")).name
        if config.hf_hub_id and f"models--{config.hf_hub_id.replace('/', '--')}" in repositories:
            names = (config.hf_hub_filename,) if config.hf_hub_filename else _FILES
            cached = (try_to_load_from_cache(config.hf_hub_id, one, cache_dir=hub) for one in names)
            known = next((path for path in cached if isinstance(path, str)), None)
            if known is not None:
                found[name] = known
        elif file in saved and file.endswith(_TENSORS):
            found[name] = str(folder / file)
    return {
        name: weights
        for name, weights in found.items()
        if fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name.partition(".")[0], pattern)
    }
