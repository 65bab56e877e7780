"""Scores of parts and gaze: of a perfect and a flat map, and in the evaluation of a run."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.data.cub_files import make_cub
from tests.evaluation.contexts import json_rows
from tests.training.tiny import tiny

from regard.data import DataSplits, TensorSplit, cub
from regard.evaluation import (
    ANOTHER,
    BOX_PRIOR,
    CENTRE_BOX,
    MEASURES,
    OBSERVERS,
    UNIFORM_BOX,
    EvaluationContext,
    evaluate,
    observe_maps,
)
from regard.evaluation.box_prior import box_prior, on_boxes
from regard.evaluation.gaze_similarity import gaze_information, train_gaze
from regard.evaluation.localization import boxed_floors, near_parts
from regard.evaluation.rows import CENTRE_PRIOR, RANDOM, read_per_image
from regard.gaze import SIGMA, density
from regard.report import read_evaluation
from regard.training import load_run, train
from regard.types import Map, RegardError

pytestmark = pytest.mark.usefixtures("own_cache")


def scored(data: DataSplits, map: Map) -> tuple[list[dict], dict[str, torch.Tensor]]:
    """Rows, and values per image by name, of maps of the test split."""
    context = EvaluationContext(None, data, seed=0)
    vars(context)["map"] = map
    measured = [MEASURES[name](context) for name in ("parts", "gaze")]
    return json_rows(*measured), measured[0].with_references() | measured[1].with_references()


def test_near_is_a_tenth_of_the_boxs_size() -> None:
    parts = torch.tensor([[[10.0, 6.0, 1.0], [30.0, 30.0, 0.0]]])
    near = near_parts(parts, torch.tensor([[0.0, 0.0, 40.0, 10.0]]), (40, 48))  # sqrt(400) / 10 = 2 pixels
    y, x = near[0, 0].nonzero().unbind(1)
    distance = ((x + 0.5 - 10).square() + (y + 0.5 - 6).square()).sqrt()
    assert distance.max() <= 2
    assert len(x) == 12  # of a disc of 4 pi, the centres at .5 and 1.5
    assert not near_parts(parts * 0, torch.tensor([[0.0, 0.0, 40.0, 10.0]]), (40, 48)).any()


def test_floors_use_only_the_box() -> None:
    map = Map(torch.rand(2, 1, 12, 8), "gate")
    boxes = torch.tensor([[12.0, 16.0, 36.0, 32.0], [0.0, 0.0, 48.0, 64.0]])
    floors = boxed_floors(map, boxes, (64, 48), seed=0)
    inside = floors[UNIFORM_BOX].values
    assert inside.shape == (2, 1, 12, 8)
    assert inside[0, 0].nonzero().amin(0).tolist() == [3, 2]
    assert inside[0].sum() * (64 / 12) * 6 == pytest.approx(24 * 16, rel=1e-3)
    assert (inside[1] == 1).all()
    peak = floors[CENTRE_BOX].values[0, 0]
    assert torch.allclose(peak, peak.flip(1), atol=1e-6)  # the box is centred across, not down
    assert divmod(int(peak.argmax()), 8)[0] == 4
    assert torch.equal(floors[ANOTHER].values, map.values.flip(0))


def boxed(boxes: list[list[float]], fixations: list[list[tuple[float, float]]]) -> TensorSplit:
    count = len(boxes)
    return TensorSplit(
        "train",
        ("bird",),
        torch.zeros(count, 3, 40, 60, dtype=torch.uint8),
        torch.zeros(count, dtype=torch.long),
        boxes=torch.tensor(boxes, dtype=torch.float32),
        parts=torch.zeros(count, 1, 3),
        fixations=torch.tensor(fixations, dtype=torch.float32),
    )


def test_the_prior_of_a_box_is_where_viewers_of_other_images_look_in_theirs() -> None:
    """All look a quarter of the way across and half of the way down; one fixation is far off, one is missing."""
    nan = math.nan
    train = boxed(
        [[0, 0, 40, 20], [20, 10, 30, 30]], [[(10, 10), (10, 10), (59, 35)], [(22.5, 20), (22.5, 20), (nan, nan)]]
    )
    prior = box_prior(train)
    assert prior is not None
    assert prior.sum().item() == pytest.approx(1)
    maps = on_boxes(prior, torch.tensor([[0.0, 0.0, 40.0, 20.0], [20.0, 0.0, 60.0, 40.0]]), (40, 60))
    assert maps.shape == (2, 1, 40, 60)
    for map, (x, y) in zip(maps[:, 0], ((10, 10), (30, 20)), strict=True):
        share = map / map.sum()
        down, across = (torch.arange(side) + 0.5 for side in map.shape)
        assert (share.sum(0) * across).sum().item() == pytest.approx(
            x, abs=0.45
        )  # a fixation counts for the middle of its cell
        assert (share.sum(1) * down).sum().item() == pytest.approx(y, abs=0.45)
    assert maps[1, 0, :, :5].sum() == 0  # more than half a side beyond the box
    far = boxed([[0, 0, 10, 10]], [[(30, 30)]])
    assert box_prior(far) is None
    assert box_prior(replace(train, fixations=None)) is None
    assert box_prior(replace(train, boxes=None)) is None


def test_the_human_map_reaches_the_ceiling_and_a_flat_map_the_floor(birds: DataSplits) -> None:
    gaze = birds.gaze()
    human_map = density(gaze.points(), size=(48, 48), sigma=48 * SIGMA).float()
    rows, arrays = scored(birds, Map(human_map, "gate"))
    assert [row["key"] for row in rows] == [
        "auc_near_parts",
        "energy_near_parts",
        "gaze_auc",
        "gaze_nss",
        "gaze_cc",
    ]
    nss = next(row for row in rows if row["key"] == "gaze_nss")
    for key in ("gaze_nss", "gaze_auc", "gaze_cc"):
        floors = [arrays[f"{key}/{name}"] for name in (UNIFORM_BOX, CENTRE_BOX)]
        assert all((arrays[key] > floor).all() for floor in floors), key
        assert {r["label"]: r["role"] for r in nss["references"]}[OBSERVERS] == "ceiling"
    assert torch.allclose(arrays["gaze_cc"], torch.ones(15).double(), atol=1e-5)
    assert (arrays[f"gaze_nss/{BOX_PRIOR}"] > 2 * arrays[f"gaze_nss/{CENTRE_BOX}"]).all()  # all look at beak and crown
    assert nss["difference"]["label"] == f"minus {BOX_PRIOR}, paired"
    # all viewings are the same here, so that one predicts the other by a density that is narrower than this map
    assert (arrays[f"gaze_nss/{OBSERVERS}"] > 2 * arrays["gaze_nss"]).all()
    assert (arrays[f"gaze_auc/{OBSERVERS}"] > arrays["gaze_auc"] - 1e-6).all()
    assert torch.allclose(arrays[f"gaze_cc/{OBSERVERS}"], torch.ones(15).double(), atol=1e-5)
    assert arrays["energy_near_parts"].mean() > 2 * arrays[f"energy_near_parts/{UNIFORM_BOX}"].mean()
    _, flat = scored(birds, Map(torch.ones(15, 1, 6, 6), "gate"))
    assert torch.equal(flat["gaze_auc"], torch.full((15,), 0.5).double())
    assert flat["gaze_nss"].isnan().all() or (flat["gaze_nss"] == 0).all()
    area = flat["energy_near_parts/area share (a uniform map)"]
    assert torch.allclose(flat["energy_near_parts"], area, atol=1e-3)


def test_the_grids_axes_are_not_swapped(birds: DataSplits) -> None:
    beak = birds.test.parts[:, 1]
    map = torch.zeros(15, 1, 12, 12)
    map[torch.arange(15), 0, (beak[:, 1] / 4).long(), (beak[:, 0] / 4).long()] = 1
    _, correct = scored(birds, Map(map, "gate"))
    _, swapped = scored(birds, Map(map.transpose(2, 3), "gate"))
    assert correct["energy_near_parts"].mean() > swapped["energy_near_parts"].mean() + 0.3
    assert correct["gaze_nss"].mean() > swapped["gaze_nss"].mean() + 1


def test_without_gaze_or_parts_there_are_no_rows(birds: DataSplits, tmp_path: Path) -> None:
    data = cub(make_cub(tmp_path / "CUB_200_2011", flat=False), size=48)
    rows, _ = scored(data, Map(torch.rand(15, 1, 6, 6), "gate"))
    assert [row["key"] for row in rows] == ["auc_near_parts", "energy_near_parts"]


def test_evaluation_of_a_run_on_birds_has_parts_and_gaze(birds: DataSplits, tmp_path: Path) -> None:
    root = make_cub(tmp_path / "cub50")
    model = {"backbone_options": {"widths": [4, 4, 8, 8]}, "freeze": "stem"}
    data = {"name": "cub", "root": str(root), "options": {"size": 32, "crop": True}, "workers": 0}
    recipe = tiny("birds", data=data, model=model, train={"batch_size": 4, "cache_stem": True, "views": 2})
    folder = train(recipe, tmp_path / "birds", quiet=True)
    evaluate(folder)
    rows = {row["key"]: row for row in json.loads((folder / "evaluation.json").read_text())["scores"]}
    assert {"energy_inside", "energy_near_parts", "gaze_nss", "gaze_auc", "gaze_cc", "gaze_ig"} <= rows.keys()
    roles = {r["label"]: r["role"] for r in rows["gaze_ig"]["references"]}
    assert roles == {RANDOM: "floor", CENTRE_PRIOR: "floor", OBSERVERS: "ceiling"}
    assert rows["gaze_ig"]["unit"] == "bits"
    assert "12 training images" in rows["gaze_ig"]["meaning"]
    _, network, loaded = load_run(folder)
    people, seen = loaded.gaze(), train_gaze(loaded.train, sigma=SIGMA)
    own, learned = (observe_maps(network, split) for split in (loaded.test, loaded.train))
    bits = gaze_information(own, people, learned, loaded.train, seen.with_gaze, seen, sigma=SIGMA, seed=0)
    assert rows["gaze_ig"]["value"] == pytest.approx(float(bits["ig"].mean()), abs=1e-4)
    ceiling = next(r["value"] for r in rows["gaze_ig"]["references"] if r["label"] == OBSERVERS)
    assert ceiling == pytest.approx(float(bits["ig_observers"].mean()), rel=1e-4)
    assert "gaze" in read_evaluation(folder).groups()
    arrays = read_per_image(folder)
    for key in ("accuracy_mean", "nll", "energy_inside", "energy_near_parts", "gaze_auc", f"gaze_auc/{OBSERVERS}"):
        assert arrays[key].shape == (15,)
        if key in rows:
            assert np.nanmean(arrays[key]) == pytest.approx(rows[key]["value"], rel=1e-4)
    (folder / "per_image.npz").write_bytes(b"PK")
    with pytest.raises(RegardError, match=r"per_image\.npz: cannot be read .*regard evaluate"):
        read_per_image(folder)
