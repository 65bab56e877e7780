"""Study files and the cells, tuning trials and recipes of conditions built from them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from regard.evaluation import StudyMeasures
from regard.experiments import GridOptions
from regard.experiments.grid import Cell, Result
from regard.experiments.grid.cell import write_result
from regard.experiments.study.cells import OpenStudy, open_study
from regard.experiments.study.design import CONDITIONS, DOSES
from regard.experiments.study.file import ALIGNED, CONDITION_FIELDS, DEFAULT_FIELDS, condition_recipe, read_study
from regard.training import Recipe, override
from regard.types import RegardError

STUDIES = sorted(Path("src/regard/recipes/study").glob("*.yaml"))
SMALL: dict[str, Any] = {
    "title": "small",
    "plan": {"attention_driven": ["find"], "higher_level": ["name"]},
    "seeds": [0, 1],
    "ensemble": [7],
    "tuning": {"values": [0.1, 1], "seed": 9, "set": {"train.epochs": 2}},
    "tasks": {
        "find": {
            "set": {"data.options": {"size": 16, "observers": 2}, "train.epochs": 3},
            "conditions": ["none", "implicit", "explicit", "explicit-shuffled"],
            "backbones": {"one": {}, "two": {"set": {"model.backbone": "vgg_cifar"}, "conditions": ["explicit"]}},
            "layers": {"deeper": {"backbone": "one", "conditions": ["implicit"], "set": {"model.at": ["stage2"]}}},
        },
        "name": {"set": {"align.gaze": "osie"}, "conditions": ["none", "explicit"]},
    },
}


def write_study(folder: Path, **changes: Any) -> Path:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(SMALL | changes))
    return path


def small(folder: Path, **changes: Any) -> OpenStudy:
    return OpenStudy(read_study(write_study(folder, **changes)), folder, "mine", folder)


def test_every_condition_but_doses_has_an_arm() -> None:
    assert {*CONDITION_FIELDS, *DOSES} == set(CONDITIONS)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_reads_and_states_its_command(path: Path) -> None:
    study = read_study(path)
    assert f"regard study {path.stem} " in path.read_text()
    assert len(study.seeds) >= 3
    chosen = {(task, b): 1.0 for task, t in study.tasks.items() for b in t.backbones}
    cells = OpenStudy(study, path.parent, path.stem, path.parent).cells_with(chosen)
    assert len({cell.path for cell in cells}) == len(cells)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_that_is_tried_out_has_every_kind_of_cell_once(path: Path) -> None:
    whole, tried = (open_study(str(path), GridOptions(smoke=smoke)) for smoke in (False, True))
    first = {(task, b): 1.0 for task, t in whole.study.tasks.items() for b in t.backbones}
    kinds = {(cell.arm, cell.spec["condition"], tuple(cell.spec["doses"])) for cell in whole.cells_with(first)}
    ran = [(cell.arm, cell.spec["condition"], tuple(cell.spec["doses"])) for cell in tried.cells]
    assert sorted(ran) == sorted(kinds)
    assert tried.tuning == []
    assert {cell.seed for cell in tried.cells} == {whole.study.seeds[0], whole.study.ensemble[0]}
    assert all(cell.spec["recipe"]["train"]["fast_dev_run"] for cell in tried.cells)
    assert not any(cell.spec["recipe"]["train"]["fast_dev_run"] for cell in whole.cells_with(first))
    measures, own = tried.study.measures, whole.study.measures
    assert (measures.faithful, measures.robust_images, measures.gallery) == (2, 8, 2)
    assert (measures.robust, measures.severity, measures.alphas) == (own.robust, own.severity, [0.0, 1.0])
    assert tried.study.title == f"Only tried out, nothing here is a result: {whole.study.title}"
    two = open_study(str(path), GridOptions(smoke=True, seeds=2)).study
    assert two.seeds == [0, 1], "seeds that were asked for"


@pytest.mark.parametrize(
    ("own", "few"),
    [
        ({"faithful": 0, "robust_images": 5, "gallery": 1, "alphas": [0.5]}, (0, 5, 1, [0.5])),
        ({"faithful": 1, "robust_images": 99, "gallery": 0, "alphas": [0.75, 0.25, 0.5]}, (1, 8, 0, [0.25, 0.75])),
        ({"alphas": []}, (2, 8, 2, [])),
    ],
)
def test_measures_that_are_tried_out_ask_for_nothing_more(own: dict[str, Any], few: tuple[Any, ...]) -> None:
    tried = StudyMeasures(**own).tried()
    assert (tried.faithful, tried.robust_images, tried.gallery, tried.alphas) == few


def test_cells_are_every_condition_backbone_place_and_seed(tmp_path: Path) -> None:
    study = small(tmp_path)
    chosen = {("find", "one"): 0.5, ("find", "two"): 0.5, ("name", "base"): 0.5}
    paths = [cell.path for cell in study.cells_with(chosen)]
    assert paths[:2] == ["find/ensemble/seed-7", "name/ensemble/seed-7"]
    first = [path for path in paths[2:] if path.endswith("seed-0")]
    assert first == [
        *(f"find/one/{c}/seed-0" for c in ("none", "implicit", "explicit", "explicit-shuffled")),
        "find/one/deeper/implicit/seed-0",
        "find/two/explicit/seed-0",
        "name/base/none/seed-0",
        "name/base/explicit/seed-0",
    ]
    assert len(paths) == 2 + 2 * len(first)


def test_aligned_conditions_have_equal_trials_and_one_weight(tmp_path: Path) -> None:
    study = small(tmp_path)
    trials = study.tuning
    weights_of_one = [
        (c.spec["condition"], c.spec["recipe"]["align"]["weight"]) for c in trials if c.spec["backbone"] == "one"
    ]
    assert weights_of_one == [(c, w) for c in ("explicit", "explicit-shuffled") for w in (0.1, 1.0)]
    assert all(cell.seed == 9 and cell.spec["measures"] is None for cell in trials)
    assert all(cell.size == 2 for cell in trials)
    scores = {("explicit", 0.1): 0.5, ("explicit", 1.0): 0.6, ("explicit-shuffled", 0.1): 0.6}
    scores |= {("explicit-shuffled", 1.0): 0.3}
    for cell in trials:
        key = (cell.spec["condition"], cell.spec["recipe"]["align"]["weight"])
        finish(cell, tmp_path / "cells", scores[key])
    chosen = study.weights
    assert chosen["find", "one"].weight == 0.1, "the best for both together, not the best for explicit"
    assert chosen["find", "one"].scores[1.0] == {"explicit": 0.6, "explicit-shuffled": 0.3}
    assert chosen["find", "two"].weight == 1.0
    weights = {
        (c.spec["backbone"], c.spec["condition"]): c.spec["recipe"]["align"]["weight"]
        for c in study.cells
        if c.spec["task"] == "find" and c.spec["condition"] in ALIGNED
    }
    assert weights == {("one", "explicit"): 0.1, ("one", "explicit-shuffled"): 0.1, ("two", "explicit"): 1.0}


def finish(cell: Cell, root: Path, score: float) -> None:
    (root / cell.path).mkdir(parents=True)
    write_result(cell, root / cell.path, Result({"val_accuracy": score}), 1.0)


def test_a_failed_trial_leaves_the_aligned_conditions_out(tmp_path: Path) -> None:
    study = small(tmp_path)
    for cell in study.tuning:
        if cell.path != "find/one/explicit-shuffled/tuning/weight=1.0":
            finish(cell, tmp_path / "cells", 0.5)
    assert study.weights["find", "one"].weight is None
    ran = {c.spec["condition"] for c in study.cells if c.spec["backbone"] == "one"}
    assert not ran & set(ALIGNED)


def test_a_single_weight_needs_no_trials(tmp_path: Path) -> None:
    study = small(tmp_path, tuning={"values": [0.3]})
    assert study.tuning == []
    assert {c.spec["recipe"]["align"]["weight"] for c in study.cells if c.spec["condition"] in ALIGNED} == {0.3}


def test_conditions_differ_only_in_their_fields() -> None:
    base = override(Recipe(), DEFAULT_FIELDS)
    plain, implicit = (condition_recipe(base, name) for name in ("none", "implicit"))
    explicit, shuffled = (condition_recipe(base, name, weight=0.7) for name in ("explicit", "explicit-shuffled"))
    assert plain.model.attention is None
    assert implicit == override(base, {"twin": False, "align.weight": 0.0})
    assert explicit == override(implicit, {"align.gaze": "own", "align.weight": 0.7})
    assert shuffled == override(explicit, {"align.shuffled": True})
    human = condition_recipe(base, "human")
    assert (human.impose.map, human.model.attention, human.align.gaze) == ("human", "uniform", None)
    assert condition_recipe(base, "bottleneck", changes={"objective.map_beta": 1e-4}).objective.map_beta == 1e-4


def test_with_gaze_on_another_set_all_learned_conditions_use_its_images() -> None:
    base = override(Recipe(), DEFAULT_FIELDS | {"align.gaze": "osie", "align.root": "there"})
    implicit, explicit = condition_recipe(base, "implicit"), condition_recipe(base, "explicit", weight=2.0)
    assert (implicit.align.gaze, implicit.align.weight) == ("osie", 0.0)
    assert explicit == override(implicit, {"align.weight": 2.0})
    assert condition_recipe(base, "none").align.gaze is None
    center = condition_recipe(base, "center")
    assert (center.impose.gaze, center.impose.root, center.align.gaze) == ("osie", "there", None)
    with pytest.raises(RegardError, match="needs gaze on the task's own images"):
        condition_recipe(base, "human")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": {"find": {"conditions": ["explict"]}}}, "'explict' is not a condition"),
        ({"plan": {"attention_driven": ["seek"]}}, "task 'seek' is not in the study"),
        ({"plan": {"alpha": 2}}, "alpha"),
        ({"seeds": [0, 7]}, "all different"),
        ({"seeds": []}, "at least one"),
        ({"tuning": {"values": [1, 1]}}, "all different"),
        ({"measures": {"robust": ["fog"]}}, "'fog'"),
        ({"tasks": {"find": {"conditions": ["none", "dose-noise"]}}}, "`human`"),
        ({"titel": "x"}, "titel"),
        ({"tasks": {"find": {"layers": {"x": {"backbone": "b", "conditions": [], "set": {}}}}}}, "backbone 'b'"),
    ],
)
def test_an_invalid_file_is_named(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    content = {k: v for k, v in SMALL.items() if k != "plan" or "tasks" not in changes}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content | changes))
    with pytest.raises(RegardError, match=r"mine\.yaml") as error:
        read_study(path)
    assert message in str(error.value)


def test_an_unknown_loss_is_refused_in_the_plan(tmp_path: Path) -> None:
    study = small(tmp_path, tasks={"find": {"set": {"align.loss": "cosin"}}, "name": {}})
    with pytest.raises(RegardError, match=r"tasks\.find, base, none: .*align\.loss 'cosin' is unknown"):
        study.cells_with({})


def test_fields_that_do_not_fit_are_named_with_their_place(tmp_path: Path) -> None:
    study = small(tmp_path, tasks={"find": {"set": {"model.atention": None}}, "name": {}})
    with pytest.raises(RegardError, match=r"tasks\.find\.backbones\.base: .*model\.attention"):
        study.cells_with({})
