"""The page, the terminal and the command of a judgement."""

import io
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from regard.cli import main
from regard.data import evenly_spaced
from regard.evaluation import Sample
from regard.explain import METHODS as METHODS_OF_EXPLAIN
from regard.judge import run
from regard.judge.gallery import write_gallery
from regard.judge.page import print_judge_results, write_judge_page
from regard.judge.results import read_judge_results
from regard.models import AttentiveClassifier
from regard.report import interval_text, number
from regard.types import RegardError

METHODS = "attention,grad_cam,uniform"
METRICS = "paths_mean,stability"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved network and a folder of images."""
    folder = tmp_path_factory.mktemp("judge")
    torch.manual_seed(0)
    AttentiveClassifier("compact", 3, attention="noise", input_size=(16, 16)).save_pretrained(folder / "net")
    (folder / "images").mkdir()
    for k in range(3):
        pixels = np.random.default_rng(k).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"<{k}>.png")
    return folder


def command(folder, out, *more):
    given = ["judge", "--model", str(folder / "net"), "--data", str(folder / "images"), "--out", str(out)]
    return [*given, "--methods", METHODS, "--metrics", METRICS, "--images", "3", "--again", "2", "--steps", "3", *more]


@pytest.fixture(scope="module")
def out(saved, tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    assert main(command(saved, folder)) == 0
    return folder


def test_the_command_writes_table_and_page_and_prints_json_alone(saved, out, capsys):
    assert main(command(saved, out, "--json")) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / "judge.json").read_text())
    assert [m["name"] for m in printed["methods"]] == METHODS.split(",")
    assert (out / "report.html").is_file()


def test_the_page_has_every_number_loads_nothing_and_escapes_text(out):
    results = read_judge_results(out)
    html = write_judge_page(out).read_text()
    assert not re.search(r"(src|href)=\"(?!#|data:)", html)
    for measure in results.measures:
        assert f'id="{measure.key}"' in html
    assert html.count('<svg class="whiskers"') >= 6
    content = json.loads((out / "judge.json").read_text())
    content["model"]["name"] = "<script>alert(1)</script>"
    (out / "evil").mkdir(exist_ok=True)
    (out / "evil" / "judge.json").write_text(json.dumps(content))
    assert "<script>alert" not in write_judge_page(out / "evil").read_text()


def pictures(html):
    """(method, values) of every map in the page's section of maps, and how many images that shows."""
    section = html.partition('<section id="maps"')[2]
    return re.findall(r"by (\w+), values ([^\"]+)\"", section), section.count('alt="Image ')


def test_the_page_shows_every_methods_map_of_the_images(out):
    shown, images = pictures(write_judge_page(out).read_text())
    names = read_judge_results(out).data.names
    assert images == 3 == len(names)
    assert [method for method, _ in shown] == METHODS.split(",") * 3
    first_screen = write_judge_page(out).read_text().partition("<main>")[0]
    assert first_screen.count("<img ") == 1 + min(3, len(METHODS.split(",")))
    for method in METHODS.split(","):
        with np.load(out / "maps" / f"{method}.npz") as arrays:
            maps = arrays["values"][:, 0]
        expected = [
            interval_text(float(m.min()), float(m.max())) or number(float(m.min())) + " everywhere" for m in maps
        ]
        assert [values for name, values in shown if name == method] == expected
    with np.load(out / "gallery.npz") as arrays:
        assert arrays["rows"].tolist() == [0, 1, 2]
        assert arrays["images"].shape == (3, 16, 16, 3)


def test_a_map_that_is_gone_and_a_judgement_without_pictures_have_a_page(out, tmp_path):
    shutil.copytree(out, tmp_path / "some")
    (tmp_path / "some/maps/uniform.npz").unlink()
    shown, _ = pictures(write_judge_page(tmp_path / "some").read_text())
    assert [method for method, _ in shown] == ["attention", "grad_cam"] * 3
    (tmp_path / "some/gallery.npz").unlink()
    html = write_judge_page(tmp_path / "some").read_text()
    assert pictures(html) == ([], 0)
    assert "#maps" not in html


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"rows": np.arange(1)}, "no images"),
        ({"images": np.zeros((1, 4, 4, 3), np.float32), "rows": np.arange(1)}, "no images"),
        ({"images": np.zeros((2, 4, 4, 3), np.uint8), "rows": np.arange(1)}, "no row for every image"),
        ({"images": np.zeros((1, 4, 4, 3), np.uint8), "rows": np.array([7])}, "rows 7 to 7 of 3 images"),
        ({"images": np.zeros((1, 4, 4, 3), np.uint8), "rows": np.array([-1])}, "rows -1 to -1 of 3 images"),
    ],
)
def test_damaged_pictures_are_named(out, tmp_path, arrays, words):
    shutil.copytree(out, tmp_path / "bad")
    np.savez(tmp_path / "bad/gallery.npz", **arrays)
    with pytest.raises(RegardError, match=rf"gallery\.npz: .*{words}.*remove"):
        write_judge_page(tmp_path / "bad")


def test_pictures_of_many_images_are_evenly_spaced_and_grey_ones_are_shown(tmp_path):
    grey = Sample("grey", torch.linspace(0, 1, 11).view(11, 1, 1, 1).expand(11, 1, 4, 4), torch.arange(11), ("x",) * 11)
    write_gallery(tmp_path, grey)
    with np.load(tmp_path / "gallery.npz") as arrays:
        assert arrays["rows"].tolist() == evenly_spaced(11, 6).tolist()
        assert arrays["images"].shape == (6, 4, 4, 3)
        assert arrays["images"][:, 0, 0, 2].tolist() == [round(25.5 * row) for row in arrays["rows"].tolist()]


def test_a_narrow_terminal_shows_every_method(out):
    for width in (60, 200):
        terminal = io.StringIO()
        print_judge_results(read_judge_results(out), Console(file=terminal, width=width))
        text = terminal.getvalue()
        assert all(name in text for name in METHODS.split(","))
        assert "floor" in text


def test_the_best_method_is_named_with_clear_differences(out):
    results = read_judge_results(out)
    gap = next(m for m in results.measures if m.key == "gap_mean")
    assert re.match(r"(attention|grad_cam) leads", results.best(gap))
    kept = [m for m in results.measures if m.better is None]
    assert all(results.best(m) == "" for m in kept)


def test_an_unsuited_method_is_an_error_if_requested(saved, tmp_path, capsys):
    assert main([*command(saved, tmp_path), "--methods", "rollout,grad_cam"]) == 1
    assert "rollout" in capsys.readouterr().out


def test_unsuited_metrics_of_all_are_left_out_and_an_exception_is_an_error(saved, tmp_path, monkeypatch, capsys):
    two = {name: run.METRICS[name] for name in ("stability", "location")}
    monkeypatch.setattr(run, "METRICS", two)
    arguments = [*command(saved, tmp_path / "all"), "--methods", "uniform", "--metrics"]
    assert main([*arguments, "all"]) == 0, "location was not requested by name, and images without masks lack it"
    assert "neither masks nor boxes" in capsys.readouterr().out
    assert main([*arguments, "stability,location"]) == 1

    def broken(question):
        raise RuntimeError("no memory")

    monkeypatch.setattr(run, "METHODS", {"grad_cam": run.METHODS["grad_cam"]})
    monkeypatch.setitem(METHODS_OF_EXPLAIN, "grad_cam", replace(METHODS_OF_EXPLAIN["grad_cam"], run=broken))
    every = [*command(saved, tmp_path / "broken"), "--methods", "all", "--metrics", "stability", "--json"]
    capsys.readouterr()
    assert main(every) == 1
    output = capsys.readouterr()
    assert "regard: grad_cam: RuntimeError: no memory" in output.err
    assert json.loads(output.out)["failed"][0]["broke"]


def test_names_are_checked_and_all_leaves_out_metrics_with_a_second_network():
    assert "labels" not in run._names("all", run.METRICS, "metric")
    assert run._names("road, drop,road", run.METRICS, "metric") == ("road", "drop")
    with pytest.raises(RegardError, match="nearest: grad_cam"):
        run._names("gradcam", run.METHODS, "method")


def test_a_network_needs_data_and_a_broken_table_is_named(saved, tmp_path, capsys):
    assert main(["judge", "--model", str(saved / "net"), "--out", str(tmp_path)]) == 2
    assert "give --data" in capsys.readouterr().err
    (tmp_path / "judge.json").write_text("{")
    with pytest.raises(RegardError, match="not JSON"):
        read_judge_results(tmp_path)
