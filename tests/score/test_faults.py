"""`regard score` on files as they come: what can be read is scored rightly, the rest is named with what mends it."""

import json
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image
from tests.score.gaze_set import NAMES, H, W, write_gaze_set

from regard.cli import main
from regard.gaze import SIGMA, density, make_fixations
from regard.metrics.fixation import cc
from regard.score import ScoreOptions, open_maps, score_maps
from regard.types import RegardError


@pytest.fixture
def root(tmp_path):
    """The folder of the set."""
    write_gaze_set(tmp_path)
    return tmp_path


@pytest.fixture
def score(root, capsys):
    """Runs the command: exit code, results of the maps, what it said."""

    def run(*more, maps="good", gaze="gaze.csv"):
        files = ["--fixations", str(root / gaze), "--images", str(root / "images"), "--out", str(root / "out")]
        code = main(["score", "--maps", str(root / maps), *files, "--json", *map(str, more)])
        out, err = capsys.readouterr()
        return code, json.loads(out)[maps] if out else None, err

    return run


def rewrite(root, change, head="image,subject,x,y"):
    """The table of gaze with each row (image, subject, x, y) changed."""
    rows = [line.split(",") for line in (root / "gaze.csv").read_text().splitlines()[1:]]
    lines = [",".join(map(str, change(image, who, float(x), float(y)))) for image, who, x, y in rows]
    (root / "gaze.csv").write_text("\n".join([head, *lines]) + "\n")


def same(a, b):
    """Whether two results have the same scores of the maps."""
    return all(
        a["scores"]["maps"][m]["mean"] == pytest.approx(s["mean"], abs=1e-9) for m, s in b["scores"]["maps"].items()
    )


@pytest.mark.parametrize(
    ("change", "head", "said", "options"),
    [
        (lambda i, s, x, y: (i, s, x / W, y / H), "image,subject,x,y", "--units fraction", ["--units", "fraction"]),
        (lambda i, s, x, y: (i, s, y, x), "image,subject,x,y", "--columns x=y,y=x", ["--columns", "x=y,y=x"]),
        (
            lambda i, s, x, y: (i, s, 40 * x, 40 * y),
            "image,subject,x,y",
            "--gaze-size WIDTHx",
            ["--gaze-size", f"{40 * W}x{40 * H}"],
        ),
        (
            lambda i, s, x, y: (i, s, x, y),
            "image,who,FixX,FixY",
            "--columns x=NAME",
            ["--columns", "x=FixX", "--columns", "y=FixY,subject=who"],
        ),
        (
            lambda i, s, x, y: (i, s, x, y, 0.2),
            "image,subject,x,y,duration",
            "--duration-unit s",
            ["--duration-unit", "s"],
        ),
    ],
    ids=["fractions", "axes", "screen", "columns", "seconds"],
)
def test_the_named_option_mends_the_cause(root, score, change, head, said, options):
    code, expected, _ = score()
    assert code == 0
    rewrite(root, change, head)
    code, _, err = score()
    assert code == 2
    assert said.replace("NAME", "NAME") in err
    code, mended, err = score(*options)
    assert (code, err) == (0, "")
    assert same(mended, expected)


def test_points_outside_are_left_out_on_request_and_counted(root, score):
    _, expected, _ = score()
    with (root / "gaze.csv").open("a") as file:
        file.write(f"0.png,a,{W},3\n1.png,b,-2,3\n")
    code, _, err = score()
    assert code == 2
    assert "--points-outside drop" in err
    code, found, _ = score("--points-outside", "drop")
    assert code == 0
    assert same(found, expected)
    assert (found["dropped"], found["fixations"]) == (2, 100)
    assert any("2 of 102 fixations were left out" in note for note in found["notes"])
    assert "2 of 102 fixations were left out" in (root / "out/report.html").read_text()


@pytest.mark.parametrize("option", [["--columns", "x"], ["--gaze-size", "640"], ["--units", "inch"]])
def test_an_option_of_another_form_is_named(root, option, capsys):
    with pytest.raises(SystemExit):
        main(["score", "--maps", "m", "--fixations", "f.csv", "--images", "i", *option])
    assert option[0] in capsys.readouterr().err


def test_turned_photographs_and_other_forms_of_names(root, score):
    for k in range(5):
        exif = Image.Exif()
        exif[0x0112] = (6, 5, 7, 8, 6)[k]
        Image.new("RGB", (H, W), (90, 9, 9)).save(root / "images" / f"{k}.JPG", exif=exif)  # shown W wide, H high
        (root / "images" / f"{k}.png").unlink()
        (root / "good" / f"{k}.npy").rename(root / "good" / f"{k}.NPY")
    for junk in ("images/._0.png", "good/._0.npy", "images/.ipynb_checkpoints/0-checkpoint.png"):
        (root / junk).parent.mkdir(exist_ok=True)
        (root / junk).write_bytes(b"\x00\x05\x16\x07")
    code, found, err = score()
    assert (code, err) == (0, "")
    assert found["images"] == 5


@pytest.mark.parametrize("name", ["1001", "0007", "scan.v1"])
def test_an_image_is_named_without_its_ending(tmp_path, capsys, name):
    """Such as a number of a table; where two files have it the error names both."""
    for part in ("images", "maps"):
        (tmp_path / part).mkdir()
    rng = np.random.default_rng(0)
    rows = {ending: ["image,subject,x,y"] for ending in ("", ".jpg")}
    for each in (name, "other"):
        Image.fromarray(rng.integers(0, 255, (H, W, 3), dtype=np.uint8)).save(tmp_path / "images" / f"{each}.jpg")
        np.save(tmp_path / "maps" / f"{each}.npy", rng.random((H, W)))
        points = rng.uniform(1, H - 1, (8, 2))
        for ending, lines in rows.items():
            lines += [f"{each}{ending},{'ab'[k % 2]},{x:.2f},{y:.2f}" for k, (x, y) in enumerate(points)]
    given = ["score", "--images", str(tmp_path / "images"), "--maps", str(tmp_path / "maps"), "--json"]
    tables = []
    for ending, lines in rows.items():
        gaze, out = tmp_path / f"gaze{ending}.csv", tmp_path / f"out{ending}"
        gaze.write_text("\n".join(lines))
        assert main([*given, "--fixations", str(gaze), "--out", str(out)]) == 0
        tables.append((out / "per_image.csv").read_text())
    assert tables[0] == tables[1]
    Image.new("RGB", (W, H)).save(tmp_path / "images" / f"{name}.png")
    capsys.readouterr()
    again = [*given, "--fixations", str(tmp_path / "gaze.csv"), "--out", str(tmp_path / "again")]
    assert main(again) == 2
    said = capsys.readouterr().err
    assert f"'{name}' could be any of '{name}.jpg', '{name}.png': write the whole name" in said


def test_a_damaged_photograph_is_named_and_the_others_are_scored(root, score):
    (root / "images/0.png").write_bytes(b"no picture")
    (root / "images/7.png").write_bytes(b"")  # without gaze, so it does not matter
    code, found, err = score()
    assert code == 1
    assert "0.png: not an image that can be read" in err
    assert "7.png" not in err
    assert (found["images"], list(found["failed"]), found["dropped"]) == (4, ["0.png"], 20)


def test_damaged_maps_of_every_kind_are_named_and_the_others_are_scored(root, score):
    (root / "good/0.npy").write_bytes(b"")
    (root / "good/1.npy").write_bytes((root / "good/1.npy").read_bytes()[:100])
    (root / "good/2.npy").write_bytes(np.array([{}], dtype=object).tobytes())
    (root / "good/3.npy").unlink()
    Image.fromarray(np.zeros((H, W), np.uint8)).save(root / "good/3.png")
    (root / "good/3.png").write_bytes((root / "good/3.png").read_bytes()[:40])
    code, found, err = score()
    assert code == 1
    assert [k for k in range(4) if f"{k}.png" in err] == [0, 1, 2, 3]
    assert found["images"] == 1


def test_a_folder_where_a_file_is_meant_says_so(root, score):
    code, _, err = score(gaze="images")
    assert code == 2
    assert "images: a folder, where a file of fixations is meant" in err


def test_two_images_never_share_a_map(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(4))
    gaze = make_fixations(
        image=["a.jpg", "a.png", "b.jpg"],
        x=[1, 2, 3],
        y=[1, 2, 3],
        sizes=dict.fromkeys(("a.jpg", "a.png", "b.jpg"), (4, 4)),
    )
    np.save(tmp_path / "b.npy", np.eye(4))
    scores = score_maps(tmp_path, gaze)
    assert scores.images == ("b.jpg",)
    assert all("share the map 'a.npy'" in scores.failed[name] for name in ("a.jpg", "a.png"))


def color(values, name):
    return (matplotlib.colormaps[name](values / values.max())[..., :3] * 255).astype(np.uint8)


@pytest.mark.parametrize(("name", "ending"), [("jet", "png"), ("viridis", "png"), ("inferno", "png"), ("hot", "png")])
def test_heat_maps_in_colours_have_the_scores_of_their_values(root, score, name, ending):
    (root / "colours").mkdir()
    (root / "grey").mkdir()
    for image in NAMES[:5]:
        values = np.load(root / "good" / image.replace("png", "npy"))
        Image.fromarray(color(values, name)).save(
            root / "colours" / image.replace("png", ending),
            **({"quality": 95, "subsampling": 0} if ending == "jpg" else {}),
        )
        Image.fromarray((255 * values / values.max()).astype(np.uint8)).save(root / "grey" / image)
    (_, expected, _), (code, found, _) = score(maps="grey"), score(maps="colours")
    assert code == 0
    for metric in ("nss", "auc", "cc"):
        tolerance = 0.02 if ending == "png" else 0.1
        assert found["scores"]["maps"][metric]["mean"] == pytest.approx(
            expected["scores"]["maps"][metric]["mean"], abs=tolerance
        )
    assert any(f"in the colours of {name} were converted" in note for note in found["notes"])
    assert not any("colours" in note for note in expected["notes"])
    if ending == "png":
        _, turned, _ = score("--map-colors", f"{name}_r", maps="colours")
        assert turned["scores"]["maps"]["auc"]["mean"] < 0.3


@pytest.mark.parametrize("quality", [95, 75])
@pytest.mark.parametrize("name", ["jet", "hot", "viridis"])
def test_colours_survive_compression(tmp_path, name, quality):
    y, x = np.mgrid[:240, :320]
    values = np.exp(-((x - 144) ** 2 + (y - 96) ** 2) / 5000)
    Image.fromarray(color(values, name)).save(tmp_path / "a.jpg", quality=quality)
    maps = open_maps(tmp_path)
    np.testing.assert_allclose(maps.read("a.png")[0, 0], values / values.max(), atol=0.04)
    assert f"in the colours of {name} were converted" in maps.notes()[0]


def test_a_colour_picture_that_is_no_heat_map_is_refused(root, score):
    rng = np.random.default_rng(0)
    for k in range(4):
        (root / f"good/{k}.npy").unlink()
    Image.fromarray(rng.integers(0, 255, (H, W, 3), dtype=np.uint8)).save(root / "good/0.png")
    ramp = np.tile(np.linspace(0.0, 1, W), (H, 1))
    photograph = rng.integers(0, 255, (H, W, 1))
    Image.fromarray((0.5 * color(ramp, "jet") + 0.5 * photograph).astype(np.uint8)).save(root / "good/1.png")  # blended
    Image.fromarray(np.dstack([color(ramp, "jet"), (255 * ramp).astype(np.uint8)])).save(root / "good/2.png")
    Image.fromarray(np.repeat((255 * ramp).astype(np.uint8)[..., None], 3, 2)).save(root / "good/3.png")  # grey as RGB
    code, found, err = score()
    assert code == 1
    assert list(found["failed"]) == ["0.png", "1.png", "2.png"]
    assert err.count("not in the colours of jet") == 2
    assert "transparency" in err
    np.testing.assert_array_equal(open_maps(root / "good").read("3.png")[0, 0], (255 * ramp).astype(np.uint8))


@pytest.mark.parametrize("grid", [(W, H), (16, 12), (4, 3)])
def test_maps_whose_sides_are_exchanged_say_so(root, score, grid):
    np.save(root / "good/0.npy", np.random.default_rng(0).random(grid))
    code, _, err = score()
    assert code == 1
    assert f"0.png: the map's sides are exchanged ({grid[1]} wide and {grid[0]} high, the image '0.png' {W} wide" in err
    np.save(root / "good/0.npy", np.random.default_rng(0).random((14, 14)))
    assert score()[0] == 0


def test_each_image_has_a_kernel_of_its_own_width():
    """What lies beside an image changes nothing in it."""
    rng = np.random.default_rng(0)
    sizes = {"a": (40, 60), "b": (30, 200), "c": (100, 20)}
    names = [name for name in sizes for _ in range(8)]
    xy = [(rng.uniform(0, sizes[n][1]), rng.uniform(0, sizes[n][0])) for n in names]
    gaze = make_fixations(
        image=names, subject=list("abcdabcd") * 3, x=[p[0] for p in xy], y=[p[1] for p in xy], sizes=sizes
    )
    maps = {name: rng.random(size) for name, size in sizes.items()}
    together = score_maps(maps, gaze)
    assert together.sigmas == pytest.approx([SIGMA * width for _, width in sizes.values()])
    for k, name in enumerate(sizes):
        alone = score_maps(maps, gaze.select(images=[name]))
        for metric in ("cc", "kl", "sim", "nss"):
            assert together.values["maps"][metric][k] == pytest.approx(
                alone.values["maps"][metric][0].item(), abs=1e-12
            )
        points = gaze.select(images=[name]).points()
        gold = density(points, size=sizes[name], sigma=SIGMA * sizes[name][1])
        expected = cc(torch.from_numpy(maps[name])[None, None], gold).item()
        assert together.values["maps"]["cc"][k] == pytest.approx(expected, abs=1e-9)
    assert together.to_frame()["sigma"].tolist() == list(together.sigmas)
    assert together.results().sigmas == pytest.approx((SIGMA * 20, SIGMA * 200))
    fixed = score_maps(maps, gaze, options=ScoreOptions(sigma=3.0))
    assert set(fixed.sigmas) == {3.0}


def test_a_single_image_has_no_centre_prior():
    rng = np.random.default_rng(0)
    gaze = make_fixations(
        image=["a"] * 12,
        subject=list("abc") * 4,
        x=rng.uniform(0, 60, 12),
        y=rng.uniform(0, 40, 12),
        sizes={"a": (40, 60)},
    )
    scores = score_maps({"a": rng.random((40, 60))}, gaze)
    assert scores.values["center"] == {}
    assert "No centre prior: no other image has fixations." in scores.notes
    assert scores.results().minus_center_paired == {}
    assert np.isnan(scores.share("nss"))


@pytest.mark.parametrize("count", [1, 2])
def test_one_image_with_few_fixations_says_what_is_undefined(root, score, count):
    (root / "one.csv").write_text("\n".join(["image,x,y", "0,5,7", "0,9,11"][: 1 + count]))
    code, content, _ = score(gaze="one.csv")
    assert code == 0
    assert content["scores"]["maps"]["sauc"]["mean"] is None
    assert (
        "Shuffled AUC is undefined: its negatives are fixations on other images, and no other image has any."
        in (content["notes"])
    )
    assert not any("NSS is undefined" in note for note in content["notes"])
    assert content["scores"]["maps"]["nss"]["mean"] is not None


def test_constant_maps_have_no_correlation_and_say_so(root, score):
    for name in NAMES:
        np.save(root / "good" / name.replace("png", "npy"), np.ones((6, 8)))
    _, content, _ = score()
    assert content["scores"]["maps"]["cc"]["mean"] is None
    assert "CC is undefined: no image has a value, as where a map is constant." in content["notes"]
    assert not any("Shuffled AUC is undefined" in note for note in content["notes"])


def test_observers_that_beat_the_centre_prior_by_rounding_alone_have_no_share():
    """All look at the same places of all images; the means differ in the last digit, if at all."""
    points = [(5.0 + 3 * k, 7.0 + 2 * k) for k in range(5)]
    rows = [(image, who, x, y) for image in "pq" for who in "ab" for x, y in points]
    image, who, x, y = zip(*rows, strict=True)
    gaze = make_fixations(image=image, subject=who, x=x, y=y, sizes=dict.fromkeys("pq", (40, 60)))
    rng = np.random.default_rng(0)
    fixed = ScoreOptions(ceiling="fixed")  # the cross-fitted density is narrower than the centre prior's
    scores = score_maps({name: rng.random((40, 60)) for name in "pq"}, gaze, options=fixed)
    assert np.isnan(scores.share("nss"))
    assert any("NSS" in note and "do not beat the centre prior" in note for note in scores.notes)


def gaze_of(spread, observers, seed=0):
    """Fixations near a spot per image; with a wide spread observers do not predict each other."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(6):
        spot = rng.uniform(10, 30, 2) if spread < 5 else (20, 20)
        rows += [
            (str(k), who, *rng.normal(spot, spread, 2).clip(0, 39.9)) for who in range(observers) for _ in range(3)
        ]
    image, who, x, y = zip(*rows, strict=True)
    return make_fixations(image=image, subject=who, x=x, y=y, sizes={str(k): (40, 40) for k in range(6)})


@pytest.mark.parametrize("form", ["crossfit", "fixed"])
@pytest.mark.parametrize("seed", range(2))
def test_no_share_where_the_observers_do_not_beat_the_centre_prior(seed, form):
    options = ScoreOptions(sigma=1.5, ceiling=form)
    maps = {str(k): np.random.default_rng(k).random((40, 40)) for k in range(6)}
    few = score_maps(maps, gaze_of(8, 2, seed), options=options)
    mean = {kind: few.summary[kind]["nss"].mean for kind in ("center", "observers")}
    assert mean["observers"] < mean["center"]
    assert np.isnan(few.share("nss"))
    assert any("do not beat the centre prior" in note and "NSS" in note for note in few.notes)
    many = score_maps(maps, gaze_of(1, 6, seed), options=options)
    mean = {kind: many.summary[kind]["nss"].mean for kind in ("maps", "center", "observers")}
    expected = (mean["maps"] - mean["center"]) / (mean["observers"] - mean["center"])
    assert many.share("nss") == pytest.approx(expected)
    densities = ("cc", "sim", "kl")
    assert all(np.isnan(many.share(metric)) == (form == "fixed") for metric in densities)
    assert any("half of the observers against the other is no ceiling" in n for n in many.notes) == (form == "fixed")
    content = many.results().share_from_center_to_observers
    known = {metric for metric, value in content.items() if not np.isnan(value)}
    assert known <= {"auc", "sauc", "nss", *(densities if form == "crossfit" else ())}
    assert np.isnan(score_maps(maps, gaze_of(8, 2, seed), options=replace(options, ceiling="fixed")).share("cc"))


def test_the_centre_prior_ranks_no_rounding():
    """Where no other image's fixations reach, the prior is 0, not what subtraction leaves."""
    from regard.gaze import center_priors

    gaze = make_fixations(
        image=["a"] * 30 + ["b"], x=[5.5] * 30 + [55], y=[5.5] * 30 + [35], sizes=dict.fromkeys("ab", (40, 60))
    )
    prior = center_priors(gaze, grid=(40, 60), sigma=2.0)[0][0, 0]
    assert (prior > 0).any()
    assert prior[:26, :46].eq(0).all()
    assert prior.sum() == pytest.approx(1)


def test_a_table_without_rows_inside_says_how_many_were_left_out(root, score):
    (root / "gaze.csv").write_text("image,subject,x,y\n0.png,a,500,600\n")
    code, _, err = score("--points-outside", "drop", "--units", "pixels")
    assert code == 2
    assert "holds no fixations: 1 were left out" in err


def test_missing_fixations_are_a_regard_error(root):
    with pytest.raises(RegardError, match="no such file of fixations"):
        score_maps(root / "good", root / "none.csv", root / "images")


@pytest.mark.parametrize("first", ["=", "+", "-", "@"])
def test_a_name_that_a_spreadsheet_would_run_is_text_in_the_table(root, score, first):
    name = f"{first}1+cmd"
    for folder, ending in (("images", "png"), ("good", "npy")):
        (root / folder / f"0.{ending}").rename(root / folder / f"{name}.{ending}")
    gaze = root / "gaze.csv"
    gaze.write_text(gaze.read_text().replace("0.png,", f"{name}.png,"))
    code, results, _ = score()
    assert (code, results["images"]) == (0, 5)
    rows = (root / "out" / "per_image.csv").read_text().splitlines()[1:]
    assert sorted(row.split(",")[0] for row in rows) == sorted([f"'{name}.png", *NAMES[1:5]])
