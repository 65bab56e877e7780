"""Metrics of Quantus, captum and torch-cam on finished worlds of `regard truth`, in an environment of their own.

    bash benchmarks/make_oracle.sh
    REGARD_DATA=... python benchmarks/truth_peers.py [--seeds 1] [--runs runs] [--python .venv-oracle/bin/python]

Networks are read where `regard truth` left them, in RUNS/truth, their maps are made again, and both go to the other
environment as TorchScript and arrays. What is graded there lies beside each cell as peers.npz, where
`benchmarks/truth.py --finished` finds it. Each world's own set of images is graded.

Options: as much removed at a time as by regard's own metrics where a library has a choice; else its defaults. A grade
is a metric's value, or the mean of its curve, turned so that more is better. Metrics that need a method, not a map
(largest sensitivity), or that grade a set alone (ROAD of Quantus), are left out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

PYTHON = Path(__file__).resolve().parent.parent / ".venv-oracle/bin/python"
PEERS_FILE = "peers.npz"
SET = "own"


def export(seeds: int, runs: Path, folder: Path) -> list[tuple[Path, Path]]:
    """The worlds of finished cells with a network, as files; (exported, cell's folder) of each."""
    from regard.experiments import GridOptions
    from regard.experiments.grid import finished_record
    from regard.truth.methods import EXPLAINERS
    from regard.truth.run import truth_cells
    from regard.truth.world import NETWORK_FOLDER, trained_network, world_cases

    made = []
    root = runs / "truth"
    for cell in truth_cells(GridOptions(runs, seeds=seeds)):
        own = root / cell.path
        if finished_record(cell, root) is None or not (own / NETWORK_FOLDER).is_dir():
            continue
        data, model = trained_network(cell, own)
        cases = world_cases(model, data, SET, cell.spec["images"], seed=cell.seed, methods=list(EXPLAINERS))
        if not cases:
            continue
        out = folder / cell.path.replace("/", "-")
        out.mkdir()
        images = torch.stack([case.image for case in cases])
        maps = torch.cat([case.own.map for case in cases])
        model.requires_grad_(False)  # so that a trace holds its weights

        def looked(shown: Tensor, bought: Tensor, model: nn.Module = model) -> Tensor:
            logits: Tensor = model(shown, map_override=bought).logits[0]
            return logits

        torch.jit.trace(looked, (images[:2], maps[:2])).save(str(out / "network.pt"))
        arrays = {"images": images, "bought": maps, "maps": torch.stack([case.maps for case in cases])}
        targets = np.array([case.own.target for case in cases])
        np.savez(out / "world.npz", targets=targets, **{key: value.numpy() for key, value in arrays.items()})
        made.append((out, own))
        print(f"exported {cell.path}", flush=True)
    return made


class Held(nn.Module):
    """One image's map held: images -> logits; counts the images."""

    def __init__(self, network: nn.Module, bought: Tensor) -> None:
        super().__init__()
        self.network, self.bought, self.count = network, bought, 0

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        self.count += len(images)
        logits: Tensor = self.network(images, self.bought.expand(len(images), -1, -1, -1))
        return logits


def quantus_metrics() -> dict[str, Callable[..., Any]]:
    """Metric -> model, images, targets, maps -> grades."""
    import quantus

    how = {"disable_warnings": True, "display_progressbar": False}
    black, grey = {"perturb_baseline": "black", **how}, {"perturb_baseline": "mean", **how}
    made = {
        "PixelFlipping": (quantus.PixelFlipping(features_in_step=72, return_auc_per_sample=True, **black), -1),
        "RegionPerturbation": (quantus.RegionPerturbation(patch_size=4, regions_evaluation=18, **grey), 1),
        "Selectivity": (quantus.Selectivity(patch_size=4, **black), -1),
        "FaithfulnessCorrelation": (
            quantus.FaithfulnessCorrelation(nr_runs=20, subset_size=144, return_aggregate=False, **black),
            1,
        ),
        "FaithfulnessEstimate": (quantus.FaithfulnessEstimate(features_in_step=36, **black), 1),
        "MonotonicityCorrelation": (
            quantus.MonotonicityCorrelation(nr_samples=5, features_in_step=72, **grey),
            1,
        ),
    }

    def grade(metric: Any, sign: int) -> Callable[..., np.ndarray[Any, Any]]:
        def run(model: Held, images: Tensor, targets: Tensor, maps: Tensor) -> np.ndarray[Any, Any]:
            np.random.seed(0)  # noqa: NPY002 - Quantus draws from it; the subsets of all maps and networks are the same
            x, y, a = images.numpy(), targets.numpy(), maps.numpy()
            scores = metric(model=model, x_batch=x, y_batch=y, a_batch=a, device="cpu", batch_size=len(x))
            values = np.array([np.mean(score) for score in scores], dtype=float)
            return sign * values

        return run

    return {name: grade(*own) for name, own in made.items()}


def captum_metrics() -> dict[str, Callable[..., Any]]:
    """Infidelity: squares of noise-free black, as many as of `regard.metrics.infidelity`."""
    from captum.metrics import infidelity

    def run(model: Held, images: Tensor, targets: Tensor, maps: Tensor) -> np.ndarray[Any, Any]:
        generator = torch.Generator().manual_seed(0)

        def perturb(x: Tensor) -> tuple[Tensor, Tensor]:
            mask = torch.zeros(len(x), 1, *x.shape[2:])
            tops = torch.randint(0, x.shape[2] - 5, (len(x), 2), generator=generator)
            for k, (top, left) in enumerate(tops.tolist()):
                mask[k, :, top : top + 6, left : left + 6] = 1
            removed = mask * x
            return removed, x - removed

        each = maps.expand(-1, images.shape[1], -1, -1) / images.shape[1]
        found = infidelity(
            model, perturb, images, each, target=targets, n_perturb_samples=10, max_examples_per_batch=512,
            normalize=True,
        )  # fmt: skip
        return -found.detach().numpy().astype(float)

    return {"infidelity": run}


def torchcam_metrics() -> dict[str, Callable[..., Any]]:
    """Average drop and increase in confidence, with the map in the place of torch-cam's."""
    from contextlib import nullcontext

    from torchcam.metrics import ClassificationMetric

    class Given:
        """Stands for an extractor of torch-cam: its map is given."""

        def __init__(self, model: Held, map: Tensor) -> None:
            low = map.min()
            self.model, self.map = model, (map - low) / (map.max() - low).clamp_min(1e-12)

        def _hooks_off(self) -> Any:
            return nullcontext()

        _hooks_on = _hooks_off

        def __call__(self, *_: Any, **__: Any) -> list[Tensor]:
            return [self.map]

        @staticmethod
        def fuse_cams(cams: list[Tensor], *_: Any) -> Tensor:
            return cams[0]

    def grade(key: str, sign: int) -> Callable[..., np.ndarray[Any, Any]]:
        def run(model: Held, images: Tensor, targets: Tensor, maps: Tensor) -> np.ndarray[Any, Any]:
            values = []
            for image, target, map in zip(images, targets.tolist(), maps, strict=True):
                metric = ClassificationMetric(Given(model, map), lambda logits: logits.softmax(-1))
                metric.update(image[None], class_idx=int(target))
                values.append(sign * metric.summary()[key])
            return np.array(values, dtype=float)

        return run

    return {"average drop": grade("avg_drop", -1), "increase": grade("conf_increase", 1)}


def grade_exported(folder: Path) -> None:
    """Grades one exported world, in the other environment, into peers.npz there."""
    torch.set_num_threads(1)
    network = torch.jit.load(str(folder / "network.pt"))
    with np.load(folder / "world.npz") as world:
        images, bought, maps, targets = (torch.from_numpy(world[k]) for k in ("images", "bought", "maps", "targets"))
    libraries = {"quantus": quantus_metrics(), "captum": captum_metrics(), "torchcam": torchcam_metrics()}
    M, arrays = maps.shape[1], {}
    for library, metrics in libraries.items():
        for name, run in metrics.items():
            grades, count = [], 0
            for k, image in enumerate(images):
                model = Held(network, bought[k : k + 1]).eval()
                same = image.expand(M, -1, -1, -1).contiguous()
                grades.append(run(model, same, targets[k].expand(M).contiguous(), maps[k]))
                count += model.count
            arrays[f"{SET}.{library}:{name}"] = np.stack(grades, 1)
            arrays[f"forwards.{library}:{name}"] = np.array(count / (len(images) * M))
    np.savez(folder / PEERS_FILE, **arrays)


def main() -> None:
    """Exports, has the other environment grade, and puts the grades beside the cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--python", type=Path, default=PYTHON)
    parser.add_argument("--grade", type=Path, nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.grade:
        for folder in options.grade:
            grade_exported(folder)
            print(f"graded {folder.name}", flush=True)
        return
    with tempfile.TemporaryDirectory() as temporary:
        made = export(options.seeds, options.runs, Path(temporary))
        command = [str(options.python), "-W", "ignore", __file__, "--grade", *(str(folder) for folder, _ in made)]
        environment = os.environ | {"PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
        if subprocess.run(command, env=environment, check=False).returncode:
            sys.exit("the other environment failed; see above")
        for exported, cell in made:
            (cell / PEERS_FILE).write_bytes((exported / PEERS_FILE).read_bytes())


if __name__ == "__main__":
    main()
