"""A recipe whose attention is a glance: what it builds, what it starts from, what it refuses, and a run to its page."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from markupsafe import escape
from tests.training.tiny import metrics, tiny

from regard.evaluation import evaluate
from regard.models import AttentiveClassifier, GlanceClassifier
from regard.report import write_report
from regard.training import Recipe, build_data, build_model, load_run, train, train_with_twin
from regard.training.build import start_from
from regard.types import RegardError

GLANCE = {"attention": "glance", "at": [], "latent": None}
CROP = {"view": "crop", "patch": 4}


def recipe(share: float = 0.25, *, attention_options: dict[str, Any] | None = None, **parts: Any) -> Recipe:
    model = GLANCE | {"attention_options": CROP if attention_options is None else attention_options}
    objective = {"kept_budget": share} | parts.pop("objective", {})
    return tiny(model=model | parts.pop("model", {}), objective=objective, **parts)


@pytest.mark.parametrize(
    ("options", "share", "kept"),
    [
        (CROP, 0.25, 4),
        (CROP | {"view": "masked"}, 0.5, 8),
        (CROP | {"places": "center"}, 0.25, 4),
        (CROP | {"patch": 2, "detail": 2}, 0.1, 9),  # a window of 3x3 of 8x8 patches
    ],
)
def test_the_model_has_the_budget_of_the_recipe(options: dict[str, Any], share: float, kept: int) -> None:
    one = recipe(share, attention_options=options)
    data = build_data(one)
    model = build_model(one, data).eval()
    assert type(model) is GlanceClassifier
    maps = model.explain(data.test.batch([0, 1, 2]).images).values
    assert maps.sum((1, 2, 3)).tolist() == [kept] * 3


def test_the_look_starts_from_a_plain_run(tmp_path: Path) -> None:
    plain = train(tiny("plain", model={"attention": None, "latent": None}), tmp_path / "plain", quiet=True)
    one = recipe()
    model, source = build_model(one, build_data(one)), load_run(plain).model
    start_from(model, plain)
    images = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        whole = model.eval()(images, map_override=torch.ones(1, 1, 4, 4)).logits
        torch.testing.assert_close(whole, source(images).logits, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"model": {"at": ["stage1"]}}, r"model.at is .*stage1.*: add --model.at \[\]"),
        ({"model": {"anchors": 4}}, "model.anchors is 4.*: add --model.anchors null"),
        ({"model": {"latent": 8}}, "model.latent is 8.*: add --model.latent null"),
        ({"model": {"freeze": "all"}}, "model.freeze is all.*: add --model.freeze null"),
        ({"model": {"statistics": "two"}}, "model.statistics is two.*: add --model.statistics null"),
        ({"model": {"exclude_tokens": True}}, "exclude_tokens is True.*: add --model.exclude_tokens false"),
        ({"objective": {"kept_budget": None}}, "needs objective.kept_budget, the share of the pixels"),
        ({"objective": {"kept_beta": 0.1}}, "no objective.kept_beta"),
        ({"task": "segmentation"}, "glance is for task classification only"),
    ],
)
def test_what_a_recipe_of_a_glance_may_not_have(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(RegardError, match=message):
        recipe(**parts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pach": 4}, "no option pach; did you mean patch"),
        ({"budget": 0.5}, "no option budget; give objective.kept_budget"),
        ({"num_classes": 3}, "no option num_classes; it has glance, view"),
        ({"patch": 5}, "patch=5: images of 16x16"),
        ({}, "view='patches': Compact is not a plain vision transformer"),
    ],
)
def test_options_that_the_model_has_not_are_named(options: dict[str, Any], message: str) -> None:
    one = recipe(attention_options=options)
    with pytest.raises(RegardError, match=message):
        build_model(one, build_data(one))


def test_a_run_keeps_its_budget(tmp_path: Path) -> None:
    train(recipe(), tmp_path / "run", quiet=True)
    (line,) = [line for line in metrics(tmp_path / "run") if "val/kept_share" in line]
    assert line["val/kept_share"] == 0.25
    assert line["val/code_bits"] == pytest.approx(3.17, abs=0.01)  # log2 of the 9 places of the window
    assert type(load_run(tmp_path / "run").model) is GlanceClassifier


@pytest.mark.slow
def test_a_run_goes_to_its_page_beside_its_twin(tmp_path: Path) -> None:
    train_with_twin(recipe(twin=True), tmp_path / "run", quiet=True)
    assert type(load_run(tmp_path / "run" / "twin").model) is AttentiveClassifier
    evaluation = json.loads(evaluate(tmp_path / "run").read_text())
    assert evaluation["model"]["cut"]["is_cut"]
    assert evaluation["map"]["choice"]
    assert "4 of 16 patches, 192 of 768 pixel values. It takes up to 3.2 bits" in evaluation["map"]["meaning"]
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "what was bought" in page
    check_other_budgets(tmp_path / "run", evaluation, page)


def check_other_budgets(run: Path, evaluation: dict[str, Any], page: str) -> None:
    """Budgets from one patch to all, each with an accuracy and an answer for every image of the gallery."""
    budgets, items = evaluation["budgets"], evaluation["gallery"]
    patches = [step["patches"] for step in budgets]
    assert patches == sorted(set(patches))
    assert (patches[0], patches[-1]) == (1, 16)
    assert [step["patches"] for step in budgets if step["trained"]] == [4]
    assert [step["pixels"] for step in budgets] == [16 * count for count in patches]
    own = next(k for k, step in enumerate(budgets) if step["trained"])
    score = next(score for score in evaluation["scores"] if score["key"] == "accuracy_mean")
    assert budgets[own]["accuracy"]["value"] == pytest.approx(score["value"], abs=1e-6)
    for item in items:
        assert len(item["answers"]) == len(budgets)
        assert item["answers"][own]["label"] == item["prediction"]
        assert item["answers"][own]["probability"] == pytest.approx(item["probability"], abs=1e-5)
    with np.load(run / "gallery.npz") as arrays:
        bought = arrays["bought"]
        assert np.array_equal(bought[:, own], arrays["maps"] > 0)
    assert bought.sum((2, 3)).tolist() == [patches] * len(items)
    assert page.count('class="layer" data-step=') == len(items) * len(budgets)
    assert page.count('class="answer"') == len(items) * len(budgets)
    assert 'id="budget"' in page
    assert '<h2 id="h-budgets">' in page
    check_record(evaluation, page)


def check_record(evaluation: dict[str, Any], page: str) -> None:
    """The same look at other places, and what each part costs."""
    record = evaluation["glance"]
    places = {each["label"]: each for each in record["places"]}
    assert list(places)[:6] == [
        "where the glance says",
        "random places",
        "the middle",
        "an even grid",
        "Grad-CAM of the glance",
        "the object's box",
    ]
    accuracy = next(score for score in evaluation["scores"] if score["key"] == "accuracy_mean")["value"]
    own = places["where the glance says"]
    assert own["accuracy"]["value"] == pytest.approx(accuracy, abs=1e-6)
    assert own["difference"] is None
    whole = places["the whole image, the same look"]
    assert whole["object_bought"] == pytest.approx(1)
    assert whole["accuracy"]["value"] == pytest.approx(evaluation["budgets"][-1]["accuracy"]["value"], abs=1e-6)
    for label, each in places.items():
        if each is not own:
            minus = own["accuracy"]["value"] - each["accuracy"]["value"]
            assert each["difference"]["value"] == pytest.approx(minus, abs=1e-6)
        assert f'<th scope="row">{escape(label)}</th>' in page
    best = max(places[name]["object_bought"] for name in list(places)[1:5])
    assert places["the object's box"]["object_bought"] >= best
    work = {each["label"]: each for each in record["work"]}
    glance, look, both, whole = work.values()
    assert whole["values"] == 3 * 16 * 16
    assert look["values"] == 3 * 16 * 16 // 4
    assert both["values"] == look["values"] + glance["values"]
    assert both["flops"] == pytest.approx(glance["flops"] + look["flops"], rel=0.01)
    assert 0 < look["flops"] < whole["flops"]
    assert all(each["milliseconds"] > 0 for each in work.values())
    assert "processor, " in record["machine"]
    for each in work.values():
        assert f'<th scope="row">{each["label"]}</th>' in page


def test_the_page_of_a_glance_has_other_budgets(tmp_path: Path) -> None:
    train(recipe(train={"epochs": 1}), tmp_path / "run", quiet=True)
    evaluation = json.loads(evaluate(tmp_path / "run").read_text())
    check_other_budgets(tmp_path / "run", evaluation, write_report(tmp_path / "run").read_text(encoding="utf-8"))


LOOKS = {"view": "masked", "patch": 4, "looks": 2}


def test_several_looks_go_from_recipe_to_page(tmp_path: Path) -> None:
    train(recipe(train={"epochs": 1}, attention_options=LOOKS), tmp_path / "run", quiet=True)
    model = load_run(tmp_path / "run").model
    assert isinstance(model, GlanceClassifier)
    assert (model.attention.looks, model.attention.counts) == (2, (2, 2))
    evaluation = json.loads(evaluate(tmp_path / "run").read_text())
    assert evaluation["model"]["cut"]["is_cut"]
    looks, (own, *_) = evaluation["glance"]["looks"], evaluation["glance"]["places"]
    assert [each["patches"] for each in looks] == [2, 4]
    assert looks[-1]["accuracy"] == own["accuracy"]
    assert looks[0]["object_bought"] <= looks[1]["object_bought"] == own["object_bought"]
    assert "made as small" not in str(evaluation["glance"]["places"]), "masked computes everything whatever is bought"
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert '<h3 id="looks">' in page
    with np.load(tmp_path / "run" / "gallery.npz") as arrays:
        order, maps = arrays["order"], arrays["maps"]
    assert np.array_equal(order > 0, maps > 0)
    assert sorted(order[0][order[0] > 0].tolist()) == [1, 2, 3, 4]
    assert page.count('<div class="order" data-step=') == len(maps)
    row, column = np.argwhere(order[0] == 2)[0]
    assert f'<text x="{4.0 * column + 2}" y="{4.0 * row + 2}" font-size="1.8">2</text>' in page
    assert 'id="ordered"' in page


@pytest.mark.parametrize("wrong", ["shape", "negative"])
def test_an_order_that_does_not_fit_the_maps_is_named(wrong: str, tmp_path: Path) -> None:
    train(recipe(train={"epochs": 1}, attention_options=LOOKS), tmp_path / "run", quiet=True)
    evaluate(tmp_path / "run")
    arrays = dict(np.load(tmp_path / "run" / "gallery.npz"))
    order = arrays["order"][:, 1:] if wrong == "shape" else arrays["order"] - 1
    np.savez(tmp_path / "run" / "gallery.npz", **arrays | {"order": order})
    with pytest.raises(RegardError, match=r"gallery.npz: order is .*regard evaluate"):
        write_report(tmp_path / "run")


@pytest.mark.parametrize("damage", ["bought", "answers"])
def test_budgets_that_do_not_fit_the_gallery_are_named(damage: str, tmp_path: Path) -> None:
    train(recipe(train={"epochs": 1}), tmp_path / "run", quiet=True)
    file = evaluate(tmp_path / "run")
    if damage == "bought":
        arrays = dict(np.load(tmp_path / "run" / "gallery.npz"))
        np.savez(tmp_path / "run" / "gallery.npz", **arrays | {"bought": arrays["bought"][:, 1:]})
    else:
        content = json.loads(file.read_text())
        content["gallery"][0]["answers"] = []
        file.write_text(json.dumps(content))
    with pytest.raises(RegardError, match=r"gallery.npz: bought .*regard evaluate"):
        write_report(tmp_path / "run")


@pytest.mark.parametrize(("places", "there"), [("center", True), ("random", False)])
def test_controls_have_other_budgets_where_they_are_a_function_of_the_image(
    places: str, there: bool, tmp_path: Path
) -> None:
    train(recipe(attention_options=CROP | {"places": places}), tmp_path / "run", quiet=True)
    evaluation = json.loads(evaluate(tmp_path / "run").read_text())
    assert bool(evaluation["budgets"]) == there
    assert ('id="budget"' in write_report(tmp_path / "run").read_text(encoding="utf-8")) == there
