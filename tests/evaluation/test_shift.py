"""Shifted images: the effect of each change, and the evaluation of a run on them."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from tests.data.cub_files import make_cub
from tests.training.tiny import tiny

from regard.cli import main
from regard.data import CORRUPTIONS, SEVERITIES, corrupted, cub
from regard.data.generated.clutter import clutter
from regard.evaluation import ShiftOptions
from regard.evaluation.changed_splits import on_other_grounds
from regard.training import plain_twin, train
from regard.types import RegardError


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return clutter(size=32, train=1, val=1, test=16, cache=False).test.batch(range(16)).images


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_grows_with_its_severity(name: str, images: torch.Tensor) -> None:
    changed = [corrupted(images, name, severity, seed=3) for severity in SEVERITIES]
    assert all(c.shape == images.shape and c.min() >= 0 and c.max() <= 1 for c in changed)
    harm = [(c - images).abs().mean().item() for c in changed]
    halves = (harm[:3], harm[3:]) if name == "saturation" else (harm,)  # less colour, then more
    assert all(later > earlier for half in halves for earlier, later in pairwise(half))
    assert torch.equal(changed[2], corrupted(images, name, 3, seed=3))
    if "noise" in name:
        assert not torch.equal(changed[2], corrupted(images, name, 3, seed=4))


def test_what_each_corruption_preserves(images: torch.Tensor) -> None:
    flat = torch.full((2, 3, 20, 24), 0.4)
    for name in ("gaussian_blur", "pixelate", "low_resolution", "contrast", "saturation"):
        assert torch.allclose(corrupted(flat, name, 5), flat, atol=1e-3), name
    assert torch.allclose(corrupted(flat, "darkness", 2), flat * 0.6)
    assert (corrupted(flat, "gaussian_noise", 1) - flat).std() == pytest.approx(0.04, rel=0.1)
    share = (corrupted(torch.full((4, 3, 64, 64), 0.5), "impulse_noise", 4) != 0.5).float().mean()
    assert share == pytest.approx(0.1, rel=0.1)
    blocks = corrupted(torch.rand(1, 3, 32, 32), "pixelate", 5)  # 8 x 8 of them
    assert torch.equal(blocks[..., ::4, ::4].repeat_interleave(4, 2).repeat_interleave(4, 3), blocks)
    state = torch.get_rng_state()
    corrupted(images, "gaussian_noise", 1)
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(RegardError, match="at 1 to 5"):
        corrupted(images, "fog", 1)


def test_the_object_stays_and_the_background_is_of_another_image(tmp_path: Path) -> None:
    split = cub(make_cub(tmp_path / "cub50"), size=40).test
    batch = split.batch(range(15))
    changed = on_other_grounds(split, seed=0)(batch)
    for k in range(15):
        x0, y0, x1, y1 = batch.boxes[k].round().long().tolist()
        inside = torch.zeros(40, 40, dtype=torch.bool)
        inside[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] = True
        assert torch.equal(changed.images[k][:, inside], batch.images[k][:, inside])
    assert (changed.images != batch.images).flatten(1).any(1).sum() >= 8  # others may be of the same colour
    assert torch.equal(changed.labels, batch.labels)


@pytest.mark.slow
def test_a_run_and_its_twin_are_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tiny(twin=True)
    run = train(recipe, tmp_path / "tiny", quiet=True)
    train(plain_twin(recipe), run / "twin", quiet=True)
    command = ["shift", "--run", str(run), "--severities", "1,5", "--shifts", "gaussian_noise,background"]
    assert main([*command, "--images", "20"]) == 0
    assert "Plain twin: the same network without attention" in capsys.readouterr().out
    results = json.loads((run / "shift" / "shift.json").read_text())
    assert [(c["shift"], c["severity"]) for c in results["cells"]] == [
        ("none", 0),
        ("gaussian_noise", 1),
        ("gaussian_noise", 5),
        ("background", 0),
    ]
    for cell in results["cells"]:
        assert {"accuracy", "accuracy_one_sample", "latent_bits", "gate_bits", "calibration_error"} <= cell[
            "run"
        ].keys()
        gap = cell["run"]["accuracy"]["value"] - cell["twin"]["accuracy"]["value"]
        assert cell["difference"]["value"] == pytest.approx(gap)
    bits = [cell["run"]["latent_bits"]["value"] for cell in results["cells"]]
    assert len(set(bits)) == 4  # every shift was seen
    (run / "shift" / "cells" / "gaussian_noise-5.json").unlink()
    assert main([*command, "--images", "20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == results
    assert main([*command, "--images", "21"]) == 2
    assert "other options" in capsys.readouterr().err
    for options in ({"shifts": ("fog",)}, {"severities": (6,)}, {"images": 1}):
        with pytest.raises(RegardError, match="there are none, gaussian_noise"):
            ShiftOptions(**options)
