"""The human-machine study: what is compared, and what the comparison allows to say.

One table of trials, one row a looked-at image of a run, is all that the analyses read (`Trials`). Six questions and a
seventh (`QUESTIONS`) are functions of it; hypotheses are judged (`judge`) against a plan (`Plan`) that was frozen
before the results (`freeze`). `World` and `draw` make trials whose truth is known. Not here: drawing pages, training
loops, metrics of maps.
"""

from regard.experiments.study.cells import Chosen, Place, cells_of, choose, places, tuning_cells
from regard.experiments.study.collect import failures, floors_of, remarks_of, scores_of, trials_of
from regard.experiments.study.design import CONDITIONS, Condition
from regard.experiments.study.file import StudyFile, TaskFile, find_study, read_study
from regard.experiments.study.panel import Arm, Panel, paired
from regard.experiments.study.plan import Contrast, Hypothesis, Plan, changes, digest, freeze, load_plan
from regard.experiments.study.questions import QUESTIONS
from regard.experiments.study.run import make_study, plan_lines, report_study, summary
from regard.experiments.study.simulation import WORLDS, Design, World, draw
from regard.experiments.study.terminal import power_with_progress, print_power, print_power_json, print_study
from regard.experiments.study.trials import Trials, read_trials
from regard.experiments.study.verdicts import Verdict, judge

__all__ = [
    "CONDITIONS",
    "QUESTIONS",
    "WORLDS",
    "Arm",
    "Chosen",
    "Condition",
    "Contrast",
    "Design",
    "Hypothesis",
    "Panel",
    "Place",
    "Plan",
    "StudyFile",
    "TaskFile",
    "Trials",
    "Verdict",
    "World",
    "cells_of",
    "changes",
    "choose",
    "digest",
    "draw",
    "failures",
    "find_study",
    "floors_of",
    "freeze",
    "judge",
    "load_plan",
    "make_study",
    "paired",
    "places",
    "plan_lines",
    "power_with_progress",
    "print_power",
    "print_power_json",
    "print_study",
    "read_study",
    "read_trials",
    "remarks_of",
    "report_study",
    "scores_of",
    "summary",
    "trials_of",
    "tuning_cells",
]
