"""A glance buys patches, and nothing else of the image can change what the look answers."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regard.attention import GlanceAttention
from regard.backbones import BackboneGlance, GlanceNet
from regard.explain import explain
from regard.models import (
    CONTROL_PLACES,
    AttentiveClassifier,
    GlanceClassifier,
    control_maps,
    glance_cam,
    open_saved,
    shrunk_look,
    to_onnx,
)
from regard.objectives import Weights, information_loss
from regard.types import RegardError

SIZE = (48, 64)
VIT = {"patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2}
LOOKS: dict[str, dict[str, Any]] = {
    "patches": {"look": "vit_tiny_patch16_224", "view": "patches", "backbone_options": VIT},
    "patches, averaged": {
        "look": "vit_tiny_patch16_224",
        "view": "patches",
        "backbone_options": VIT | {"class_token": False, "global_pool": "avg"},
    },
    "patches, coarse map": {
        "look": "vit_tiny_patch16_224",
        "view": "patches",
        "patch": 16,
        "backbone_options": VIT | {"reg_tokens": 2, "no_embed_class": True},
    },
    "crop": {"look": "compact", "view": "crop"},
    "masked": {"look": "compact", "view": "masked"},
    "patches, three looks": {"look": "vit_tiny_patch16_224", "view": "patches", "looks": 3, "backbone_options": VIT},
    "masked, two looks": {"look": "compact", "view": "masked", "looks": 2},
    "glance by name": {"look": "compact", "view": "crop", "glance": "resnet10t", "detail": 8},
}


def build(name: str, **changed: Any) -> GlanceClassifier:
    torch.manual_seed(0)
    options = {"budget": 0.25, "input_size": SIZE, "patch": 8} | LOOKS[name] | changed
    model = GlanceClassifier(options.pop("look"), 5, **options)
    with torch.no_grad():  # maps that depend on the image
        model.attention.glance is None or model.attention.glance.logit.weight.mul_(50)  # type: ignore[union-attr,operator]
        model.attention.again is None or model.attention.again.change.weight.mul_(500)  # type: ignore[union-attr,operator]
    return model.eval()


def pixels(map_: Tensor) -> Tensor:
    return map_.repeat_interleave(SIZE[0] // map_.shape[2], 2).repeat_interleave(SIZE[1] // map_.shape[3], 3) > 0


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("other", ["another image", "zeros", "not a number", "infinity"])
def test_pixels_that_were_not_bought_change_no_bit(name: str, other: str) -> None:
    model = build(name)
    images = torch.rand(4, 3, *SIZE)
    fill = {
        "another image": images.roll(1, 0),
        "zeros": torch.zeros_like(images),
        "not a number": torch.full_like(images, torch.nan),
        "infinity": torch.full_like(images, torch.inf),
    }[other]
    with torch.no_grad():
        output = model(images)
        map_ = output.attention[0].map[0]
        changed = model(torch.where(pixels(map_), images, fill), map_override=map_)
        frozen = model(images, map_override=map_)
    assert torch.equal(changed.logits, frozen.logits)
    torch.testing.assert_close(frozen.logits, output.logits, atol=1e-5, rtol=0)
    assert model.cut.is_cut
    inside = images.clone()
    inside[pixels(map_).expand_as(images)] = 0.0
    with torch.no_grad():
        assert not torch.allclose(model(inside, map_override=map_).logits, frozen.logits, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "kept"),
    [("patches", 12), ("crop", 12), ("masked", 12), ("patches, coarse map", 3), ("patches, three looks", 12)],
)
def test_every_map_keeps_the_budget(name: str, kept: int) -> None:
    model = build(name)
    images = torch.rand(6, 3, *SIZE)
    for samples in (0, 1, 3):
        with torch.no_grad():
            output = model(images, samples=samples).attention[0]
        assert output.map.unique().tolist() == [0, 1]
        assert (output.map.sum((2, 3, 4)) == kept).all()
        assert output.kept is not None
        assert torch.allclose(output.kept, torch.full((6,), 0.25))


@pytest.mark.parametrize("name", [name for name in LOOKS if name.startswith("patches")])
def test_leaving_patches_out_is_masking_them(name: str) -> None:
    model = build(name)
    images, (h, w) = torch.rand(5, 3, *SIZE), model.attention.grid
    maps = (torch.rand(5, 1, h, w) > torch.linspace(0.2, 0.9, 5)[:, None, None, None]).float()
    maps[4] = 0  # one patch of zeros stands for nothing
    with torch.no_grad():
        for map_ in (model(images).attention[0].map[0], maps, torch.ones_like(maps)):
            left_out = model(images, map_override=map_).logits
            masked = model(images, map_override=map_, drop=False).logits
            torch.testing.assert_close(left_out, masked, atol=1e-5, rtol=0)
        whole = model.trunk.network(images)  # type: ignore[operator]
        torch.testing.assert_close(
            model(images, map_override=torch.ones(1, 1, h, w)).logits[0], whole, atol=1e-5, rtol=0
        )


def test_only_bought_patches_go_through_the_blocks() -> None:
    model, lengths = build("patches"), []
    model.get_submodule("trunk.network.blocks.1").register_forward_hook(lambda *a: lengths.append(a[2].shape[1]))
    with torch.no_grad():
        model(torch.rand(2, 3, *SIZE))
    assert lengths == [1 + 12]


def test_the_crop_is_the_smallest_window_that_holds_what_was_bought() -> None:
    model, seen = build("crop"), []
    model.trunk.network.register_forward_pre_hook(lambda _, args: seen.append(args[0]))  # type: ignore[union-attr]
    images, map_ = torch.rand(1, 3, *SIZE), torch.zeros(1, 1, 6, 8)
    map_[0, 0, 1, 2] = map_[0, 0, 3, 5] = 1
    with torch.no_grad():
        model(images, map_override=map_)
    (crop,) = seen
    assert crop.shape == (1, 3, 24, 32)
    assert torch.equal(crop[0, :, :8, :8], images[0, :, 8:16, 16:24])
    assert torch.equal(crop[0, :, 16:, 24:], images[0, :, 24:32, 40:48])
    assert (crop[0, :, 8:16] == 0).all()  # inside of the window, but not bought


def best_window(logits: Tensor, rows: int, columns: int) -> tuple[int, int]:
    places = itertools.product(range(logits.shape[0] - rows + 1), range(logits.shape[1] - columns + 1))
    return max(places, key=lambda p: float(logits[p[0] : p[0] + rows, p[1] : p[1] + columns].sum()))


def test_the_window_and_the_patches_are_the_best_ones() -> None:
    images = torch.rand(3, 3, *SIZE)
    for name in ("crop", "patches"):
        model = build(name)
        with torch.no_grad():
            logits = model.attention._logits(images)[0][:, 0]
            maps = model(images).attention[0].map[0, :, 0]
        for values, map_ in zip(logits, maps, strict=True):
            expected = torch.zeros(6, 8)
            if name == "crop":
                r, c = best_window(values, 3, 4)
                expected[r : r + 3, c : c + 4] = 1
            else:
                expected.view(-1)[values.flatten().topk(12).indices] = 1
            assert torch.equal(map_, expected)


@pytest.mark.parametrize("name", ["crop", "masked", "patches", "patches, coarse map", "patches, three looks"])
def test_choices_at_its_own_budget_are_its_own_and_at_others_buy_what_they_allow(name: str) -> None:
    model, images = build(name), torch.rand(3, 3, *SIZE)
    h, w = model.attention.grid
    shares = (1 / (h * w), 0.25, 0.5, 1.0)
    with torch.no_grad():
        maps, own = model.choices(images, shares), model(images).attention[0].map[0]
    assert torch.equal(maps[1], own)
    for share, map_ in zip(shares, maps, strict=True):
        assert map_.sum((1, 2, 3)).tolist() == [model.attention.count_of(share)] * 3
    assert (maps[0].sum(), maps[3].mean()) == (3, 1)
    if name not in ("crop", "patches, three looks"):
        assert (maps[2] >= maps[1]).all(), "a larger budget holds a smaller one"


def test_larger_windows_are_the_best_of_their_size() -> None:
    model, images = build("crop"), torch.rand(2, 3, *SIZE)
    with torch.no_grad():
        logits = model.attention._logits(images)[0][:, 0]
    rows, columns = 4, 6  # half of 6 x 8 patches, with the image's shape
    for values, map_ in zip(logits, model.choices(images, (0.5,))[0, :, 0], strict=True):
        expected = torch.zeros(6, 8)
        r, c = best_window(values, rows, columns)
        expected[r : r + rows, c : c + columns] = 1
        assert torch.equal(map_, expected)


@pytest.mark.parametrize(("name", "choices"), [("crop", 4 * 5), ("patches", math.comb(48, 12))])
def test_the_code_is_the_logarithm_of_the_number_of_choices(name: str, choices: int) -> None:
    model = build(name)
    with torch.no_grad():
        code = model(torch.rand(2, 3, *SIZE)).attention[0].code
    assert code is not None
    torch.testing.assert_close(code, torch.full((2,), float(choices)).log())


def bright_corner(number: int) -> tuple[Tensor, Tensor]:
    """Noise of little contrast; in one of 16 cells a colour that is the class."""
    labels, places = torch.randint(3, (number,)), torch.randint(16, (number,))
    images = 0.45 + 0.1 * torch.rand(number, 3, 32, 32)
    for i in range(number):
        r, c = divmod(int(places[i]), 4)
        images[i, :, 8 * r : 8 * r + 8, 8 * c : 8 * c + 8] = 0.1
        images[i, labels[i], 8 * r : 8 * r + 8, 8 * c : 8 * c + 8] = 1.0
    return images, labels


@pytest.mark.parametrize("view", ["crop", "masked", "patches"])
def test_it_learns_where_to_look(view: str) -> None:
    torch.manual_seed(0)
    options: dict[str, Any] = {"backbone_options": {"widths": (8, 8, 16, 16)}}
    if view == "patches":
        options = {"backbone_options": VIT | {"depth": 1}}
    look = "vit_tiny_patch16_224" if view == "patches" else "compact"
    build_one: Callable[..., GlanceClassifier] = lambda **more: GlanceClassifier(  # noqa: E731
        look, 3, view=view, budget=1 / 16, patch=8, input_size=(32, 32), normalize=((0.5,), (0.2,)), **options, **more
    )
    hits = {}
    for places in ("learned", "random"):
        model = build_one(places=places)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(60):
            images, labels = bright_corner(48)
            loss = information_loss(model.train()(images), labels, Weights()).total
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        images, labels = bright_corner(200)
        hits[places] = float((model.predict(images).argmax(1) == labels).float().mean())
    assert hits["learned"] > 0.95
    assert hits["random"] < 0.6


def test_it_is_saved_and_read(tmp_path: Path) -> None:
    images = torch.rand(2, 3, *SIZE)
    for name in ("patches", "crop", "glance by name", "patches, three looks"):
        model = build(name, classes=list("abcde"))
        model.save_pretrained(tmp_path / name)
        for kind in (GlanceClassifier, AttentiveClassifier):
            again = kind.from_pretrained(tmp_path / name)
            assert isinstance(again, GlanceClassifier)
            assert again.classes == tuple("abcde")
            assert torch.equal(again.predict(images), model.predict(images))
            assert torch.equal(again.explain(images).values, model.explain(images).values)


@pytest.mark.parametrize("name", ["patches", "crop", "masked", "patches, three looks", "masked, two looks"])
def test_its_graph_gives_the_same(name: str, tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    model, images = build(name), torch.rand(3, 3, *SIZE)
    to_onnx(model, tmp_path / "model.onnx")
    session = ort.InferenceSession(str(tmp_path / "model.onnx"))
    logits, map_ = session.run(None, {"images": images.numpy()})
    with torch.no_grad():
        output = model(images)
    assert torch.equal(torch.from_numpy(map_), output.attention[0].map[0])
    torch.testing.assert_close(torch.from_numpy(logits), output.logits[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 0.0}, "budget=0.0: the share"),
        ({"budget": 1.5}, "budget=1.5: the share"),
        ({"patch": 7}, "patch=7: images of 48x64"),
        ({"view": "patches"}, "take view='crop' or 'masked'"),
        ({"view": "wide"}, "view='wide': one of patches, crop, masked"),
        ({"detail": 3}, "detail=3: a power of two"),
        ({"places": "left"}, "places='left': one of learned"),
        ({"straight": True}, "learns by the score function"),
        ({"glance": "vit_tiny_patch16_224", "detail": 16}, "have no positions"),
    ],
)
def test_what_it_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RegardError, match=message):
        build("crop", **options)


def test_what_a_transformer_cannot_do_is_refused() -> None:
    with pytest.raises(RegardError, match=r"6x8 patches are not whole numbers of the 3x4 patches.*a multiple of 16"):
        build("patches", backbone_options={**VIT, "patch_size": 16})
    with pytest.raises(RegardError, match="which view='patches' does not compute"):
        build("patches", straight=True)
    with pytest.raises(RegardError, match="CompactVit does not cut its patches out by one convolution"):
        build("patches", look="compact_vit", backbone_options=None)
    with pytest.raises(RegardError, match="takes images of one size"):
        build("patches", view="crop")


@pytest.mark.parametrize("name", ["patches", "crop", "masked"])
def test_without_a_recorder_the_trunk_predicts_the_same(name: str) -> None:
    model, images = build(name), torch.rand(2, 3, *SIZE)
    with torch.no_grad():
        assert torch.equal(model.trunk(images), model(images).logits[0])


@pytest.mark.parametrize("name", ["patches", "crop", "masked"])
def test_methods_that_need_places_in_the_image_are_refused_where_there_are_none(name: str) -> None:
    model, images = build(name), torch.rand(2, 3, *SIZE)
    for method in ("attention", "occlusion", "input_gradient"):
        values = explain(model, images, method=method).values
        assert values.shape[-2:] in (SIZE, (6, 8))
        assert bool(values.any())
    for method in ("grad_cam", "iba"):
        if name == "masked":
            assert explain(model, images, method="grad_cam").values.shape[:2] == (2, 1)
            continue
        with pytest.raises(RegardError, match="computes only what was bought"):
            explain(model, images, method=method)


@pytest.mark.parametrize("places", ["random", "center", "grid"])
def test_controls_buy_as_much_without_a_glance(places: str) -> None:
    model = build("patches", places=places)
    images = torch.rand(40, 3, *SIZE)
    maps = model.explain(images).values
    assert (maps.sum((1, 2, 3)) == 12).all()
    assert not [name for name, _ in model.named_parameters() if "glance" in name]
    if places == "random":
        assert (maps.mean(0) > 0).all()
        assert torch.equal(maps[5:], model.explain(images[5:]).values)  # drawn by the image, whatever the batch
    elif places == "center":
        assert torch.equal(maps[:, :, 2:4, 2:6].sum((1, 2, 3)), torch.full((40,), 8.0))
    else:
        assert torch.equal(maps[0, 0, 1::2, 1::2], torch.ones(3, 4))


def test_a_saved_glance_is_opened_without_its_name(tmp_path: Path) -> None:
    model = GlanceClassifier(
        "vit_tiny_patch16_224", 2, input_size=(32, 32), backbone_options={"patch_size": 8, "depth": 1}
    ).eval()
    model.save_pretrained(tmp_path)
    again = open_saved(tmp_path)
    assert type(again) is GlanceClassifier
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(again.predict(images), model.predict(images))


def same_squares(images: Tensor) -> Tensor:
    """The same images with the pixels of every square of 2 turned round: another detail of the same averages."""
    N, C, H, W = images.shape
    return images.view(N, C, H // 2, 2, W // 2, 2).flip(3, 5).reshape(N, C, H, W)


@pytest.mark.parametrize("name", ["patches, three looks", "masked, two looks"])
def test_looks_share_one_budget_and_buy_in_order(name: str) -> None:
    model, images = build(name), torch.rand(5, 3, *SIZE)
    counts = {"patches, three looks": (4, 4, 4), "masked, two looks": (6, 6)}[name]
    assert model.attention.counts == counts
    order, logits = model.purchases(images), model.attention._logits(images)[0].flatten(1)
    assert order.dtype == torch.int64
    for own, scores in zip(order.flatten(1), logits, strict=True):
        assert own[own > 0].sort().values.tolist() == list(range(1, 13))
        first = [int(own.eq(k).nonzero()) for k in range(1, counts[0] + 1)]
        assert first == scores.topk(counts[0]).indices.tolist(), "the first look goes by the glance alone"
    with torch.no_grad():
        map_ = model(images).attention[0].map[0]
    assert torch.equal(map_, (order > 0).float())
    alone = build(name, looks=1, straight=False)
    alone.load_state_dict(model.state_dict(), strict=False)
    assert not torch.equal(alone.explain(images).values, map_), "what was seen changes where the rest is bought"


@pytest.mark.parametrize("name", ["patches, three looks", "masked, two looks"])
def test_a_later_look_depends_on_bought_detail_and_on_no_other(name: str) -> None:
    model, images = build(name), torch.rand(6, 3, *SIZE)
    detail, order = same_squares(images), model.purchases(images)
    assert torch.equal(model.purchases(detail)[order == 1], order[order == 1]), "the glance sees averages alone"
    unseen = torch.where(pixels((order > 0).float()), images, detail)
    assert torch.equal(model.purchases(unseen), order)
    with torch.no_grad():
        assert torch.equal(model(unseen).logits, model(images).logits), "no map held: what nobody saw changes no bit"
    last = int(order.max())
    seen_last = torch.where(pixels((order > last - model.attention.counts[-1]).float()), detail, images)
    assert torch.equal(model.purchases(seen_last), order), "what the last look shows comes too late"
    seen_first = torch.where(pixels(((order > 0) & (order <= model.attention.counts[0])).float()), detail, images)
    assert not torch.equal(model.purchases(seen_first), order)


def test_the_probability_of_several_looks_is_that_of_their_draws() -> None:
    """Two looks at three patches of a row of four: drawn so often as log_prob says, by exhaustive counting."""
    glance = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(3, 1, 1))

    class Again(nn.Module):
        def forward(self, seen: Tensor, opened: Tensor, logits: Tensor) -> Tensor:
            return opened.flip(3) * 2.0  # the mirrored place becomes likelier

    class Glance(nn.Module):
        def forward(self, low: Tensor) -> tuple[Tensor, None]:
            return glance(low), None

    attention = GlanceAttention(Glance(), (1, 4), (2, 8), 0.75, straight=False, again=Again(), looks=2)
    image = torch.rand(1, 3, 4, 16)
    output = attention(image, samples=20_000)
    assert output.log_prob is not None
    assert attention.counts == (2, 1)
    logits = glance(F.interpolate(image, (2, 8), mode="area"))[0, 0, 0].tolist()
    expected, sequences = dict[int, float](), list[float]()
    for first in itertools.permutations(range(4), 2):
        likely, left = 1.0, list(range(4))
        for place in first:
            likely *= math.exp(logits[place]) / sum(math.exp(logits[k]) for k in left)
            left.remove(place)
        later = {k: logits[k] + 2.0 * (3 - k in first) for k in left}
        for k in left:
            share = math.exp(later[k]) / sum(map(math.exp, later.values()))
            missing = next(iter(set(range(4)) - {*first, k}))
            expected[missing] = expected.get(missing, 0.0) + likely * share
            sequences.append(likely * share)
    missing = output.map[:, 0, 0, 0].argmin(1)
    for place, probability in expected.items():
        assert float((missing == place).float().mean()) == pytest.approx(probability, abs=0.015)
    assert sum(sequences) == pytest.approx(1)
    drawn = output.log_prob.detach()[:, 0].exp()
    distance, nearest = (drawn[:, None] - torch.tensor(sequences)).abs().min(1)
    assert float(distance.max()) < 1e-5
    assert len(nearest.unique()) > 12


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "crop",
            {"looks": 2},
            r"looks=2: a window \(view='crop'\) is bought at once.*'patches' or 'masked', or looks=1",
        ),
        ("patches", {"looks": 0}, "looks=0: at least 1"),
        ("masked", {"looks": 2, "straight": True}, "looks=2: several looks learn by the score function"),
        ("patches", {"looks": 5, "budget": 0.05}, "looks=5: the budget buys 2 of the image's patches, fewer than one"),
    ],
)
def test_looks_that_cannot_be_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RegardError, match=message):
        build(name, **options)


class Brightest(nn.Module):
    """A glance that knows where the clue is: brighter patches are bought first."""

    def forward(self, low: Tensor) -> tuple[Tensor, None]:
        return 40 * F.avg_pool2d(low, 4).mean(1, keepdim=True), None


def signposts(number: int) -> tuple[Tensor, Tensor]:
    """A bright patch with stripes, red or blue, that say at which of two places stripes, lying or standing, are the
    class; at the other one is a chequered patch. In the averages of 2 x 2 pixels that the glance sees, all of it but
    the brightness is grey.
    """
    hue, labels = torch.randint(2, (number,)), torch.randint(2, (number,))
    line = torch.tensor([1.0, -1.0]).repeat(4)
    lying = line[:, None].expand(8, 8)
    patterns = torch.stack([lying, lying.T])
    images = torch.full((number, 3, 16, 16), 0.5)
    images[:, :, :8, :8] += 0.15 + 0.3 * torch.eye(3)[hue * 2][:, :, None, None] * lying
    for place, (row, column) in enumerate(((0, 8), (8, 0))):
        here = torch.where((hue == place)[:, None, None], patterns[labels], lying * lying.T)
        images[:, :, row : row + 8, column : column + 8] += 0.4 * here[:, None]
    return images, labels


def test_a_second_look_learns_from_what_the_first_one_saw() -> None:
    hits = {}
    for looks in (1, 2):
        torch.manual_seed(0)
        options: dict[str, Any] = {"input_size": (16, 16), "normalize": ((0.5,), (0.25,))}
        options["backbone_options"] = VIT | {"depth": 1}
        model = GlanceClassifier("vit_tiny_patch16_224", 2, budget=0.5, looks=looks, **options)
        model.attention.glance = Brightest()
        optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
        for _ in range(45):
            images, labels = signposts(48)
            loss = information_loss(model.train()(images), labels, Weights()).total
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        images, labels = signposts(200)
        hits[looks] = float((model.predict(images).argmax(1) == labels).float().mean())
    assert hits[2] > 0.95
    assert hits[1] < 0.8, "one look sees the class of half of the images, at best"


@pytest.mark.parametrize("name", ["patches", "crop", "masked", "glance by name", "patches, three looks"])
def test_controls_at_its_budget(name: str) -> None:
    model, images = build(name), torch.rand(4, 3, *SIZE)
    masks = torch.zeros(4, 1, *SIZE, dtype=torch.bool)
    masks[:2, :, 2:6, 57:62] = True  # the upper right corner
    masks[2:, :, 20:28, 28:36] = True  # about the middle
    maps = control_maps(model, images, masks)
    assert list(maps) == list(CONTROL_PLACES)
    for map_ in maps.values():
        assert map_.unique().tolist() == [0, 1]
        assert map_.sum((1, 2, 3)).tolist() == [12] * 4
    assert torch.equal(maps["random"][2:], control_maps(model, images[2:])["random"]), "whatever the batch"
    assert not torch.equal(maps["random"][0], maps["random"][1])
    assert "box" not in control_maps(model, images)
    for place in ("center", "grid"):
        assert torch.equal(maps[place], maps[place][:1].expand(4, -1, -1, -1))
    assert bool((maps["box"][:2, 0, 0, 7] == 1).all())
    assert bool((maps["box"][2:, 0, 2:4, 3:5] == 1).all())
    if name == "crop":
        assert maps["box"][2, 0].argwhere().float().mean(0).tolist() == [
            2.0,
            3.5,
        ]  # rows 1 to 3 or 2 to 4, columns 2 to 5


@pytest.mark.parametrize("name", ["patches", "glance by name"])
def test_grad_cam_of_the_glance_is_that_of_its_own_class(name: str) -> None:
    """The sum over channels of features times mean slopes, by differences of its class scores."""
    model, images = build(name), torch.rand(2, 3, *SIZE)
    cam, net = glance_cam(model, images), model.attention.glance
    assert isinstance(net, GlanceNet | BackboneGlance)
    with torch.no_grad():
        features = net.features(model.low(images))
        scores = net.classify(features)
    cams = []
    for b in range(2):
        weights = torch.zeros(features.shape[1])
        for channel in range(features.shape[1]):
            moved = features[b : b + 1].double().clone()
            moved[:, channel] += 1e-2
            net.double()
            with torch.no_grad():
                slope = (net.classify(moved) - net.classify(features[b : b + 1].double()))[0, scores[b].argmax()] / 1e-2
            net.float()
            weights[channel] = float(slope) / features[0, 0].numel()
        cams.append((weights[:, None, None] * features[b]).sum(0).relu())
    expected = F.interpolate(torch.stack(cams)[:, None], size=model.attention.grid, mode="bilinear")
    torch.testing.assert_close(cam, expected, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "size"), [("crop", (24, 32)), ("patches", (24, 32)), ("patches, coarse map", (32, 32)), ("masked", None)]
)
def test_the_whole_image_made_small_costs_the_look_as_much(name: str, size: tuple[int, int] | None) -> None:
    model, images = build(name), torch.rand(2, 3, *SIZE)
    shrunk, seen = shrunk_look(model), list[tuple[int, ...]]()
    if size is None:
        assert shrunk is None
        return
    assert shrunk is not None
    whole = model.predict(images)
    answers = shrunk(images)
    assert answers.shape == whole.shape
    torch.testing.assert_close(answers.sum(1), torch.ones(2))
    assert torch.equal(model.predict(images), whole), "the model is as before"
    if name == "crop":
        network = model.trunk.network
        network.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape[2:])))  # type: ignore[union-attr]
        shrunk(images)
        assert seen == [size]
        small = F.avg_pool2d(model.normalized(images), 2)
        with torch.no_grad():
            torch.testing.assert_close(answers, network(small).softmax(1))  # type: ignore[operator]
