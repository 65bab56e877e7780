"""The plan of a study: hypotheses with their contrasts and bounds, frozen before there are results.

The hypotheses C1-C5 are those of Lai et al. (IEEE TMM 23:2086, arXiv 1906.08764); G asks what they leave open, whether
gaze tells more than where the object is. Contrasts, smallest effects of interest and equivalence bounds are data: a
study's file may set others.

`plan.json` beside the trials holds the plan, its SHA-256 and whether trials existed when it was frozen. A plan may be
changed afterwards, but every page then lists the changes.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser

from regard.experiments.study.design import CONDITIONS, DOSES, MEASURED_COLUMNS, SIMILARITY_METRICS
from regard.files import write_json
from regard.reading import read_json_file, read_yaml_file
from regard.types import RegardError

_PERFORMANCE_SESOI = 0.02
"""Smallest effect of interest on performance: two percentage points."""
_SLOPE_SESOI = 0.01
"""The same for a slope: performance for one standard deviation of similarity."""
_FAITHFULNESS_SESOI = 0.05
"""The same on the LeRF - MoRF gap, a difference of probabilities."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One number of a hypothesis, which claims that it is at least `sesoi`."""

    kind: Literal["difference", "slope", "dose"] = "difference"
    """`difference`: mean of `column` in `first` minus in `second`, paired by seed and image. `dose`: what `column`
    loses from the human map to none of it in the arm `first`. `slope`: of `column` on similarity, image by image
    within learned arms, free of what belongs to the run and to the image."""
    first: str = ""
    """A condition."""
    second: str = ""
    """A condition, of differences."""
    column: str = "performance"
    """What is compared."""
    sesoi: float = _PERFORMANCE_SESOI
    """Smallest effect of interest: a smaller effect does not support the claim, however significant."""
    equivalence: float | None = None
    """An effect within plus and minus this is equivalent to none; at most `sesoi`, which is the default."""

    @property
    def bound(self) -> float:
        """The equivalence bound: `equivalence`, else `sesoi`."""
        return self.sesoi if self.equivalence is None else self.equivalence

    @property
    def label(self) -> str:
        """The contrast in words."""
        if self.kind == "slope":
            return f"{self.column} for one standard deviation of similarity, within runs and images"
        if self.kind == "dose":
            return f"{self.column} lost from the human map to none of it ({self.first})"
        return f"{self.column}, {self.first} − {self.second}"


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """A claim about a class of tasks."""

    name: str
    """Such as C4."""
    claim: str
    """One sentence."""
    tasks: Literal["attention_driven", "higher_level"]
    """The class of tasks; contrasts are averaged over them."""
    contrasts: list[Contrast]
    """All must hold."""
    cases: Literal["", "task", "cell"] = ""
    """Empty: the contrasts hold on average. Otherwise: in some cases and not in others, where a case is a task, or a
    task with a backbone (`cell`)."""


def _minus(first: str, *controls: str, column: str = "performance") -> list[Contrast]:
    """The differences of a condition from its controls."""
    sesoi = _FAITHFULNESS_SESOI if column == "faithfulness" else _PERFORMANCE_SESOI
    return [Contrast(first=first, second=second, column=column, sesoi=sesoi) for second in controls]


def standard() -> list[Hypothesis]:
    """C1-C5 and G with the contrasts that decide them."""
    controls = ("implicit", "explicit-shuffled")
    return [
        Hypothesis(
            name="C1",
            claim="Where people look is a meaningful ground truth: given as the map, it beats the centre and others'.",
            tasks="attention_driven",
            contrasts=_minus("human", "human-shuffled", "center"),
        ),
        Hypothesis(
            name="C2",
            claim="The closer a map is to where people look, the better the performance.",
            tasks="attention_driven",
            contrasts=[
                Contrast(kind="dose", first="dose-noise"),
                Contrast(kind="dose", first="dose-shuffled"),
                Contrast(kind="slope", sesoi=_SLOPE_SESOI),
            ],
        ),
        Hypothesis(
            name="C3",
            claim="For higher-level tasks it is case by case: alignment helps in some and not in others.",
            tasks="higher_level",
            contrasts=_minus("explicit", *controls),
            cases="task",
        ),
        Hypothesis(
            name="C4",
            claim="Forcing the alignment gains performance, and more than forcing that with another image's gaze.",
            tasks="attention_driven",
            contrasts=_minus("explicit", *controls),
        ),
        Hypothesis(
            name="C5",
            claim="Alignment makes the maps of networks for higher-level tasks more faithful.",
            tasks="higher_level",
            contrasts=_minus("explicit", *controls, column="faithfulness"),
        ),
        Hypothesis(
            name="G",
            claim="It is gaze, and not mere localisation: alignment gains more than the object's mask does.",
            tasks="attention_driven",
            contrasts=_minus("explicit", "mask-supervised", "explicit-shuffled"),
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be tested; part of a study's file."""

    attention_driven: list[str] = field(default_factory=list)
    """Tasks that attention drives, such as salient object segmentation."""
    higher_level: list[str] = field(default_factory=list)
    """The other tasks."""
    similarity: str = "nss"
    """The metric of similarity that slopes use."""
    alpha: float = 0.05
    """Largest probability of any false "supported" among the hypotheses, and of any false "refuted" or "equivalent"."""
    hypotheses: list[Hypothesis] = field(default_factory=standard)
    """What is claimed."""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise RegardError(f"plan: alpha={self.alpha} must lie between 0 and .5; usual is .05")
        if self.similarity not in SIMILARITY_METRICS:
            raise RegardError(f"plan: similarity={self.similarity!r} must be one of {', '.join(SIMILARITY_METRICS)}")
        both = set(self.attention_driven) & set(self.higher_level)
        if both:
            raise RegardError(f"plan: {', '.join(sorted(both))} cannot be attention-driven and higher-level at once")
        names = [h.name for h in self.hypotheses]
        if len(set(names)) < len(names) or not names:
            raise RegardError(f"plan: give at least one hypothesis, all with different names; they are {names}")
        for hypothesis in self.hypotheses:
            if not hypothesis.contrasts:
                raise RegardError(f"plan: {hypothesis.name} has no contrast; give at least one")
            for contrast in hypothesis.contrasts:
                _check(hypothesis.name, contrast)

    def tasks(self, hypothesis: Hypothesis) -> list[str]:
        """The tasks that a hypothesis is about."""
        return self.attention_driven if hypothesis.tasks == "attention_driven" else self.higher_level


def _check(name: str, c: Contrast) -> None:
    if not 0 < c.bound <= c.sesoi:
        raise RegardError(f"plan: {name}: 0 < equivalence <= sesoi must hold; they are {c.bound} and {c.sesoi}")
    if c.column not in MEASURED_COLUMNS:
        raise RegardError(f"plan: {name}: column {c.column!r} is not one of {', '.join(MEASURED_COLUMNS)}")
    for arm in {"difference": (c.first, c.second), "dose": (c.first,), "slope": ()}[c.kind]:
        if arm not in (DOSES if c.kind == "dose" else set(CONDITIONS) - set(DOSES)):
            there_are = ", ".join(CONDITIONS)
            raise RegardError(f"plan: {name}: {arm!r} is not a condition of a {c.kind}; there are {there_are}")
    if c.kind == "difference" and c.first == c.second:
        raise RegardError(f"plan: {name}: {c.first!r} is compared with itself; name two conditions")


PLAN_FILE, TRIALS_FILE = "plan.json", "trials.csv"
"""Names of the files in a study's folder."""


def digest(plan: Plan | Mapping[str, Any]) -> str:
    """SHA-256 of a plan, or of its fields; the same on every machine."""
    content = asdict(plan) if isinstance(plan, Plan) else plan
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def freeze(plan: Plan, folder: Path, *, begun: bool = False) -> tuple[str, ...]:
    """Write the plan into the study's folder, unless a plan was frozen there before the results.

    Args:
        plan: what will be tested.
        folder: of the study.
        begun: whether there are results beside the table of trials, such as a finished cell.

    Returns:
        Differences from the frozen plan, which readers must know (see `changes`); empty where there are none.
    """
    file, late = folder / PLAN_FILE, begun or (folder / TRIALS_FILE).exists()
    if not (late and file.exists()):
        content = {
            "plan": asdict(plan),
            "sha256": digest(plan),
            "frozen": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "after_results": late,
        }
        write_json(file, content, indent=2)
    return changes(plan, folder)


def changes(plan: Plan, folder: Path) -> tuple[str, ...]:
    """Differences between a plan and the one that was frozen in the folder, one sentence each.

    Raises:
        RegardError: there is no frozen plan, or it cannot be read.
    """
    content = _read_frozen(folder)
    frozen, new, sentences = content["plan"], json.loads(json.dumps(asdict(plan))), []
    if digest(frozen) != content["sha256"]:
        sentences.append(f"{PLAN_FILE} was edited after it was frozen: its contents no longer have its SHA-256.")
    if content["after_results"]:
        sentences.append("The plan was frozen when there were results already.")
    return (*sentences, *(f"Changed after it was frozen: {line}." for line in _differences(frozen, new)))


def frozen_plan(folder: Path) -> Plan:
    """The plan that was frozen in a study's folder.

    Raises:
        RegardError: there is none, or it cannot be read.
    """
    return plan_of(_read_frozen(folder)["plan"], str(folder / PLAN_FILE))


def _read_frozen(folder: Path) -> dict[str, Any]:
    file = folder / PLAN_FILE
    if not file.is_file():
        raise RegardError(f"{file}: no plan was frozen; freeze it before the first cell runs")
    try:
        content: dict[str, Any] = read_json_file(file, "restore it")
        return {key: content[key] for key in ("plan", "sha256", "after_results")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RegardError(f"{file}: cannot be read as a frozen plan ({error}); restore it") from error


def load_plan(path: Path) -> Plan:
    """A plan from a YAML file with its fields, or with its fields under `plan`.

    Raises:
        RegardError: no file, or a field that a plan does not have or cannot hold.
    """
    content = read_yaml_file(path, "give a plan's file; docs/study.md")
    content = content.get("plan", content) if isinstance(content, dict) else content
    if not isinstance(content, dict):
        raise RegardError(f"{path}: contains no plan; give its fields, such as attention_driven: [segmentation]")
    return plan_of(content, str(path))


def plan_of(content: Mapping[str, Any], where: str = "plan") -> Plan:
    """A plan from plain values."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Plan, "plan")
    try:
        plan = parser.instantiate(parser.parse_object({"plan": deepcopy(dict(content))})).plan
    except Exception as error:  # of a plan's own checks, or whatever jsonargparse raises
        raise RegardError(f"{where}: {' '.join(str(error).split())}") from None
    assert isinstance(plan, Plan)
    return plan


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
