"""Run as a script: trains tiny runs in forks, kills them at write points, goes on; prints what differs then."""

import json
import sys
from pathlib import Path

import torch
from tests.training.tiny import metrics, tiny
from tools.crash_points import files_of, run

from regard.training import train

RECIPES = {
    "best early": tiny(train={"epochs": 3}, optim={"schedule": "step", "milestones": [2], "gamma": 300.0}),
    "stopped early": tiny(train={"epochs": 5, "patience": 1}, optim={"lr": 1e-12, "schedule": "constant"}),
    "average": tiny(train={"epochs": 2, "ema": 0.8}),
}


def described(folder: Path) -> dict:
    """What must be the same, however often the run was killed."""
    from safetensors.torch import load_file

    best, last = (torch.load(folder / "checkpoints" / f"{n}.ckpt", weights_only=True) for n in ("best", "last"))

    def total(state: dict) -> float:
        return sum(float(value.double().sum()) for value in state.values() if value.is_floating_point())

    return {
        "best": [best["epoch"], total(best["state_dict"])],
        "last": [last["epoch"], total(last["state_dict"])],
        "model": total(load_file(folder / "model" / "model.safetensors")),
        "journal": metrics(folder),
    }


def main(name: str, root: Path, choice: str) -> None:
    """Kills a recipe's run at the points whose paths hold ``choice``, by a signal each."""
    recipe = RECIPES[name]

    def work(folder: Path) -> None:
        train(recipe, folder, quiet=True)

    def read(folder: Path) -> dict:
        ended = run(lambda: print(json.dumps(described(folder))), folder, root / "scratch")
        return json.loads(ended.output.splitlines()[-1])

    whole = root / "whole"
    ended = run(lambda: work(whole), root, root.parent / "scratch")
    assert ended.code == 0, ended.output
    points, expected, expected_files = ended.points, read(whole), files_of(whole)
    wrong, chosen = [], [i for i, point in enumerate(points) if choice in point]
    for i in chosen:
        folder = root / f"killed-{i}"
        died = run(lambda folder=folder: work(folder), root, root.parent / "scratch", die_at=i)
        again = run(lambda folder=folder: work(folder), root, root.parent / "scratch")
        left = {f for f in files_of(folder) - expected_files if not f.startswith("logs-")}
        same = again.code == 0 and read(folder) == expected
        if died.code != -9 or not same or left:
            other = read(folder) if again.code == 0 else {}
            differ = {key: [value, other.get(key)] for key, value in expected.items() if value != other.get(key)}
            wrong.append([points[i], died.code, again.code, sorted(left), differ, again.output[-500:]])
    print(json.dumps({"killed": len(chosen), "wrong": wrong, "best": expected["best"][0]}))


main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
