"""Override maps: the maps of each arm, that they move with the image, and that training uses no test gaze."""

import json
from dataclasses import replace

import pytest
import torch
from tests.training.gaze_data import SIDE, clutter_with_gaze
from tests.training.tiny import metrics, tiny, weights

from regard.data import Augmentation, clutter
from regard.metrics import boxes_to_masks, dilate
from regard.metrics.controls import bandwidth
from regard.training import build_model, build_override_maps, data_record, plain_twin, train
from regard.training.build import check_choices
from regard.training.recipe_model import ImposeRecipe
from regard.types import Map, RegardError

MODEL = {"attention": "uniform", "latent": None}
MAPS = ("human", "human-shuffled", "random", "center", "uniform")
STILL = {"crop_padding": 0}


@pytest.fixture(scope="module")
def data():
    return clutter_with_gaze()


def override_of(map, data, *, augment=None, **fields):
    recipe = tiny("imposed", model=MODEL, impose=ImposeRecipe(map=map, **fields), augment=augment or STILL)
    return build_override_maps(recipe, data, build_model(recipe, data))


def shares(maps):
    return maps / maps.sum((2, 3), keepdim=True)


def overlap(a, b):
    """Mean histogram intersection of two sets of maps."""
    return torch.minimum(shares(a), shares(b)).sum((1, 2, 3)).mean().item()


def sorted_values(maps):
    """The values of every map."""
    return maps.flatten(1).sort(1).values


def test_there_is_no_override_by_default(data):
    recipe = tiny("plain")
    assert build_override_maps(recipe, data, build_model(recipe, data)) is None


@pytest.mark.parametrize("map", MAPS)
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_maps_of_every_split_are_in_range_and_reproducible(data, map, split):
    override = override_of(map, data)
    maps = override.of(getattr(data, split).batch(range(20)))
    assert maps.shape == (20, 1, *override.grid)
    assert maps.min() >= 0
    assert maps.max() <= 1
    again = override_of(map, data).of(getattr(data, split).batch(range(5, 9)))
    assert torch.equal(maps[5:9], again), "of seed and image alone"


def test_the_human_map_covers_the_fixations_of_its_own_image(data):
    override, batch = override_of("human", data), data.test.batch(range(35))
    maps, others = override.of(batch), override_of("human-shuffled", data).of(batch)
    cell = (batch.fixations[:, :5] * override.grid[1] / SIDE).long()

    def at(maps):
        values = torch.stack([maps[torch.arange(35), 0, cell[:, k, 1], cell[:, k, 0]] for k in range(5)], 1)
        return values.mean(1)

    assert (at(maps) > maps.mean((1, 2, 3))).all()
    assert at(maps).mean() > at(others).mean() + 0.05
    assert (others != maps).flatten(1).any(1).all()


def test_shuffled_maps_are_warped_to_the_object(data):
    """Without the warp to the box, another image's map would miss the object."""
    override = override_of("human-shuffled", data)
    box = dilate(boxes_to_masks(data.test.boxes, (SIDE, SIDE)), 1).float()
    inside = Map(box, "relevance").resize(override.grid).values
    maps = shares(override.of(data.test.batch(range(35))))
    on_object, elsewhere = ((maps * place).sum((1, 2, 3)).mean() for place in (inside, inside.roll(1, 0)))
    assert on_object > 0.85
    assert elsewhere < on_object - 0.15


def test_random_maps_have_the_human_maps_values_in_another_order(data):
    batch = data.test.batch(range(35))
    human, random = (override_of(map, data).of(batch) for map in ("human", "random"))
    assert torch.equal(sorted_values(human), sorted_values(random))
    assert overlap(human, random) < 0.8
    smooth = [bandwidth(Map(m, "gate")).nanmean().item() for m in (human, random)]
    assert smooth[1] == pytest.approx(smooth[0], rel=0.15)
    assert (random[0] != override_of("random", data).of(data.val.batch([0]))[0]).any(), "splits have noise of their own"


def test_the_centre_is_the_mean_of_train(data):
    override = override_of("center", data)
    expected = override_of("human", data).of(data.train.batch(range(64))).mean(0)
    got = override.of(data.test.batch([0, 1]))
    assert torch.allclose(got[0], expected, atol=1e-6)
    assert torch.equal(got[0], got[1])
    assert torch.equal(override_of("uniform", data).of(data.test.batch([3])), torch.ones(1, 1, *override.grid))


@pytest.mark.parametrize("map", ["human", "human-shuffled", "random"])
def test_a_mirrored_image_has_the_mirrored_map(data, map):
    override = override_of(map, data)
    still = data.train.batch(range(64))
    augmented = Augmentation(flip=True)(still, seed=0, epoch=0)
    mirrored = augmented.moved[:, 2] > 0
    assert 0 < mirrored.sum() < 64
    before, after = override.of(still), override.of(augmented)
    assert torch.allclose(after[~mirrored], before[~mirrored], atol=1e-5)
    assert torch.allclose(after[mirrored], before[mirrored].flip(3), atol=1e-5)


def test_noise_is_shifted_with_the_image(data):
    """A crop one cell further right has the noise of one cell further right."""
    override = override_of("random", data, augment={"crop_padding": 4})
    still, cell = data.train.batch(range(30)), SIDE // override.grid[1]
    moved = replace(still, moved=torch.tensor([[0, cell, 0]]).expand(30, -1))
    here, there = override.of(still)[..., 1:], override.of(moved)[..., :-1]
    rank = [m.flatten(1).argsort(1).argsort(1).float().flatten() for m in (here, there)]
    assert torch.corrcoef(torch.stack(rank))[0, 1] > 0.8


@pytest.mark.parametrize("map", MAPS[:4])
def test_no_gaze_on_val_and_test_images_enters_training(data, map):
    poisoned = replace(
        data,
        val=replace(data.val, fixations=torch.full_like(data.val.fixations, 0.5)),
        test=replace(data.test, fixations=torch.full_like(data.test.fixations, 15.0)),
    )
    batch = Augmentation(crop_padding=2, flip=True)(data.train.batch(range(64)), seed=0, epoch=1)
    for fields in ({}, {"random_dose": True}) if map == "human" else ({},):
        one, two = (override_of(map, d, augment={"crop_padding": 2}, **fields) for d in (data, poisoned))
        assert torch.equal(one.in_training(batch, 3), two.in_training(batch, 3))
    changed = override_of(
        map, replace(data, train=replace(data.train, fixations=data.train.fixations / 2)), augment=STILL
    )
    assert not torch.equal(
        changed.of(data.train.batch(range(9))), override_of(map, data).of(data.train.batch(range(9)))
    )


def test_a_run_learns_with_its_map_and_no_test_gaze_changes_it(data, tmp_path, monkeypatch):
    poisoned = replace(data, test=replace(data.test, fixations=torch.full_like(data.test.fixations, 15.0)))
    learned = []
    for name, splits in (("one", data), ("two", poisoned)):
        monkeypatch.setattr(data_record, "open_data", lambda *_, splits=splits, **__: splits)
        recipe = tiny(name, model=MODEL, impose=ImposeRecipe(map="human"), train={"epochs": 2})
        learned.append(train(recipe, tmp_path / name, quiet=True))
    first, second = (weights(folder) for folder in learned)
    assert all(torch.equal(first[key], second[key]) for key in first)
    plain = train(replace(recipe, name="plain", impose=ImposeRecipe()), tmp_path / "plain", quiet=True)
    assert any(not torch.equal(first[key], value) for key, value in weights(plain).items()), "the map does nothing"
    record = json.loads((learned[0] / "environment.json").read_text())["imposed"]
    assert record == {"map": "human", "gaze": "own", "center_where_nobody_looked": {"train": 0, "val": 0, "test": 0}}
    assert metrics(learned[0])[-1]["val/accuracy"] >= 0


def test_images_without_fixations_get_the_centre_and_are_counted():
    data = clutter_with_gaze(without=(2, 5))
    override = override_of("human", data)
    maps = override.of(data.train.batch(range(8)))
    assert torch.equal(maps[2], override.center[0])
    assert torch.equal(maps[5], override.center[0])
    assert not torch.equal(maps[3], override.center[0])
    assert override.record["center_where_nobody_looked"] == {"train": 2, "val": 2, "test": 2}
    rest = torch.tensor([i for i in range(64) if i not in (2, 5)])
    assert torch.allclose(override.center, override.of(data.train.batch(rest)).mean(0, keepdim=True), atol=1e-6)


def test_a_task_without_gaze_uses_values_and_centre_of_the_gaze_set(data, monkeypatch):
    bare = clutter(size=SIDE, train=12, val=6, test=6, seed=4, cache=False)
    for map in ("human", "human-shuffled"):
        with pytest.raises(RegardError, match=r"data set 'clutter' has no gaze on its train images; take another"):
            override_of(map, bare)
    with pytest.raises(RegardError, match=r"name a set that has it in impose\.gaze, such as osie"):
        override_of("random", bare)
    monkeypatch.setattr(data_record, "open_data", lambda name, root, **options: data)
    with pytest.raises(RegardError, match=r"on the task's own images; leave impose\.gaze at own"):
        override_of("human", bare, gaze="osie")
    lent = override_of("center", data).center
    assert torch.equal(override_of("center", bare, gaze="osie").of(bare.test.batch([1])), lent)
    bank = sorted_values(override_of("human", data).of(data.train.batch(range(64))))
    random = sorted_values(override_of("random", bare, gaze="osie").of(bare.test.batch(range(6))))
    assert (torch.cdist(random, bank, compute_mode="donot_use_mm_for_euclid_dist").min(1).values < 1e-6).all()
    monkeypatch.setattr(data_record, "open_data", lambda name, root, **options: bare)
    with pytest.raises(RegardError, match=r"impose\.gaze=osie: this set comes without fixations"):
        override_of("random", bare, gaze="osie")


@pytest.mark.parametrize("kind", ["noise", "shuffled", "displaced", "mask"])
def test_a_dose_keeps_the_values_and_moves_away_from_the_human_map(data, kind):
    override, batch = override_of("human", data), data.test.batch(range(35))
    human = override.of(batch)
    doses = [override.dose(batch, alpha, kind) for alpha in (0.0, 0.3, 0.7, 1.0)]
    assert torch.equal(doses[0], human)
    for maps in doses:
        assert torch.equal(sorted_values(maps), sorted_values(human))
    near = [overlap(maps, human) for maps in doses]
    assert near == sorted(near, reverse=True)
    assert near[-1] < near[0] - 0.1
    if kind == "noise":
        assert torch.equal(doses[-1], override_of("random", data).of(batch))


def test_a_wrong_dose_is_refused_with_its_value(data):
    batch = data.test.batch([0, 1])
    with pytest.raises(RegardError, match="alpha=2"):
        override_of("human", data).dose(batch, 2, "noise")
    with pytest.raises(RegardError, match=r"impose.map human, and this one's is center"):
        override_of("center", data).dose(batch, 0.5, "noise")
    with pytest.raises(RegardError, match="neither masks nor boxes"):
        override_of("human", data).dose(replace(batch, masks=None, boxes=None), 0.5, "mask")
    with pytest.raises(RegardError, match="of split 'other'"):
        override_of("human", data).of(replace(batch, split="other"))


def test_doses_in_training_differ_between_epochs(data):
    override, batch = override_of("human", data, random_dose=True), data.train.batch(range(64))
    human, one, two = override.of(batch), override.in_training(batch, 1), override.in_training(batch, 2)
    assert torch.equal(one, override.in_training(batch, 1))
    assert torch.equal(one[10:20], override.in_training(data.train.batch(range(10, 20)), 1))
    assert not torch.equal(one, two)
    assert torch.equal(sorted_values(one), sorted_values(human))
    similarity = [
        torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1] for a, b in zip(one, human, strict=True)
    ]
    assert min(similarity) < 0.5
    assert max(similarity) > 0.95
    assert torch.equal(override_of("human", data).in_training(batch, 1), human)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"model": {"attention": "noise", "latent": None}}, "set model.attention to uniform"),
        ({"model": {"attention": None, "latent": None}}, "set model.attention to uniform"),
        ({"model": MODEL | {"anchors": 4}}, "leave out align, model.anchors"),
    ],
)
def test_a_recipe_that_contradicts_an_override_map_is_refused(parts: dict, message: str) -> None:
    with pytest.raises(RegardError, match=message):
        check_choices(tiny("wrong", **{"impose": ImposeRecipe(map="human")} | parts))


def test_wrong_fields_of_impose_are_refused() -> None:
    with pytest.raises(RegardError, match=r"impose\.random_dose mixes human maps.*now random, to human"):
        ImposeRecipe(map="random", random_dose=True)
    with pytest.raises(RegardError, match=r"impose\.sigma must be above 0; it is 0"):
        ImposeRecipe(map="human", sigma=0)


def test_the_plain_twin_has_no_map():
    recipe = tiny("run", model=MODEL, impose=ImposeRecipe(map="human"))
    assert plain_twin(recipe).impose == ImposeRecipe()
