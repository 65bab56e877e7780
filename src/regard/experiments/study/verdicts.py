"""Hypotheses judged: estimates against bounds, corrected for their number, in one of four words.

* supported: the effect is at least the smallest of interest, in every contrast
* equivalent: in some contrast the effect lies within the equivalence bounds; the claim fails there, without harm
* refuted: in some contrast the effect is smaller than the smallest of interest, or harms
* undecided: the trials allow none of these

Of a contrast theta with smallest effect of interest d and equivalence bound e, four one-sided questions:

    support        theta >= d    shown by rejecting theta <= d
    against        theta < d     shown by rejecting theta >= d
    equivalent     |theta| < e   shown by rejecting theta <= -e and theta >= e (two one-sided tests)
    harm           theta < -e    shown by rejecting theta >= -e

A claim of several contrasts is shown by all of them (the largest p: an intersection-union test needs no correction) and
is contradicted by any one of them (the smallest p times their number). Holm's correction runs over the hypotheses for
each question, so that the chance of any false "supported" is at most alpha, and so is that of any false "equivalent" or
"refuted" of a true claim.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import Any, Literal

from regard.experiments.stats import Estimate
from regard.experiments.study.contrasts import estimate_contrast
from regard.experiments.study.panel import ALL_BACKBONES
from regard.experiments.study.plan import Hypothesis, Plan
from regard.experiments.study.trials import Trials
from regard.metrics import corrected
from regard.report import NAN, NOT_STORED


@dataclass(frozen=True)
class Evidence:
    """One-sided p values of the four questions; 1 where the error is unknown."""

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
    """The evidence that all contrasts hold."""
    support, *others = zip(*map(astuple, parts), strict=True)
    return Evidence(max(support), *(min(1.0, len(parts) * min(p)) for p in others))


def case_by_case(cases: Sequence[Evidence]) -> Evidence:
    """The evidence that a claim holds in some cases and not in others; none from a single case.

    It is shown by one case that holds and one that does not, and contradicted if all hold or none does. It is
    equivalent if every case is; harm does not contradict it.
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


@dataclass(frozen=True, kw_only=True)
class Finding(Estimate):
    """One contrast in one case: its estimate, and the one-sided p values of the questions asked about it.

    Attributes:
        contrast: in words.
        case: task or cell; empty where tasks are averaged.
        sesoi: smallest effect of interest.
        detectable: true effect that would be called supported four times in five, with this standard error and the
            first step of Holm's correction; NaN where the error is unknown.
        bound: equivalence bound; NaN in files of version 0.1, as are the p values.
        p_support: of "the effect is below `sesoi`", not corrected; NaN where the error is unknown, as are the others.
        p_against: of "the effect is at least `sesoi`".
        p_equivalent: of "the effect lies outside the equivalence bounds".
    """

    contrast: str
    case: str
    sesoi: float
    detectable: float = NAN
    bound: float = NAN
    p_support: float = NAN
    p_against: float = NAN
    p_equivalent: float = NAN

    @property
    def evidence(self) -> Evidence:
        """P values, not corrected."""
        return of_contrast(self, self.sesoi, self.bound)


@dataclass(frozen=True)
class Verdict:
    """What the trials show about one hypothesis.

    Attributes:
        hypothesis: its name in the plan.
        notes: what is missing, and what so few seeds cannot show.
        findings: every contrast in every case.
        evidence: of the whole claim.
        adjusted: the same, Holm-corrected over the hypotheses.
    """

    hypothesis: str
    claim: str
    word: Word
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    evidence: Evidence = field(default=Evidence(), metadata=NOT_STORED)
    adjusted: Evidence = field(default=Evidence(), metadata=NOT_STORED)


def judge_hypotheses(trials: Trials, plan: Plan) -> tuple[Verdict, ...]:
    """Every hypothesis of the plan, in its order; one about a task without trials is undecided, with a note."""
    findings = [_findings(trials, plan, h) for h in plan.hypotheses]
    evidence = [_joined(h, f) for h, f in zip(plan.hypotheses, findings, strict=True)]
    questions = [corrected(p) for p in zip(*map(astuple, evidence), strict=True)]
    adjusted = [Evidence(*p) for p in zip(*questions, strict=True)]
    return tuple(
        Verdict(h.name, h.claim, word(a, plan.alpha), tuple(_notes(trials, plan, h, f)), f, e, a)
        for h, f, e, a in zip(plan.hypotheses, findings, evidence, adjusted, strict=True)
    )


def word(adjusted: Evidence, alpha: float) -> Word:
    """The verdict that corrected p values allow. Harm goes before equivalence, as the stronger statement."""
    if adjusted.support <= alpha:
        return "supported"
    if adjusted.harm <= alpha:
        return "refuted"
    if adjusted.equivalent <= alpha:
        return "equivalent"
    return "refuted" if adjusted.against <= alpha else "undecided"


def true_word(hypothesis: Hypothesis, effects: Sequence[Sequence[float]]) -> Word:
    """The verdict on known effects: for every case, those of the hypothesis' contrasts in their order."""
    certain = []
    for case in effects:
        known = [Estimate(value, ((0.0, 1.0),)) for value in case]
        both = zip(known, hypothesis.contrasts, strict=True)
        certain.append(all_of([of_contrast(e, c.sesoi, c.bound) for e, c in both]))
    return word(case_by_case(certain) if hypothesis.cases else certain[0], 0.5)


def _findings(trials: Trials, plan: Plan, hypothesis: Hypothesis) -> tuple[Finding, ...]:
    tasks = plan.tasks(hypothesis)
    cases = [("", tasks, ALL_BACKBONES)]
    if hypothesis.cases == "task":
        cases = [(task, [task], ALL_BACKBONES) for task in tasks]
    elif hypothesis.cases == "cell":
        cases = [(f"{task}, {b}", [task], b) for task in tasks for b in trials.backbones(task)]
    findings = []
    for name, case_tasks, backbone in cases:
        for c in hypothesis.contrasts:
            e = estimate_contrast(trials, c, case_tasks, similarity=plan.similarity, backbone=backbone)
            tail = plan.alpha / len(plan.hypotheses)
            detectable = c.sesoi + (e.quantile(tail) + e.quantile(0.2)) * e.se
            p = of_contrast(e, c.sesoi, c.bound) if e.parts else Evidence(NAN, NAN, NAN)
            fields: dict[str, Any] = {
                "contrast": c.label,
                "case": name,
                "sesoi": c.sesoi,
                "detectable": detectable,
                "bound": c.bound,
            }
            fields |= {"p_support": p.support, "p_against": p.against, "p_equivalent": p.equivalent}
            findings.append(Finding(**vars(e), **fields))
    return tuple(findings)


def _joined(hypothesis: Hypothesis, findings: Sequence[Finding]) -> Evidence:
    if not findings:
        return Evidence()
    cases = list(dict.fromkeys(f.case for f in findings))
    of_case = [all_of([f.evidence for f in findings if f.case == case]) for case in cases]
    return case_by_case(of_case) if hypothesis.cases else of_case[0]


def _notes(trials: Trials, plan: Plan, hypothesis: Hypothesis, findings: Sequence[Finding]) -> list[str]:
    if not plan.tasks(hypothesis):
        return [f"No task of the plan is {hypothesis.tasks.replace('_', '-')}, so it cannot be judged."]
    notes = [f"There are no trials of the task {t!r}." for t in plan.tasks(hypothesis) if t not in trials.tasks]
    if hypothesis.cases and len({f.case for f in findings}) < 2:
        notes.append("There is one case only; case by case needs at least two.")
    for f in findings:
        where = f"{f.contrast}{f' ({f.case})' if f.case else ''}"
        if math.isnan(f.value):
            notes.append(f"No trials for: {where}.")
        elif not f.parts:
            notes.append(f"One seed or one image has no interval: {where}.")
        elif f.seeds < 5:
            notes.append(
                f"{f.seeds} seeds per backbone: a true effect below {f.detectable:.3g} would be missed more "
                f"than once in five ({where})."
            )
    return notes
