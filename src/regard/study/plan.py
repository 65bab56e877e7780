"""What a study claims it will test, and how, written down before there is a result.

The hypotheses C1-C5 are those of Lai et al. (IEEE TMM 23:2086, arXiv 1906.08764); G asks what they leave open, whether
gaze says more than where the object is. Contrasts, smallest effects of interest and equivalence bounds are data: a
recipe may set others, and `regard.study.frozen` tells if they changed after results existed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from regard.study.columns import MEASURED, METRICS
from regard.study.conditions import CONDITIONS, DOSES
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
