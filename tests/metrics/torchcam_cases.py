"""Generated inputs, and what torch-cam 0.5 says of them: deletion, insertion, average drop, increase.

Run in the environment of `benchmarks/make_oracle.sh`, this file writes torchcam.json beside it again:

    .venv-oracle/bin/python tests/metrics/torchcam_cases.py
"""

import json
from contextlib import nullcontext
from pathlib import Path

import torch
import torch.nn.functional as F

FILE = Path(__file__).with_name("torchcam.json")
SIZES = {"wide": (8, 12), "odd": (7, 9)}
STEPS = {"wide": 8, "odd": 9}  # a divisor of the number of pixels, so that both sides stop at the same counts
CLASSES = (1, 2)


def generator(seed):
    return torch.Generator().manual_seed(seed)


class Network(torch.nn.Module):
    """Two layers with weights out of a generator, float64; logits of three classes."""

    def forward(self, images):
        kernel = torch.rand(4, 3, 3, 3, generator=generator(1), dtype=torch.float64) - 0.5
        weight = 2 * torch.rand(3, 24, generator=generator(4), dtype=torch.float64) - 1
        features = torch.tanh(F.conv2d(images, 3 * kernel, padding=1))
        return F.adaptive_avg_pool2d(features, (2, 3)).flatten(1) @ weight.T


def images(name, seed=0):
    return torch.rand(2, 3, *SIZES[name], generator=generator(seed), dtype=torch.float64)


def maps(name):
    """Two maps (2,H,W) with each of 0, 1/(N-1), ... 1 once: no ties, which torch-cam breaks by index."""
    h, w = SIZES[name]
    orders = [torch.randperm(h * w, generator=generator(10 + k)) for k in range(2)]
    return torch.stack(orders).view(2, h, w).double() / (h * w - 1)


def baselines(name):
    return {"black": torch.zeros_like(images(name)), "another": images(name, seed=7)}


class Given:
    """An extractor, as torch-cam's metrics want one, that returns a map it was given."""

    def __init__(self, model, cam):
        self.model, self.cam = model, cam

    def __call__(self, class_idx=None, scores=None, normalized=True, **_):
        return [self.cam]

    def fuse_cams(self, cams):
        return cams[0]

    def _hooks_off(self):
        return nullcontext()


def main():
    from functools import partial

    from torchcam.metrics import ClassificationMetric, DeletionInsertionMetric

    softmax, summaries = partial(torch.softmax, dim=-1), {}
    for name in SIZES:
        for k, target in enumerate(CLASSES):
            image, extractor = images(name)[k : k + 1], Given(Network(), maps(name)[k : k + 1])
            for base, values in baselines(name).items():
                metric = DeletionInsertionMetric(
                    extractor, softmax, steps=STEPS[name], baseline=values[k : k + 1], batch_size=5
                )
                metric.update(image, target)
                summaries[f"{name}/{k}/{base}"] = metric.summary()
            drop_metric = ClassificationMetric(extractor, softmax)
            drop_metric.update(image, target)
            summaries[f"{name}/{k}/drop"] = drop_metric.summary()
    FILE.write_text(json.dumps(summaries, indent=1) + "\n")


if __name__ == "__main__":
    main()
