"""The human-machine study: what is compared, and what the comparison allows to say.

One table of trials, one row a looked-at image of a run, is all that the analyses read (`Trials`). Six questions and a
seventh (`QUESTIONS`) are functions of it; hypotheses are judged (`judge`) against a plan (`Plan`) that was frozen
before the results (`freeze`). `World` and `draw` make trials whose truth is known. Not here: drawing pages, training
loops, metrics of maps.
"""

from regard.study.bootstrap import Interval
from regard.study.conditions import CONDITIONS, Condition
from regard.study.crossed import crossed_mean
from regard.study.estimate import Estimate
from regard.study.frozen import changes, digest, freeze, load_plan
from regard.study.panel import Arm, Panel, paired
from regard.study.plan import Contrast, Hypothesis, Plan
from regard.study.questions import QUESTIONS
from regard.study.trials import Trials, read_trials
from regard.study.verdicts import Verdict, judge
from regard.study.worlds import WORLDS, Design, World, draw

__all__ = [
    "CONDITIONS",
    "QUESTIONS",
    "WORLDS",
    "Arm",
    "Condition",
    "Contrast",
    "Design",
    "Estimate",
    "Hypothesis",
    "Interval",
    "Panel",
    "Plan",
    "Trials",
    "Verdict",
    "World",
    "changes",
    "crossed_mean",
    "digest",
    "draw",
    "freeze",
    "judge",
    "load_plan",
    "paired",
    "read_trials",
]
