"""A plan is frozen before the first result, and whoever changes it afterwards is told on.

`plan.json` beside the trials holds the plan, its SHA-256 and whether trials were there when it was frozen. Nothing is
forbidden: a plan may have to change; but every verdict then says so.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from regard.study.plan import Plan
from regard.types import RegardError

PLAN, TRIALS = "plan.json", "trials.csv"
"""Names of the files in a study's folder."""


def digest(plan: Plan) -> str:
    """SHA-256 of everything in the plan, the same on every machine."""
    return _digest(asdict(plan))


def freeze(plan: Plan, folder: Path, *, begun: bool = False) -> tuple[str, ...]:
    """Write the plan into the study's folder, unless results are there that another plan came before.

    Args:
        plan: what will be tested.
        folder: of the study.
        begun: whether there are results that are not in the table of trials yet, such as a finished cell.

    Returns:
        What a reader of the results must be told (see `changes`); nothing where all is in order.
    """
    file, late = folder / PLAN, begun or (folder / TRIALS).exists()
    if not (late and file.exists()):
        content = {
            "plan": asdict(plan),
            "sha256": digest(plan),
            "frozen": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "after_results": late,
        }
        part = file.with_suffix(".part")
        part.write_text(json.dumps(content, indent=2) + "\n")
        part.replace(file)
    return changes(plan, folder)


def changes(plan: Plan, folder: Path) -> tuple[str, ...]:
    """How the plan differs from the one that was frozen in the folder, one sentence each.

    Raises:
        RegardError: there is no frozen plan, or it cannot be read.
    """
    file = folder / PLAN
    try:
        kept = json.loads(file.read_text())
        frozen, sha, late = kept["plan"], kept["sha256"], kept["after_results"]
    except FileNotFoundError:
        raise RegardError(f"{file}: no plan was frozen; freeze it before the first cell runs") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RegardError(f"{file}: cannot be read as a frozen plan ({error}); restore it") from error
    told = []
    if _digest(frozen) != sha:
        told.append(f"{PLAN} was edited after it was frozen: its contents no longer have its SHA-256.")
    if late:
        told.append("The plan was frozen when there were results already.")
    new = json.loads(json.dumps(asdict(plan)))
    if new != frozen:
        told += [f"Changed after it was frozen: {line}." for line in _differences(frozen, new)]
    return tuple(told)


def load_plan(path: Path) -> Plan:
    """A plan from a YAML file that holds its fields, or a recipe that holds them under `plan`.

    Raises:
        RegardError: no file, or a field that a plan does not have or cannot hold.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise RegardError(f"{path}: cannot be read as a plan ({error})") from error
    content = content.get("plan", content) if isinstance(content, dict) else content
    if not isinstance(content, dict):
        raise RegardError(f"{path}: holds no plan; give its fields, such as attention_driven: [segmentation]")
    return plan_of(content, str(path))


def plan_of(content: Mapping[str, Any], where: str = "plan") -> Plan:
    """A plan from plain values."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Plan, "plan")
    try:
        plan = parser.instantiate(parser.parse_object({"plan": dict(content)})).plan
    except RegardError:
        raise
    except Exception as error:  # jsonargparse raises what its checks raise
        raise RegardError(f"{where}: {' '.join(str(error).split())}") from None
    assert isinstance(plan, Plan)
    return plan


def _digest(plan: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plan, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _differences(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Leaves that differ, as `hypotheses.C4.contrasts.0.sesoi: 0.02 to 0.01`."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key), new.get(key), f"{at}.{key}" if at else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for k, (a, b) in enumerate(zip(old, new, strict=True)):
            name = a.get("name", k) if isinstance(a, dict) else k
            yield from _differences(a, b, f"{at}.{name}")
    elif old != new:
        yield f"{at}: {_short(old)} to {_short(new)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
