"""The human-machine study: what is compared, and what the comparison shows.

One table of trials, with one row per image and run, is all that the analyses read (`Trials`). Seven questions
(`QUESTIONS`) are functions of it; hypotheses are judged (`judge_hypotheses`) by a plan (`Plan`) that was frozen before
the results (`freeze`). `Simulation` and `simulate_trials` make trials whose truth is known. Not here: training loops,
metrics of maps.
"""

from regard.experiments.study.cells import (
    OpenStudy,
    Setup,
    TunedWeight,
    best_weights,
    open_study,
    setups_of,
    study_cells,
    tuning_cells,
)
from regard.experiments.study.collect import collect_trials
from regard.experiments.study.design import CONDITIONS, Condition
from regard.experiments.study.file import StudyFile, TaskFile, read_study
from regard.experiments.study.panel import Arm, Panel, paired
from regard.experiments.study.plan import Contrast, Hypothesis, Plan, changes, digest, freeze, frozen_plan, load_plan
from regard.experiments.study.questions import QUESTIONS
from regard.experiments.study.results import StudyResults, read_study_results, study_results
from regard.experiments.study.run import draw_study, make_study, report_study, study_plan_lines
from regard.experiments.study.simulation import SIMULATIONS, Design, Simulation, simulate_trials
from regard.experiments.study.terminal import power_with_progress, print_power, print_power_json, print_study
from regard.experiments.study.trials import Trials, read_trials
from regard.experiments.study.verdicts import Verdict, judge_hypotheses

__all__ = [
    "CONDITIONS",
    "QUESTIONS",
    "SIMULATIONS",
    "Arm",
    "Condition",
    "Contrast",
    "Design",
    "Hypothesis",
    "OpenStudy",
    "Panel",
    "Plan",
    "Setup",
    "Simulation",
    "StudyFile",
    "StudyResults",
    "TaskFile",
    "Trials",
    "TunedWeight",
    "Verdict",
    "best_weights",
    "changes",
    "collect_trials",
    "digest",
    "draw_study",
    "freeze",
    "frozen_plan",
    "judge_hypotheses",
    "load_plan",
    "make_study",
    "open_study",
    "paired",
    "power_with_progress",
    "print_power",
    "print_power_json",
    "print_study",
    "read_study",
    "read_study_results",
    "read_trials",
    "report_study",
    "setups_of",
    "simulate_trials",
    "study_cells",
    "study_plan_lines",
    "study_results",
    "tuning_cells",
]
