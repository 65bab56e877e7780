"""Kills every command that writes a folder at its writes, gives the same command again, and compares the end.

    python benchmarks/crash_tests.py [--kills 14] [--only train,judge]

Each case is first run to its end, which gives the list of its writes (files opened for writing, renamed, linked, made
or removed). Then it is killed before so many of them, spread evenly, each time in a folder of its own, and given again.
What both left is compared: weights, checkpoints, journals and numbers exactly, what depends on the clock left out.
Leftovers are files that the unbroken run does not leave; a resumed run's log has a folder of its own, ``logs-1``.

Work runs in forks of one process (`tools.crash_points`), also the twin, which is a process of its own.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import importlib
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import ROOT, record

sys.path.insert(0, str(ROOT))

import torch
from tests.experiments.study.test_run import STUDY
from tests.score.gaze_set import write_gaze_set
from tests.training.tiny import tiny
from tools.crash_points import Child, files_of, run, wait_for_orphans

from regard.cli import main as regard
from regard.training import run as training_run
from regard.training import save_recipe

SMALL = {"options": {"size": 16, "train": 32, "val": 16, "test": 16, "cache": False}}
PLACE = "place"
"""Folder in which all work runs, so that paths in files are the same."""
SPOILT = {"schedule": "step", "milestones": [2], "gamma": 300.0}
VOLATILE = {
    *("seconds", "seconds_an_image", "seconds_an_epoch", "created", "date", "time", "command", "commit", "host", "pid"),
    *("hardware", "versions", "begun", "place", "cost", "frozen"),
}
"""Fields of JSON that depend on the clock or the process."""
PASSED_OVER = ("logs", "log.txt", "report.html")
"""Files whose content is the clock's; whether they are there is compared."""


@dataclass(frozen=True)
class Case:
    """Work in a folder of its own.

    Attributes:
        work: does it, in the folder.
        prepare: makes what it starts from, once; copied into every folder.
        by: the signal.
        child: whether the process that the work starts is killed, instead of the work's own.
        share: of ``--kills``; more for what takes little time.
    """

    work: Callable[[Path], Any]
    prepare: Callable[[Path], Any] | None = None
    by: int = signal.SIGKILL
    child: bool = False
    share: float = 1.0


def train(folder: Path) -> int:
    """`regard train` of the recipe in the folder."""
    words = ["train", "--recipe", str(folder / "wanted" / "recipe.yaml"), "--runs", str(folder), "--quiet"]
    return regard([*words, "--no-evaluation"])


def wanted(name: str, **parts: Any) -> Callable[[Path], None]:
    """Writes a tiny recipe for `train`."""

    def write(folder: Path) -> None:
        (folder / "wanted").mkdir()
        save_recipe(tiny(name, **{"data": SMALL} | parts), folder / "wanted" / "recipe.yaml")

    return write


def with_stem(folder: Path) -> None:
    """A recipe whose frozen stem is cached in the folder in which it will run."""
    cached = {"epochs": 2, "cache_stem": True, "cache_folder": str(folder.parent / PLACE / "stems"), "views": 2}
    wanted("stem", model={"freeze": "stage1"}, train=cached)(folder)


def judged(folder: Path) -> int:
    """`regard judge` of the run that was prepared."""
    words = ["judge", "--model", str(folder / "made"), "--out", str(folder / "judged"), "--images", "4", "--json"]
    return regard([*words, "--methods", "attention,grad_cam,uniform", "--metrics", "drop,exclusion", "--again", "2"])


def network_and_images(folder: Path) -> None:
    """A finished run, for what starts from one."""
    wanted("made", train={"epochs": 1}, twin=True)(folder)
    assert with_twin(folder) == 0


def gaze(folder: Path) -> None:
    """Images, fixations, maps of two models."""
    write_gaze_set(folder)


def scored(folder: Path) -> int:
    """`regard score` of two sources of maps."""
    words = ["score", "--fixations", str(folder / "gaze.csv"), "--images", str(folder / "images")]
    words += ["--maps", f"good={folder / 'good'}", "--maps", f"poor={folder / 'poor'}", "--out", str(folder / "scored")]
    return regard([*words, "--json"])


def study_file(folder: Path) -> None:
    """The file of a study of four cells."""
    import yaml

    find = STUDY["tasks"]["find"] | {"conditions": ["none", "implicit", "center"]}
    measures = STUDY["measures"] | {"faithful": 2, "robust": [], "gallery": 2}
    content = STUDY | {"seeds": [0], "tasks": {"find": find}, "measures": measures}
    content["plan"] = {"attention_driven": ["find"], "higher_level": []}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def study(folder: Path) -> int:
    """A study of four cells, one after the other in this process, and what is written of all."""
    from regard.experiments import GridOptions
    from regard.experiments.study import run as study_run

    study_run.run_cells = cells_here  # type: ignore[assignment]
    failed = study_run.make_study(str(folder / "tiny.yaml"), GridOptions(folder / "runs"))[1]
    return 1 if failed else 0


def cells_here(cells: Sequence[Any], grid: Path, _: Any) -> None:
    """What workers do, in this process."""
    from regard.experiments.grid.task import do_cell

    for cell in cells:
        assert not do_cell(cell, grid, Path.cwd())


def with_twin(folder: Path) -> int:
    """A run and its twin, which is a fork."""
    training_run.start_child = Child  # type: ignore[assignment]
    return train(folder)


BEST = wanted("best", train={"epochs": 3}, optim=SPOILT)
AVERAGE = wanted("average", train={"epochs": 2, "ema": 0.8})
PATIENT = wanted("patient", train={"epochs": 5, "patience": 1}, optim={"lr": 1e-12, "schedule": "constant"})
BOTH = wanted("both", train={"epochs": 2}, twin=True)
CASES: Mapping[str, Case] = {
    "train, best epoch": Case(train, BEST),
    "train, moving average": Case(train, AVERAGE),
    "train, stopped early": Case(train, PATIENT),
    "train, cached stem": Case(train, with_stem),
    "train with twin": Case(with_twin, BOTH),
    "train with twin, the twin killed": Case(with_twin, BOTH, child=True),
    "train, SIGTERM": Case(train, BEST, by=signal.SIGTERM),
    "train, Ctrl-C": Case(train, BEST, by=signal.SIGINT),
    "evaluate": Case(lambda folder: regard(["evaluate", str(folder / "made")]), network_and_images),
    "judge": Case(judged, network_and_images, share=1.7),
    "score": Case(scored, gaze, share=3),
    "study": Case(study, study_file, share=0.7),
}


def content(folder: Path) -> dict[str, Any]:
    """What every file below a folder says, without the clock."""
    found: dict[str, Any] = {}
    for name in sorted(files_of(folder)):
        path = folder / name
        if name.rpartition("/")[2].startswith(PASSED_OVER) or "/logs" in name:
            found[name.replace("logs-1/", "logs/")] = "there"
        elif path.suffix == ".ckpt":
            state = torch.load(path, map_location="cpu", weights_only=True)
            found[name] = [state["epoch"], state["global_step"], tensors(state["state_dict"])]
        elif path.suffix in (".json", ".jsonl", ".yaml"):
            text = path.read_text()
            lines = text.splitlines() if path.suffix == ".jsonl" else [text]
            found[name] = text if path.suffix == ".yaml" else [timeless(json.loads(line)) for line in lines]
        elif path.suffix == ".npz":
            import numpy as np

            with np.load(path) as arrays:
                found[name] = {key: hashlib.sha256(arrays[key].tobytes()).hexdigest() for key in arrays}
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    text = json.dumps(found, sort_keys=True, default=str)
    return dict(json.loads(text.replace(str(folder), "FOLDER")))


def tensors(state: Mapping[str, torch.Tensor]) -> str:
    """A digest of all numbers."""
    total = hashlib.sha256()
    for key in sorted(state):
        total.update(key.encode() + state[key].contiguous().numpy().tobytes())
    return total.hexdigest()


def timeless(value: Any) -> Any:
    """JSON without the fields that depend on the clock."""
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key not in VOLATILE}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def in_fork(work: Callable[[], Any], scratch: Path) -> Any:
    """The result of work in a fork, as JSON: this process computes nothing, so that it can be forked."""
    file = scratch / "answer.json"
    ended = run(lambda: file.write_text(json.dumps(work())) and 0, scratch / "nothing", scratch)
    assert ended.code == 0, ended.output
    return json.loads(file.read_text())


def importing(work: Callable[[], Any], scratch: Path) -> Any:
    """Does work, and lists what it imported."""
    before = set(sys.modules)
    result = work()
    (scratch / "modules.json").write_text(json.dumps(sorted(set(sys.modules) - before)))
    return result


def import_all(scratch: Path) -> None:
    """Imports what the work imported, once for all forks to come."""
    for name in json.loads((scratch / "modules.json").read_text()):
        if not name.startswith(("torch.", "triton")):  # compilers, which are listed but not used
            with suppress(ImportError):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()  # forks then share their memory for longer


def kill_case(name: str, case: Case, kills: int, folder: Path) -> dict[str, Any]:
    """Kills a case at some of its writes."""
    begin, scratch = time.perf_counter(), folder / "scratch"
    scratch.mkdir(parents=True)
    start = folder / "start"
    start.mkdir()
    if case.prepare is not None:
        ended = run(lambda: case.prepare and case.prepare(start), folder / "nothing", scratch)
        assert ended.code == 0, ended.output

    def place() -> Path:
        """A copy of what the case starts from."""
        shutil.copytree(start, folder / PLACE)
        return folder / PLACE

    here = place()
    whole = run(lambda: importing(lambda: case.work(here), scratch), here, scratch, child=case.child)
    assert whole.code == 0, whole.output
    import_all(scratch)
    expected, expected_files = in_fork(lambda: content(here), scratch), set(files_of(here))
    shutil.rmtree(here)
    count = len(whole.points)
    chosen = sorted({round(k * (count - 1) / max(kills - 1, 1)) for k in range(min(kills, count))})
    different, leftovers, refused, died = [], [], [], 0
    expected_code = {signal.SIGTERM: 143, signal.SIGINT: 130}.get(signal.Signals(case.by), -case.by)
    for point in chosen:
        here = place()
        ended = run(lambda here=here: case.work(here), here, scratch, die_at=point, by=case.by, child=case.child)
        died += (ended.code != 0) if case.child else (ended.code == expected_code)
        assert wait_for_orphans(here), f"{name}: somebody still writes into {here}"
        again = run(lambda here=here: case.work(here), here, scratch)
        if again.code:
            refused.append({"point": whole.points[point], "said": again.output[-400:]})
        else:
            found = in_fork(lambda here=here: content(here), scratch)
            files = {name.replace("logs-1/", "logs/") for name in files_of(here)}
            changed = [key for key in expected if found.get(key) != expected[key]]
            left = sorted(files - expected_files)
            different += [{"point": whole.points[point], "files": changed}] if changed else []
            leftovers += [{"point": whole.points[point], "files": left}] if left else []
        shutil.rmtree(here)
    result = {"writes": count, "kills": len(chosen), "died_as_meant": died, "different": different}
    result |= {"leftovers": leftovers, "not_resumed": refused, "seconds": round(time.perf_counter() - begin, 1)}
    print(f"{name}: {json.dumps(result, default=str)[:1500]}", flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=14, help="of each case, about")
    parser.add_argument("--only", help="cases whose names begin so, with commas; records nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    words = tuple(options.only.split(",")) if options.only else None
    results = {}
    for name, case in CASES.items():
        if words is None or name.startswith(words):
            with tempfile.TemporaryDirectory() as folder:
                results[name] = kill_case(name, case, round(options.kills * case.share), Path(folder).resolve())
    totals = {
        "kills": sum(result["kills"] for result in results.values()),
        "died_as_meant": sum(result["died_as_meant"] for result in results.values()),
        "different": sum(len(result["different"]) for result in results.values()),
        "leftovers": sum(len(result["leftovers"]) for result in results.values()),
        "not_resumed": sum(len(result["not_resumed"]) for result in results.values()),
    }
    print(totals)
    if words is None:
        notes = "tiny runs, forks of one process; 'writes' are the points at which a case can be killed"
        record("crash_tests", {**totals, "cases": results}, notes=notes)


if __name__ == "__main__":
    main()
