"""What a study claims it will test, and how, written down before there is a result.

The hypotheses C1-C5 are those of Lai et al. (IEEE TMM 23:2086, arXiv 1906.08764); G asks what they leave open, whether
gaze says more than where the object is. Contrasts, smallest effects of interest and equivalence bounds are data: a
recipe may set others, and `regard.experiments.study.plan` tells if they changed after results existed.

A plan is frozen before the first result, and whoever changes it afterwards is told on.

`plan.json` beside the trials holds the plan, its SHA-256 and whether trials were there when it was frozen. Nothing is
forbidden: a plan may have to change; but every verdict then says so.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonargparse import ArgumentParser

from regard.experiments.study.design import CONDITIONS, DOSES, MEASURED, METRICS
from regard.files import write_atomically
from regard.types import RegardError

POINTS = 0.02
"""Smallest effect of interest on performance: two points of a hundred."""
SLOPE = 0.01
"""The same for a slope: performance for one standard deviation of similarity."""
FAITHFUL = 0.05
"""The same on the LeRF - MoRF gap, a difference of probabilities."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One number that a hypothesis says something about: it claims that the number is at least `sesoi`."""

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
    sesoi: float = POINTS
    """Smallest effect of interest: below it an effect is no support, however significant."""
    equivalence: float | None = None
    """An effect within plus and minus this is called equivalent to none; at most `sesoi`, which is the default."""

    @property
    def bound(self) -> float:
        """The equivalence bound in force."""
        return self.sesoi if self.equivalence is None else self.equivalence

    @property
    def said(self) -> str:
        """In words."""
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
    """Of which class of tasks; contrasts are averaged over them."""
    contrasts: list[Contrast]
    """Each must hold."""
    cases: Literal["", "task", "cell"] = ""
    """Empty: the claim holds on average. Otherwise it is that the contrasts hold in some cases and not in others; a
    case is a task, or a task with a backbone (`cell`)."""


def difference(first: str, second: str, column: str = "performance", sesoi: float = POINTS) -> Contrast:
    """Shorthand."""
    return Contrast(first=first, second=second, column=column, sesoi=sesoi)


def standard() -> list[Hypothesis]:
    """C1-C5 and G with the contrasts that decide them."""
    aligned = [difference("explicit", "implicit"), difference("explicit", "explicit-shuffled")]
    return [
        Hypothesis(
            name="C1",
            claim="Where people look is a meaningful ground truth: given as the map, it beats the centre and others'.",
            tasks="attention_driven",
            contrasts=[difference("human", "human-shuffled"), difference("human", "center")],
        ),
        Hypothesis(
            name="C2",
            claim="The closer a map is to where people look, the better the performance.",
            tasks="attention_driven",
            contrasts=[
                Contrast(kind="dose", first="dose-noise"),
                Contrast(kind="dose", first="dose-shuffled"),
                Contrast(kind="slope", sesoi=SLOPE),
            ],
        ),
        Hypothesis(
            name="C3",
            claim="For higher-level tasks it is case by case: alignment helps in some and not in others.",
            tasks="higher_level",
            contrasts=aligned,
            cases="task",
        ),
        Hypothesis(
            name="C4",
            claim="Forcing the alignment gains performance, and more than forcing that with another image's gaze.",
            tasks="attention_driven",
            contrasts=aligned,
        ),
        Hypothesis(
            name="C5",
            claim="Alignment makes the maps of networks for higher-level tasks more faithful.",
            tasks="higher_level",
            contrasts=[
                difference("explicit", "implicit", "faithfulness", FAITHFUL),
                difference("explicit", "explicit-shuffled", "faithfulness", FAITHFUL),
            ],
        ),
        Hypothesis(
            name="G",
            claim="It is gaze, and not mere localisation: alignment gains more than the object's mask does.",
            tasks="attention_driven",
            contrasts=[difference("explicit", "mask-supervised"), difference("explicit", "explicit-shuffled")],
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be tested: part of a study's recipe."""

    attention_driven: list[str] = field(default_factory=list)
    """Tasks that attention drives, as salient object segmentation."""
    higher_level: list[str] = field(default_factory=list)
    """The others."""
    similarity: str = "nss"
    """The metric of similarity that slopes use."""
    alpha: float = 0.05
    """Largest probability of any false "supported" among the hypotheses, and of any false "refuted" or "equivalent"."""
    hypotheses: list[Hypothesis] = field(default_factory=standard)
    """What is claimed."""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise RegardError(f"plan: alpha={self.alpha} must lie between 0 and .5; usual is .05")
        if self.similarity not in METRICS:
            raise RegardError(f"plan: similarity={self.similarity!r} must be one of {', '.join(METRICS)}")
        both = set(self.attention_driven) & set(self.higher_level)
        if both:
            raise RegardError(f"plan: {', '.join(sorted(both))} cannot be attention-driven and higher-level at once")
        names = [h.name for h in self.hypotheses]
        if len(set(names)) < len(names) or not names:
            raise RegardError(f"plan: hypotheses need names of their own, at least one; they are {names}")
        for hypothesis in self.hypotheses:
            if not hypothesis.contrasts:
                raise RegardError(f"plan: {hypothesis.name} has no contrast, so nothing could decide it")
            for contrast in hypothesis.contrasts:
                _check(hypothesis.name, contrast)

    def tasks(self, hypothesis: Hypothesis) -> list[str]:
        """The tasks a hypothesis is about."""
        return self.attention_driven if hypothesis.tasks == "attention_driven" else self.higher_level


def _check(name: str, c: Contrast) -> None:
    if not 0 < c.bound <= c.sesoi:
        raise RegardError(f"plan: {name}: 0 < equivalence <= sesoi must hold; they are {c.bound} and {c.sesoi}")
    if c.column not in MEASURED:
        raise RegardError(f"plan: {name}: column {c.column!r} is not one of {', '.join(MEASURED)}")
    arms = {"difference": (c.first, c.second), "dose": (c.first,), "slope": ()}[c.kind]
    for arm in arms:
        if arm not in (DOSES if c.kind == "dose" else set(CONDITIONS) - set(DOSES)):
            raise RegardError(f"plan: {name}: {arm!r} is no condition of a {c.kind}; known are {', '.join(CONDITIONS)}")
    if c.kind == "difference" and c.first == c.second:
        raise RegardError(f"plan: {name}: {c.first!r} is compared with itself; name two conditions")


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
        write_atomically(file, json.dumps(content, indent=2) + "\n")
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
