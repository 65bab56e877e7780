"""Hypotheses judged: estimates against bounds, corrected for many, in one of four words.

* supported: the effect is at least the smallest of interest, in every contrast
* equivalent: in some contrast the effect lies within the equivalence bounds; the claim fails there, nor is there harm
* refuted: in some contrast the effect is smaller than the smallest of interest, or harms
* undecided: the trials allow none of these

Holm's correction runs over the hypotheses for each kind of statement, so that the chance of any false "supported" is at
most alpha, and so is that of any false "equivalent" or "refuted" of a true claim.

What trials say for and against a claim, and how claims are joined.

Of a contrast theta with smallest effect of interest d and equivalence bound e, four one-sided questions:

    support        theta >= d    shown by rejecting theta <= d
    against        theta < d     shown by rejecting theta >= d
    equivalent     |theta| < e   shown by rejecting theta <= -e and theta >= e (two one-sided tests)
    harm           theta < -e    shown by rejecting theta >= -e

A claim that several contrasts hold is shown by all of them (the largest p: an intersection-union test needs no
correction) and is contradicted by any one of them (the smallest p times their number).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Literal

from statsmodels.stats.multitest import multipletests

from regard.experiments.stats import Estimate
from regard.experiments.study.contrasts import estimate
from regard.experiments.study.plan import Contrast, Hypothesis, Plan
from regard.experiments.study.trials import Trials


@dataclass(frozen=True)
class Evidence:
    """One-sided p values of the four questions; 1 where nothing can be said."""

    support: float = 1.0
    against: float = 1.0
    equivalent: float = 1.0
    harm: float = 1.0


def of_contrast(estimate: Estimate, sesoi: float, bound: float) -> Evidence:
    """The evidence in one estimate.

    >>> e = of_contrast(Estimate(0.0, ((1e-6, 8.0),)), sesoi=0.02, bound=0.02)
    >>> e.support > 0.999, e.equivalent < 1e-6
    (True, True)
    """
    return Evidence(
        support=estimate.p_above(sesoi),
        against=estimate.p_below(sesoi),
        equivalent=max(estimate.p_above(-bound), estimate.p_below(bound)),
        harm=estimate.p_below(-bound),
    )


def all_of(parts: Sequence[Evidence]) -> Evidence:
    """That every one of the contrasts holds."""
    n = len(parts)
    return Evidence(
        support=max(p.support for p in parts),
        against=min(1.0, n * min(p.against for p in parts)),
        equivalent=min(1.0, n * min(p.equivalent for p in parts)),
        harm=min(1.0, n * min(p.harm for p in parts)),
    )


def case_by_case(cases: Sequence[Evidence]) -> Evidence:
    """That it holds in some cases and not in others; nothing can be said of a single case.

    It is shown by one case that holds and one that does not, contradicted if all do or none does. "Equivalent" is that
    every case is; harm is no contradiction.
    """
    n = len(cases)
    if n < 2:
        return Evidence()
    return Evidence(
        support=min(1.0, n * max(min(c.support for c in cases), min(c.against for c in cases))),
        against=min(1.0, 2 * min(max(c.support for c in cases), max(c.against for c in cases))),
        equivalent=max(c.equivalent for c in cases),
    )


Word = Literal["supported", "equivalent", "refuted", "undecided"]


@dataclass(frozen=True)
class Finding:
    """One contrast in one case.

    Attributes:
        contrast: what was asked.
        case: of which task or cell; empty where tasks are averaged.
        estimate: what was found.
        evidence: p values, not corrected.
        detectable: true effect that would be called supported four times in five with this standard error and the
            correction of the first step (all hypotheses); NaN where the error is not known.
    """

    contrast: Contrast
    case: str
    estimate: Estimate
    evidence: Evidence
    detectable: float


@dataclass(frozen=True)
class Verdict:
    """What the trials allow to say of one hypothesis.

    Attributes:
        hypothesis: what was claimed.
        word: the verdict.
        findings: every contrast in every case.
        evidence: of the whole claim.
        adjusted: the same, Holm-corrected over the hypotheses.
        notes: what the reader must know: what is missing, what so few seeds cannot show.
    """

    hypothesis: Hypothesis
    word: Word
    findings: tuple[Finding, ...]
    evidence: Evidence
    adjusted: Evidence
    notes: tuple[str, ...]


def judge(trials: Trials, plan: Plan) -> tuple[Verdict, ...]:
    """Every hypothesis of the plan, in its order; those about a task without trials are undecided, and say so."""
    findings = [_findings(trials, plan, h) for h in plan.hypotheses]
    found = [_joined(h, f) for h, f in zip(plan.hypotheses, findings, strict=True)]
    of_kind = [_holm(column) for column in zip(*map(astuple, found), strict=True)]
    adjusted = [Evidence(*row) for row in zip(*of_kind, strict=True)]
    return tuple(
        Verdict(h, word(a, plan.alpha), f, e, a, tuple(_notes(trials, plan, h, f)))
        for h, f, e, a in zip(plan.hypotheses, findings, found, adjusted, strict=True)
    )


def word(adjusted: Evidence, alpha: float) -> Word:
    """The verdict that corrected p values allow. Harm goes before equivalence: it is the stronger statement."""
    if adjusted.support <= alpha:
        return "supported"
    if adjusted.harm <= alpha:
        return "refuted"
    if adjusted.equivalent <= alpha:
        return "equivalent"
    return "refuted" if adjusted.against <= alpha else "undecided"


def true_word(hypothesis: Hypothesis, effects: Sequence[Sequence[float]]) -> Word:
    """The verdict on known effects: of every case, those of the hypothesis' contrasts in their order."""
    certain = []
    for case in effects:
        known = [Estimate(value, ((0.0, 1.0),)) for value in case]
        both = zip(known, hypothesis.contrasts, strict=True)
        certain.append(all_of([of_contrast(e, c.sesoi, c.bound) for e, c in both]))
    return word(case_by_case(certain) if hypothesis.cases else certain[0], 0.5)


def _findings(trials: Trials, plan: Plan, hypothesis: Hypothesis) -> tuple[Finding, ...]:
    tasks = plan.tasks(hypothesis)
    cases: list[tuple[str, list[str], str | None]] = [("", tasks, None)]
    if hypothesis.cases == "task":
        cases = [(task, [task], None) for task in tasks]
    elif hypothesis.cases == "cell":
        cases = [(f"{task}, {b}", [task], b) for task in tasks for b in trials.backbones(task)]
    found = []
    for name, among, backbone in cases:
        for c in hypothesis.contrasts:
            e = estimate(trials, c, among, similarity=plan.similarity, backbone=backbone)
            tail = plan.alpha / len(plan.hypotheses)
            detectable = c.sesoi + (e.quantile(tail) + e.quantile(0.2)) * e.se
            found.append(Finding(c, name, e, of_contrast(e, c.sesoi, c.bound), detectable))
    return tuple(found)


def _joined(hypothesis: Hypothesis, findings: Sequence[Finding]) -> Evidence:
    if not findings:
        return Evidence()
    cases = list(dict.fromkeys(f.case for f in findings))
    of_case = [all_of([f.evidence for f in findings if f.case == case]) for case in cases]
    return case_by_case(of_case) if hypothesis.cases else of_case[0]


def _holm(p: Sequence[float]) -> list[float]:
    return [float(v) for v in multipletests(p, method="holm")[1]]


def _notes(trials: Trials, plan: Plan, hypothesis: Hypothesis, findings: Sequence[Finding]) -> list[str]:
    if not plan.tasks(hypothesis):
        return [f"No task of the plan is {hypothesis.tasks.replace('_', '-')}, so nothing can be said."]
    notes = [f"There are no trials of the task {t!r}." for t in plan.tasks(hypothesis) if t not in trials.tasks]
    if hypothesis.cases and len({f.case for f in findings}) < 2:
        notes.append("There is one case only; case by case needs at least two.")
    for f in findings:
        where = f"{f.contrast.said}{f' ({f.case})' if f.case else ''}"
        if math.isnan(f.estimate.value):
            notes.append(f"No trials for: {where}.")
        elif not f.estimate.parts:
            notes.append(f"One seed or one image says nothing of chance: {where}.")
        elif f.estimate.seeds < 5:
            notes.append(
                f"{f.estimate.seeds} seeds a backbone: a true effect below {f.detectable:.3g} would be missed more "
                f"than once in five ({where})."
            )
    return notes
