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
def root(tmp_path):
    """The folder of the set."""
    write_gaze_set(tmp_path)
    return tmp_path


def score(root, *more, maps=("good",)):
    sources = [word for name in maps for word in ("--maps", str(root / name))]
    options = ["--fixations", str(root / "gaze.csv"), "--images", str(root / "images"), "--out", str(root / "out")]
    return main(["score", *sources, *options, *more])


def test_table_files_and_page(root, capsys):
    assert score(root) == 0
    output = capsys.readouterr()
    assert "Shuffled AUC" in output.out
    assert "only a density has it" in output.out.replace("\n", " ")
    assert output.err == ""
    content = json.loads((root / "out/scores.json").read_text())
    assert content["images"] == 5
    assert content["fixations"] == 100
    assert content["share_from_center_to_observers"]["nss"] > 0.5
    assert set(content["scores"]) == {"maps", "uniform", "center", "permuted", "observers"}
    with (root / "out/per_image.csv").open() as file:
        assert [row["image"] for row in csv.DictReader(file)] == NAMES[:5]
    page = (root / "out/report.html").read_text()
    assert "Best" in page
    assert "Worst" in page
    assert page.count('<circle class="under"') == 3 * 100  # all five images: their fixations over image, map, overlay
    assert "of the way from the centre prior to the other observers" in page
    assert "http" not in page.replace("http-equiv", "")
    assert not list((root / "out").glob("*.part*"))


def test_the_old_ceiling_by_name(root, capsys):
    kl = {}
    for form in ("crossfit", "fixed"):
        assert score(root, "--ceiling", form, "--json") == 0
        content = json.loads(capsys.readouterr().out)["good"]
        assert content["options"]["ceiling"] == form
        kl[form] = content["scores"]["observers"]["kl"]["mean"]
        assert (content["share_from_center_to_observers"]["kl"] is None) == (form == "fixed")
    assert kl["crossfit"] < kl["fixed"]


def test_a_train_split_gives_prior_and_information_gain(root, capsys):
    assert score(root, "--train", str(root / "train.csv"), "--center-prior", "train", "--json") == 0
    content = json.loads(capsys.readouterr().out)["good"]
    gain = {kind: scores["information_gain"]["mean"] for kind, scores in content["scores"].items()}
    assert gain["maps"] > 0.5
    assert gain["observers"] > gain["center"]
    assert gain["uniform"] < gain["maps"]
    assert gain["permuted"] < gain["maps"]
    assert gain["center"] == pytest.approx(0, abs=0.01)
    assert "3 images of the train split" in content["notes"][0]


def test_no_map_of_the_train_split_no_information_gain(root, capsys):
    for name in ("5", "6", "7"):
        (root / f"good/{name}.npy").unlink()
    assert score(root, "--train", str(root / "train.csv"), "--json") == 0
    content = json.loads(capsys.readouterr().out)["good"]
    assert "information_gain" not in content["scores"]["maps"]
    assert "has no map of an image of the train split" in content["notes"][0]


def test_two_models_are_compared(root, capsys):
    assert score(root, maps=("good", "poor")) == 0
    assert "Compared, image by image" in capsys.readouterr().out
    rows = json.loads((root / "out/comparison.json").read_text())
    nss = next(row for row in rows if row["metric"] == "nss")
    assert nss["better"] == "good"
    assert nss["difference_low"] > 0
    assert nss["adjusted"] >= nss["p"]
    kl = next(row for row in rows if row["metric"] == "kl")
    assert kl["better"] == "good"
    assert kl["difference_mean"] < 0
    assert (root / "out/poor/report.html").is_file()


def test_a_bad_item_is_named_and_the_others_are_scored(root, capsys):
    np.save(root / "good/0.npy", np.full((H, W), np.nan))
    np.save(root / "good/1.npy", -np.ones((H, W)))
    np.save(root / "good/2.npy", np.ones((H, W, 3)))
    (root / "good/3.npy").write_bytes(b"broken")
    assert score(root) == 1
    errors = capsys.readouterr().err
    for name, why in (("0.png", "finite"), ("1.png", "negative"), ("2.png", "a map is (h,w)"), ("3.png", "3.npy")):
        assert any(name in line and why in line for line in errors.splitlines()), errors
    assert json.loads((root / "out/scores.json").read_text())["images"] == 1
    assert "4 images could not be scored" in (root / "out/report.html").read_text()


def test_bad_input_ends_with_2(root, capsys):
    def fails(*more, match, **options):
        assert score(root, *more, **options) == 2
        assert match in capsys.readouterr().err

    fails("--center-prior", "train", match="--train FILE")
    fails("--center-prior", str(root / "none.npy"), match="none.npy")
    fails("--train", str(root / "gaze.csv"), match="are to be scored, too")
    fails(match="neither a folder", maps=("absent",))
    fails(match="two sources of maps are called 'good'", maps=("good", "good"))
    for k in range(5):
        np.save(root / f"good/{k}.npy", -np.ones((H, W)))
    fails(match="no image could be scored")
    shutil.copy(root / "gaze.csv", root / "gaze.txt")
    (root / "gaze.csv").write_text("image,x,y\nnowhere.png,1,2\n")
    fails(match="unknown image")
    (root / "gaze.csv").write_text("image,subject,x,y\n0.png,,1,2\n")
    fails(match="has no subject")
    assert main(["score", "--maps", "m", "--fixations", str(root / "gaze.txt"), "--images", str(root / "images")]) == 2
    assert ".csv, .parquet or .hdf5" in capsys.readouterr().err


def test_maps_of_a_run_are_computed(root, tmp_path_factory, capsys):
    run = train(tiny(), tmp_path_factory.mktemp("runs") / "tiny", quiet=True)
    assert score(root, maps=(str(run),)) == 0
    content = json.loads((root / "out/scores.json").read_text())
    assert content["images"] == 5
    assert 0 <= content["scores"]["maps"]["auc"]["mean"] <= 1


def test_the_mit_convention_is_decided_by_the_seed(root, capsys):
    def means(*more):
        assert score(root, "--convention", "mit", "--json", *more) == 0
        return json.loads(capsys.readouterr().out)["good"]["scores"]["maps"]

    first, again, other = means(), means(), means("--seed", "1")
    assert first == again
    assert first["sauc"]["mean"] != other["sauc"]["mean"]
    assert first["nss"]["mean"] == other["nss"]["mean"]
