"""`regard score` from arguments to files, table and exit code."""

import csv
import json
import shutil

import numpy as np
import pytest
from tests.score.gaze_set import NAMES, H, W, write_gaze_set
from tests.training.tiny import tiny

from regard.cli import main
from regard.training import train


@pytest.fixture
def here(tmp_path):
    """The folder of the set."""
    write_gaze_set(tmp_path)
    return tmp_path


def score(here, *more, maps=("good",)):
    sources = [word for name in maps for word in ("--maps", str(here / name))]
    given = ["--fixations", str(here / "gaze.csv"), "--images", str(here / "images"), "--out", str(here / "out")]
    return main(["score", *sources, *given, *more])


def test_table_files_and_page(here, capsys):
    assert score(here) == 0
    shown = capsys.readouterr()
    assert "Shuffled AUC" in shown.out
    assert "only a density has it" in shown.out.replace("\n", " ")
    assert shown.err == ""
    content = json.loads((here / "out/scores.json").read_text())
    assert content["images"] == 5
    assert content["fixations"] == 100
    assert content["share_from_center_to_observers"]["nss"] > 0.5
    assert set(content["scores"]) == {"maps", "uniform", "center", "permuted", "observers"}
    with (here / "out/per_image.csv").open() as file:
        assert [row["image"] for row in csv.DictReader(file)] == NAMES[:5]
    page = (here / "out/report.html").read_text()
    assert "Best" in page
    assert "Worst" in page
    assert page.count('<circle class="under"') == 3 * 100  # all five images: their fixations over image, map, overlay
    assert "of the way from the centre prior to the other observers" in page
    assert "http" not in page.replace("http-equiv", "")
    assert not list((here / "out").glob("*.part*"))


def test_a_train_split_gives_prior_and_information_gain(here, capsys):
    assert score(here, "--train", str(here / "train.csv"), "--center-prior", "train", "--json") == 0
    content = json.loads(capsys.readouterr().out)["good"]
    gain = {kind: scores["information_gain"]["mean"] for kind, scores in content["scores"].items()}
    assert gain["maps"] > 0.5
    assert gain["observers"] > gain["center"]
    assert gain["uniform"] < gain["maps"]
    assert gain["permuted"] < gain["maps"]
    assert gain["center"] == pytest.approx(0, abs=0.01)
    assert "3 images of the train split" in content["notes"][0]


def test_no_map_of_the_train_split_no_information_gain(here, capsys):
    for name in ("5", "6", "7"):
        (here / f"good/{name}.npy").unlink()
    assert score(here, "--train", str(here / "train.csv"), "--json") == 0
    content = json.loads(capsys.readouterr().out)["good"]
    assert "information_gain" not in content["scores"]["maps"]
    assert "has no map of an image of the train split" in content["notes"][0]


def test_two_models_are_compared(here, capsys):
    assert score(here, maps=("good", "poor")) == 0
    assert "Compared, image by image" in capsys.readouterr().out
    rows = json.loads((here / "out/comparison.json").read_text())
    nss = next(row for row in rows if row["metric"] == "nss")
    assert nss["better"] == "good"
    assert nss["difference_low"] > 0
    assert nss["adjusted"] >= nss["p"]
    kl = next(row for row in rows if row["metric"] == "kl")
    assert kl["better"] == "good"
    assert kl["difference_mean"] < 0
    assert (here / "out/poor/report.html").is_file()


def test_a_bad_item_is_named_and_the_rest_goes_on(here, capsys):
    np.save(here / "good/0.npy", np.full((H, W), np.nan))
    np.save(here / "good/1.npy", -np.ones((H, W)))
    np.save(here / "good/2.npy", np.ones((H, W, 3)))
    (here / "good/3.npy").write_bytes(b"broken")
    assert score(here) == 1
    errors = capsys.readouterr().err
    for name, why in (("0.png", "finite"), ("1.png", "negative"), ("2.png", "a map is (h,w)"), ("3.png", "3.npy")):
        assert any(name in line and why in line for line in errors.splitlines()), errors
    assert json.loads((here / "out/scores.json").read_text())["images"] == 1
    assert "4 images could not be scored" in (here / "out/report.html").read_text()


def test_bad_input_ends_with_2(here, capsys):
    def fails(*more, match, **options):
        assert score(here, *more, **options) == 2
        assert match in capsys.readouterr().err

    fails("--center-prior", "train", match="--train FILE")
    fails("--center-prior", str(here / "none.npy"), match="none.npy")
    fails("--train", str(here / "gaze.csv"), match="are to be scored, too")
    fails(match="neither a folder", maps=("absent",))
    fails(match="two sources of maps are called 'good'", maps=("good", "good"))
    for k in range(5):
        np.save(here / f"good/{k}.npy", -np.ones((H, W)))
    fails(match="no image could be scored")
    shutil.copy(here / "gaze.csv", here / "gaze.txt")
    (here / "gaze.csv").write_text("image,x,y\nnowhere.png,1,2\n")
    fails(match="unknown image")
    (here / "gaze.csv").write_text("image,subject,x,y\n0.png,,1,2\n")
    fails(match="has no subject")
    assert main(["score", "--maps", "m", "--fixations", str(here / "gaze.txt"), "--images", str(here / "images")]) == 2
    assert ".csv, .parquet or .hdf5" in capsys.readouterr().err


def test_a_run_makes_maps_of_the_images(here, tmp_path_factory, capsys):
    run = train(tiny(), tmp_path_factory.mktemp("runs") / "tiny", quiet=True)
    assert score(here, maps=(str(run),)) == 0
    content = json.loads((here / "out/scores.json").read_text())
    assert content["images"] == 5
    assert 0 <= content["scores"]["maps"]["auc"]["mean"] <= 1


def test_the_mit_convention_is_decided_by_the_seed(here, capsys):
    def means(*more):
        assert score(here, "--convention", "mit", "--json", *more) == 0
        return json.loads(capsys.readouterr().out)["good"]["scores"]["maps"]

    first, again, other = means(), means(), means("--seed", "1")
    assert first == again
    assert first["sauc"]["mean"] != other["sauc"]["mean"]
    assert first["nss"]["mean"] == other["nss"]["mean"]
