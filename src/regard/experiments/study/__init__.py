"""The human-machine study: what is compared, and what the comparison shows.

One table of trials, with one row per image and run, is all that the analyses read (`Trials`). Seven questions
(`QUESTIONS`) are functions of it; hypotheses are judged (`judge_hypotheses`) by a plan (`Plan`) that was frozen before
the results (`freeze`). `Simulation` and `simulate_trials` make trials whose truth is known. Not here: training loops,
metrics of maps.
"""

from regard.experiments.study.file import StudyFile, TaskFile
from regard.experiments.study.plan import Contrast, Hypothesis, Plan, changes, freeze, load_plan
from regard.experiments.study.questions import QUESTIONS
from regard.experiments.study.results import read_study_results
from regard.experiments.study.run import draw_study, make_study, report_study, study_plan_lines
from regard.experiments.study.simulation import SIMULATIONS, Design, Simulation, simulate_trials
from regard.experiments.study.terminal import power_with_progress, print_power, print_power_json, print_study
from regard.experiments.study.trials import Trials, read_trials
from regard.experiments.study.verdicts import judge_hypotheses

__all__ = [
    "QUESTIONS",
    "SIMULATIONS",
    "Contrast",
    "Design",
    "Hypothesis",
    "Plan",
    "Simulation",
    "StudyFile",
    "TaskFile",
    "Trials",
    "changes",
    "draw_study",
    "freeze",
    "judge_hypotheses",
    "load_plan",
    "make_study",
    "power_with_progress",
    "print_power",
    "print_power_json",
    "print_study",
    "read_study_results",
    "read_trials",
    "report_study",
    "simulate_trials",
    "study_plan_lines",
]
