"""Frozen layers run once an image, and nothing else changes."""

import torch
from tests.training.tiny import tiny

from regard.evaluation.observe import observe
from regard.models import AttentiveClassifier
from regard.training import build_data


def test_a_frozen_stem_runs_once_an_image_to_the_same_result() -> None:
    torch.manual_seed(0)
    data = build_data(tiny("data"))
    images = data.test.batch([0]).images
    model = AttentiveClassifier("compact", 10, at="stage2", latent=4, input_size=tuple(images.shape[-2:])).eval()
    before = observe(model, data.test, seed=0)
    calls = []
    first = next(module for module in model.trunk.modules() if isinstance(module, torch.nn.Conv2d))
    first.register_forward_hook(lambda *_: calls.append(1))
    observe(model, data.test, seed=0)
    asked = len(calls)
    model.freeze("stage1")
    model.stem(images)  # the first time it looks for what is the stem
    calls.clear()
    after = observe(model, data.test, seed=0)
    assert 1 == len(calls) < asked
    torch.testing.assert_close(after.mean, before.mean)
    assert before.one is not None
    assert after.one is not None
    torch.testing.assert_close(after.one, before.one)
    torch.testing.assert_close(after.averaged[12], before.averaged[12])
