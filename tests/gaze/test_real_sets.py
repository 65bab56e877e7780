"""Known counts of the real sets, where REGARD_DATA has them."""

import numpy as np
import pytest
import torch

from regard.gaze import (
    center_priors,
    fixation_counts,
    read_atari_head,
    read_cub_gha,
    read_interiors,
    read_osie,
)
from regard.metrics.fixation import auc, nss, sauc

pytestmark = pytest.mark.realdata


def test_osie(real_data):
    f = read_osie(real_data / "osie")
    assert (len(f), len(f.images), len(f.subjects)) == (98_321, 700, 15)
    assert f.order.min() == 0
    # Every 35th image against the centre prior of the others: the published .74 / .50 / .88, within its sampling error.
    priors, total, points = (
        center_priors(f, grid=(300, 400), sigma=15.0),
        fixation_counts(f, grid=(300, 400)),
        f.points(),
    )
    chosen = range(0, 700, 35)
    values = [
        (
            auc(priors[b], points[b : b + 1]),
            sauc(priors[b], points[b : b + 1], total),
            nss(priors[b], points[b : b + 1]),
        )
        for b in chosen
    ]
    means = torch.tensor(values).mean(0).tolist()
    assert means == pytest.approx([0.74, 0.50, 0.88], abs=0.12)


def test_interiors(real_data):
    f = read_interiors(real_data / "interiors")
    assert len(f) + f.dropped == 47_383
    assert len(f.subjects) == 57
    maps = np.load(real_data / "interiors/reference_saliency_256x192.npz")
    search = f.select(images=maps["names"].tolist(), order=(1, 10**6)).points(grid=(192, 256))
    known = {"deepgaze": 0.735, "mlnet": 0.724, "icf": 0.718, "sam_resnet": 0.709, "sam_vgg": 0.709, "lowlevel": 0.555}
    for name, value in known.items():
        assert auc(torch.from_numpy(maps[name])[:, None], search).mean().item() == pytest.approx(value, abs=0.005)


def test_cub_gha(real_data):
    f = read_cub_gha(real_data / "cub50/gaze_cub_gha.csv")
    assert len(f) == 106_164
    assert len(f.images) == 2_889
    assert len(set(zip(f.image.tolist(), f.subject.tolist(), strict=True))) == 14_365


def test_atari_head(real_data):
    f = read_atari_head(real_data / "atari-head/gaze_actions_RZ_5037271.csv")
    assert len(f.images) == 15_406
    assert len(f) + f.dropped == 15_406
    assert f.dropped < 100
