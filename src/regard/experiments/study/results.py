"""``results.json`` of a study: its schema, made from the trials, and reading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from regard.experiments.runner import CellProvenance
from regard.experiments.study import questions
from regard.experiments.study.plan import TRIALS_FILE, Plan, frozen_plan
from regard.experiments.study.relation import Relations, relation
from regard.experiments.study.trials import Trials, read_trials
from regard.experiments.study.verdicts import Verdict, judge_hypotheses
from regard.report import NOT_STORED, read_dataclass

RESULTS_FILE = "results.json"


@dataclass(frozen=True, kw_only=True)
class StudyValues:
    """Verdicts, and the answers to all questions.

    Attributes:
        scores: ``task, backbone`` -> condition -> mean of every score of the task, of tasks with more than one score.
        floors: task -> name -> mean performance that needs no network.
        made: where records of benchmarks/studies.py hold what results of `regard study` hold on top.
    """

    verdicts: tuple[Verdict, ...]
    performance: questions.PerformanceTable
    similarity: questions.SimilarityTable
    relation: Relations
    dose: questions.DoseResponse
    layers: questions.Layers
    transparency: questions.Transparency
    robustness: questions.Robustness
    scores: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    made: tuple[CellProvenance, ...] = field(default=(), metadata=NOT_STORED)


@dataclass(frozen=True, kw_only=True)
class StudyResults:
    """All of ``results.json``; ``plan`` is empty in records that do not hold it, as those of benchmarks/studies.py."""

    name: str
    command: str = ""
    commit: str = ""
    date: str = ""
    versions: Mapping[str, object] = field(default_factory=dict)
    hardware: Mapping[str, object] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    notes: str = ""
    made: tuple[CellProvenance, ...] = ()
    plan: Mapping[str, object] = field(default_factory=dict)
    values: StudyValues


def study_results(trials: Trials, plan: Plan, name: str, *, mixed: bool = False) -> StudyResults:
    """Every hypothesis judged and every question answered; `mixed` models take seconds per task."""
    metric = plan.similarity
    values = StudyValues(
        verdicts=judge_hypotheses(trials, plan),
        performance=questions.performance_table(trials),
        similarity=questions.similarity_table(trials),
        relation=relation(trials, similarity=metric, mixed=mixed),
        dose=questions.dose(trials),
        layers=questions.layers(trials, similarity=metric),
        transparency=questions.transparency(trials, similarity=metric),
        robustness=questions.robustness(trials),
    )
    return StudyResults(name=name, plan=asdict(plan), values=values)


def read_study_results(path: Path, *, plan: Plan | None = None, mixed: bool = False) -> StudyResults:
    """The results of a study's folder, or of a JSON file that holds them.

    A folder's ``results.json`` is read; where there is none, or ``mixed`` models are wanted, hypotheses are judged from
    ``trials.csv`` by ``plan`` or the frozen plan.

    Raises:
        RegardError: a file is missing or corrupt.
    """
    if path.is_dir():
        file = path / RESULTS_FILE
        if file.exists() and not mixed:
            return read_dataclass(file, StudyResults, "make it again with `regard study report`")
        trials = read_trials(path / TRIALS_FILE)
        return study_results(trials, plan or frozen_plan(path), path.resolve().name, mixed=mixed)
    results = read_dataclass(path, StudyResults, "give a study's folder, or its results as JSON")
    return results if results.made else replace(results, made=results.values.made)
