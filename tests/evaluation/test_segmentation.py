"""Evaluation of segmentation: floors without a network, maps compared with gaze, a page with both masks."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.evaluation.contexts import json_rows
from tests.training.tiny import tiny

from regard.data import TensorSplit
from regard.evaluation import evaluate
from regard.evaluation.masks import chosen_threshold, iou_at, score_masks
from regard.evaluation.rows import CENTRE_PRIOR, MEAN_MASK
from regard.gaze import make_fixations
from regard.report import read_evaluation, write_report
from regard.training import plain_twin, train
from regard.training.recipe_model import AlignRecipe

SEGMENTS = {"task": "segmentation", "model": {"latent": None, "fcn": "fcn8s"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "seg"
    recipe = tiny("seg", **SEGMENTS)
    train(recipe, folder, quiet=True)
    train(plain_twin(recipe), folder / "twin", quiet=True)
    evaluate(folder)
    return folder


def test_every_score_has_its_floors_and_the_twin(folder):
    evaluation = json.loads((folder / "evaluation.json").read_text())
    rows = {row["key"]: row for row in evaluation["scores"]}
    assert {"s", "mean_f", "max_f", "adaptive_f", "weighted_f", "mae", "max_e", "mean_e", "adaptive_e"} <= set(rows)
    assert {"mask_iou", "max_f_one_threshold", "gate_bits", "energy_inside"} <= set(rows)
    labels = [r["label"] for r in rows["mae"]["references"]]
    assert labels == ["plain twin", MEAN_MASK, "centre", "all object"]
    assert rows["mae"]["difference"]["label"] == "minus plain twin, paired"
    assert evaluation["model"]["twin_parameters"] < evaluation["model"]["parameters"]
    assert rows["max_f_one_threshold"]["value"] <= rows["max_f"]["value"] + 1e-9
    with np.load(folder / "per_image.npz") as arrays:
        assert arrays["s"].shape == arrays["iou"].shape == arrays["mae/plain twin"].shape == (35,)
        assert arrays["mae"].mean() == pytest.approx(rows["mae"]["value"], abs=1e-6)


def test_the_page_shows_object_and_prediction(folder):
    run = read_evaluation(folder)
    assert run.gallery[0].truth == ""
    page = write_report(folder).read_text()
    assert len(run.gallery) == 12
    marked = [item for item in run.gallery if not item.prediction.startswith("0% of the image marked")]
    assert page.count("predicted outline") == len(marked) > 6
    assert "of the image marked; the object covers" in page
    assert "S-measure" in page
    assert "✗" not in page


def test_a_perfect_prediction_clears_all_floors_and_the_mean_mask_scores_itself():
    masks = torch.zeros(20, 1, 8, 8, dtype=torch.bool)
    for i in range(20):
        masks[i, 0, 1 + i % 3 : 5 + i % 3, 2:6] = True
    rows = json_rows(score_masks(masks.float(), masks, (masks.float(), masks), masks))
    by = {row["key"]: row for row in rows}
    assert by["mae"]["value"] == 0
    assert by["mask_iou"]["value"] == 1
    assert by["mask_iou"]["references"][0]["value"] < 1
    assert by["s"]["value"] > max(r["value"] for r in by["s"]["references"])
    mean = masks.float().mean(0, keepdim=True).expand(20, -1, -1, -1)
    rows = json_rows(score_masks(mean, masks, (mean, masks), masks))
    for row in rows:
        floor = next(r["value"] for r in row["references"] if r["label"] == MEAN_MASK)
        assert row["value"] == pytest.approx(floor, abs=1e-6), row["key"]


def test_overlap_by_hand():
    prediction = torch.tensor([[[[0.9, 0.4, 0.1, 0.0]]], [[[0.0, 0.0, 0.0, 0.0]]]])
    masks = torch.tensor([[[[True, True, False, False]]], [[[False, False, False, False]]]])
    assert iou_at(prediction, masks, 0.5)[0].item() == 0.5
    assert iou_at(prediction, masks, 0.5)[1].isnan()
    assert 0.1 <= chosen_threshold(prediction, masks) < 0.4
    assert iou_at(prediction, masks, chosen_threshold(prediction, masks))[0].item() == 1


def test_maps_are_compared_with_gaze_of_the_set_they_were_aligned_on(tmp_path, monkeypatch):
    from regard.training import data_record

    original = data_record.open_data

    def open_data(name, root=None, **options):
        if name != "osie":
            return original(name, root, **options)
        base = original("clutter", None, size=16, train=12, val=4, test=5, cache=False)

        def gazed(part):
            points = torch.rand(len(part), 6, 2, generator=torch.Generator().manual_seed(len(part))) * 16
            return TensorSplit(part.name, ("scene",), part.images, torch.zeros(len(part)).long(), fixations=points)

        def fixations():
            points = gazed(base.test).fixations.double()
            image, x, y = np.repeat(np.arange(5), 6), points[..., 0].flatten(), points[..., 1].flatten()
            return make_fixations(
                image=[str(i) for i in image],
                subject=np.tile([0, 0, 1, 1, 2, 2], 5),
                x=x.numpy(),
                y=y.numpy(),
                sizes={str(i): (16, 16) for i in range(5)},
            )

        return replace(base, train=gazed(base.train), val=gazed(base.val), test=gazed(base.test), gaze=fixations)

    monkeypatch.setattr(data_record, "open_data", open_data)
    for name, parts in (("seg", SEGMENTS), ("cls", {})):
        folder = train(tiny(name, **parts, align=AlignRecipe(gaze="osie", batch_size=4)), tmp_path / name, quiet=True)
        evaluate(folder)
        rows = {row["key"]: row for row in json.loads((folder / "evaluation.json").read_text())["scores"]}
        assert {"gaze_nss", "gaze_auc", "gaze_cc"} <= set(rows)
        labels = [r["label"] for r in rows["gaze_nss"]["references"]]
        assert labels == [CENTRE_PRIOR, "random, same bandwidth", "another image's map", "viewings of each other"]
        assert "5 test images of osie" in rows["gaze_nss"]["meaning"]
        assert rows["gaze_auc"]["n"] == 5
