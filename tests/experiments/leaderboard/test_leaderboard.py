"""A leaderboard from start to end on a network of a few hundred weights: its numbers, its files, and what goes on."""

import csv
import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.experiments.leaderboard.pictures import make_classes, make_scenes, save_network

from regard.cli import main
from regard.evaluation import AgreementShare
from regard.experiments import GridOptions
from regard.experiments.grid import Cell, finished_record
from regard.experiments.grid.cell import work_of, write_result
from regard.experiments.leaderboard import (
    BoardRow,
    LeaderboardOptions,
    LeaderboardResults,
    find_networks,
    leaderboard_plan_lines,
    make_leaderboard,
    print_leaderboard,
    read_leaderboard,
)
from regard.experiments.leaderboard.cell import leaderboard_cells, maps_cell
from regard.experiments.runner import run_cells
from regard.files import make_folder
from regard.models import AttentiveClassifier
from regard.report import BootstrapMean
from regard.types import RegardError


def run_here(cells: Sequence[Cell], root: Path, options: GridOptions) -> dict[str, str]:
    """As `run_cells`, in this process: workers take seconds to start."""
    for cell in cells:
        if finished_record(cell, root) is None:
            folder = make_folder(root / cell.path)
            write_result(cell, folder, work_of(cell.kind)(cell, folder), 2.0)
    return {}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A leaderboard of a network and its control, with gaze and without boxes."""
    root = tmp_path_factory.mktemp("board")
    save_network(root / "small")
    make_classes(root / "classes")
    make_scenes(root / "osie")
    networks = find_networks([str(root / "small")])
    options = LeaderboardOptions(
        data=str(root / "classes"),
        gaze="osie",
        gaze_options={"root": str(root / "osie")},
        methods=("grad_cam", "attention"),
        images=4,
        gaze_images=4,
        steps=2,
    )
    grid = GridOptions(root / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGARD_CACHE", str(root / "cache"))
        patch.setattr(sys.modules[make_leaderboard.__module__], "run_cells", run_here)
        failed = make_leaderboard(networks, options, grid)
        yield SimpleNamespace(root=root, networks=networks, options=options, grid=grid, failed=failed)


def test_every_network_and_method_has_a_row(made: SimpleNamespace) -> None:
    assert made.failed == {}
    results = read_leaderboard(made.root / "runs" / "leaderboard")
    assert {(row.network, row.method, row.untrained) for row in results.rows} == {
        ("small", "grad_cam", False),
        ("small", "attention", False),
        ("small untrained", "grad_cam", True),
        ("small untrained", "attention", True),
    }
    network = AttentiveClassifier.from_pretrained(made.root / "small")
    row = next(row for row in results.rows if row.method == "grad_cam" and not row.untrained)
    assert row.accuracy == BootstrapMean(1.0, 1.0, 1.0)
    assert row.parameters == sum(p.numel() for p in network.parameters())
    assert set(row.agreement) == {"ig", "nss", "auc", "sauc", "cc"}
    assert row.share("nss").images == 4
    assert {"gap_mean", "deletion_mean", "insertion_mean"} <= set(row.scores)
    assert row.forwards_an_image > 0
    assert any("neither masks nor boxes" in why for why in row.why), "there is no localization, and it is said"
    without = next(row for row in results.rows if row.method == "attention" and not row.untrained)
    assert math.isnan(without.share().value)
    assert any("attention" in why for why in without.why)


def test_files_and_page_show_them(made: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made.root / "runs" / "leaderboard"
    rows = list(csv.DictReader((folder / "leaderboard.csv").read_text().splitlines()))
    assert rows[0]["network"].startswith("small")
    results = read_leaderboard(folder)
    first = results.rows[0]
    assert float(rows[0]["share_nss"]) == pytest.approx(first.share("nss").value, rel=1e-5)
    page = (folder / "report.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"#]+report\.html)"', page)
    assert sorted(links) == [
        "small-untrained/grad_cam/seed-0/made/judge/report.html",
        "small/grad_cam/seed-0/made/judge/report.html",
    ]
    assert all((folder / link).is_file() for link in links)
    assert page.count('class="point k') >= 2, "a dot per network"
    print_leaderboard(results)
    printed = capsys.readouterr().out
    assert "small untrained" in " ".join(printed.split())


def test_finished_cells_are_not_run_again_and_a_line_more_adds_its_own(made: SimpleNamespace) -> None:
    save_network(made.root / "other", seed=1)
    networks = find_networks([str(made.root / "small"), str(made.root / "other")], controls=False)
    lines = leaderboard_plan_lines(networks, made.options, made.grid)
    states = dict(line.split(maxsplit=1)[::-1] for line in lines[:-1])
    assert {path: state for path, state in states.items() if "small" in path} == {
        f"small/{what}/seed-0": "done" for what in ("network", "grad_cam", "attention")
    }
    assert [line for line in lines if line.startswith("to run")] == [
        f"to run  other/{what}/seed-0" for what in ("network", "grad_cam", "attention")
    ]
    assert lines[-1] == "3 cells to run with 1 worker: about 6 s", "2 s each, as those that are finished"


def test_other_options_and_other_weights_are_other_cells(made: SimpleNamespace) -> None:
    def to_run(options: LeaderboardOptions) -> list[str]:
        lines = leaderboard_plan_lines(made.networks, options, made.grid)
        return [line.split()[-1] for line in lines if line.startswith("to run")]

    assert to_run(made.options) == []
    assert to_run(replace(made.options, methods=("grad_cam", "random"))) == [
        "small/random/seed-0",
        "small-untrained/random/seed-0",
    ]
    assert to_run(replace(made.options, shots=1)) == ["small/network/seed-0", "small-untrained/network/seed-0"]
    assert to_run(replace(made.options, learn_from="elsewhere")) == [], "no method here learns"
    assert len(to_run(replace(made.options, images=5))) == 4


def test_work_of_other_options_is_begun_anew(made: SimpleNamespace, tmp_path: Path) -> None:
    def cell(images: int) -> tuple[str, int]:
        options = replace(made.options, gaze=None, methods=("random",), images=images)
        _, of_maps = leaderboard_cells(made.networks[:1], options)
        values = maps_cell(of_maps, tmp_path).values
        return str(values["unit"]), int(values["images"])

    assert cell(4) == ("relevance", 4)
    assert cell(6) == ("relevance", 6)


def test_a_method_that_learns_learns_from_the_data(made: SimpleNamespace, tmp_path: Path) -> None:
    options = replace(
        made.options,
        gaze=None,
        methods=("amortized_iba",),
        method_options={"amortized_iba": {"steps": 3, "bits": 50.0}},
    )
    _, of_maps = leaderboard_cells(made.networks[:1], options)
    values = maps_cell(of_maps, tmp_path).values
    assert values["unit"] == "bits"
    assert (tmp_path / "made" / "learned" / "amortized_iba.json").is_file()


def row(network: str, accuracy: float, share: float, *, untrained: bool = False) -> BoardRow:
    return BoardRow(
        network=network,
        model=network,
        untrained=untrained,
        method="grad_cam",
        folder=network,
        parameters=1,
        flops=1,
        accuracy=BootstrapMean(accuracy),
        agreement={"ig": AgreementShare(share)},
    )


def test_correlation_is_of_trained_networks_and_needs_four() -> None:
    rows = [row("a", 0.1, 0.2), row("b", 0.2, 0.4), row("c", 0.3, 0.3), row("d", 0.0, 0.9, untrained=True)]
    results = LeaderboardResults(name="x", options={"data": "y"}, rows=tuple(rows))
    assert results.rank_correlation("grad_cam")[1] == 3
    assert math.isnan(results.rank_correlation("grad_cam")[0])
    more = LeaderboardResults(name="x", options={"data": "y"}, rows=(*rows, row("e", 0.4, 0.1)))
    assert more.rank_correlation("grad_cam") == (pytest.approx(-0.4), 4)  # 1 - 6 * 14 / (4 * 15)


REFUSED = {
    "a method": ({"methods": ("grad_kam",)}, "no method 'grad_kam'; nearest: grad_cam"),
    "a method twice": ({"methods": ("rise", "rise")}, "name each once"),
    "an option": ({"method_options": {"rise": {"sample": 3}}}, "no option 'sample'; nearest: samples"),
    "one image": ({"images": 1}, "images=1"),
    "one gaze image": ({"gaze_images": 1}, "gaze_images=1"),
    "steps": ({"steps": 0}, "steps=0"),
    "shots": ({"shots": -1}, "shots=-1"),
}


@pytest.mark.parametrize(("fields", "told"), REFUSED.values(), ids=REFUSED)
def test_options_are_checked(fields: dict[str, object], told: str) -> None:
    with pytest.raises(RegardError) as error:
        LeaderboardOptions(data="cub", **fields)  # type: ignore[arg-type]
    assert told in str(error.value)


WORDS = {
    "no such data": (["--data", "nowhere"], "neither a folder nor a data set"),
    "no gaze": (["--data", "DATA", "--gaze", "digits"], "gaze digits: this set has no fixations"),
    "gaze options": (["--data", "DATA", "--gaze", "osie", "--gaze-options", "[1]"], "write {NAME: VALUE}"),
    "no YAML": (["--data", "DATA", "--gaze-options", "{a: ["], "--gaze-options {a: ["),
    "no network": (["--data", "DATA", "--models", "resnet9*"], "no classifier of timm matches it"),
    "a folder's name": (["--data", "DATA", "--name", "a/b"], "--name a/b: is not a name for a folder"),
}


@pytest.mark.parametrize(("words", "told"), WORDS.values(), ids=WORDS)
def test_bad_input_is_named_and_leaves_nothing(
    words: list[str], told: str, made: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(made.root / "classes") if word == "DATA" else word for word in words]
    models = [] if "--models" in words else ["--models", str(made.root / "small")]
    assert main(["leaderboard", *models, *words, "--runs", str(tmp_path / "runs")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_cells_run_on_the_engine(made: SimpleNamespace, ray_engine: None, tmp_path: Path) -> None:
    options = replace(made.options, gaze=None, methods=("grad_cam",))
    grid = GridOptions(tmp_path, workers=2)
    assert run_cells(leaderboard_cells(made.networks[:1], options), tmp_path / "board", grid) == {}
    record = json.loads((tmp_path / "board" / "small" / "network" / "seed-0" / "cell.json").read_text())
    assert record["values"]["accuracy"]["value"] == 1.0


def test_the_command_prints_json(made: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    root = made.root
    words = ["leaderboard", "--models", str(root / "small"), "--data", str(root / "classes"), "--no-untrained"]
    words += ["--gaze", "osie", "--gaze-options", f"{{root: {root / 'osie'}}}", "--methods", "grad_cam,attention"]
    words += ["--images", "4", "--gaze-images", "4", "--steps", "2", "--runs", str(root / "runs"), "--json"]
    assert main(words) == 0
    content = json.loads(capsys.readouterr().out)
    assert [row["network"] for row in content["rows"]] == ["small", "small"]
