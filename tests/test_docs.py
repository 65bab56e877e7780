"""README and docs: every Python block runs, every link has a target, every command and recipe parses."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from regard.cli import TAKES_FIELDS, _parser
from regard.training import fit_recipe, load_recipe, parse_recipe, recipe_parser

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = sorted((ROOT / "src/regard/recipes").glob("*.yaml"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READER = recipe_parser()
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


def blocks(text: str, *languages: str) -> list[tuple[int, str]]:
    """Line and content of every fenced block in one of the languages."""
    fenced = ((text.count("\n", 0, m.start(2)), m[1], m[2]) for m in BLOCK.finditer(text))
    return [(line, content) for line, language, content in fenced if language in languages]


def own_gaze(folder: Path) -> None:
    """The files that examples in the docs assume: images, a table of fixations, maps."""
    random = np.random.default_rng(0)
    rows = ["image,subject,order,x,y,ms"]
    for place in ("images", "maps"):
        (folder / place).mkdir()
    for name in ("bird", "cat", "tree"):
        Image.new("RGB", (60, 40), "grey").save(folder / "images" / f"{name}.png")
        np.save(folder / "maps" / f"{name}.npy", random.random((10, 15)))
        for subject in ("a", "b", "c"):
            points = random.uniform((1, 1), (59, 39), (6, 2))
            rows += [f"{name}.png,{subject},{k},{x:.1f},{y:.1f},250" for k, (x, y) in enumerate(points)]
    (folder / "fixations.csv").write_text("\n".join(rows) + "\n")


def own_photographs(folder: Path) -> None:
    """A folder of photographs by class, as examples in the docs assume."""
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / "photos" / name).mkdir(parents=True)
        for k in range(12):
            pixels = random.integers(0, 256, (40, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{k}.png")


@each_page
def test_every_python_block_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    if "fixations.csv" in text:
        own_gaze(tmp_path)
    if '"root": "photos"' in text or 'Path("photos")' in text:
        own_photographs(tmp_path)
    namespace = {"__name__": "docs"}
    for line, code in blocks(text, "python"):
        exec(compile("\n" * line + code, str(page), "exec"), namespace)  # line numbers of a failure are the page's


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@each_page
def test_every_link_has_a_target(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE) if anchor and file.exists() else []
        if not file.exists() or (anchor and anchor not in map(slug, headings)):
            broken.append(target)
    assert not broken


@each_page
def test_every_command_parses(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    if "regard init photos/" in text:  # which writes it
        Path("photos.yaml").write_text("name: photos\n")
    for _, content in blocks(text, "bash", "sh", "console"):
        for line in content.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if "regard" in words and words[0] in ("regard", "python", "torchrun"):
                parse(words[words.index("regard") + 1 :])
    commands = _parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    unknown = [word for word in re.findall(r"`regard (\w+)", BLOCK.sub("", text)) if word not in commands]
    assert not unknown


def parse(words: list[str]) -> None:
    """As the command does; a recipe must exist, unless it is the reader's own."""
    options, fields = _parser().parse_known_args(words)
    assert not fields or options.command in TAKES_FIELDS, fields
    if options.command in TAKES_FIELDS:
        parse_recipe(fields, READER)


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.name)
def test_every_recipe_loads(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem, "the run's folder is called after the recipe"
    assert f"--recipe {path.stem}" in path.read_text(), "a recipe states its command"


def test_the_written_out_default_is_the_default() -> None:
    assert load_recipe(ROOT / "src/regard/recipes" / "clutter.yaml") == replace(fit_recipe({}).recipe, name="clutter")


def test_readme_quotes_the_records() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    quoted = ("fixation_metrics", "augmentation", "gaze_known_values", "demo", "budgets", "table_cifar10")
    costs = costs_of_judging()
    records = {name: json.loads((ROOT / "results" / f"{name}.json").read_text())["values"] for name in quoted}
    times = records["fixation_metrics"]["wall_ms_an_image"]["times_faster"]
    largest = max(records["fixation_metrics"]["largest_difference"].values())
    demo, budgets = records["demo"]["scores"], records["budgets"]["runs"]
    rows = {row["arm"]: row for row in records["table_cifar10"]["rows"]}
    paired = [rows[arm]["difference"] for arm in ("AIB", "AIB, quantized")]
    observers, center = (records["gaze_known_values"]["osie"][k]["auc"] for k in ("leave_one_out", "center_prior"))
    for quoted_text in (
        f"{times:.1f} times faster",
        f"the same values to {largest:.0e}".replace("e-0", "e-"),
        f"{records['augmentation']['ratio']:.0f} times faster per sample",
        f"{observers['mean']:.3f}, interval {observers['low']:.3f} to {observers['high']:.3f}".replace("0.", "."),
        f"centre prior {center['mean']:.3f}".replace("0.", "."),
        *(f"| {demo[key]['value']:.3f} |" for key in ("accuracy_mean", "accuracy_one_sample", "pointing")),
        " and ".join(f"{run['latent_bits']['value']:.2f}" for run in budgets),
        f"plain network ({rows['plain']['cells']['accuracy_mean']['value']:.3f})",
        *(
            "{value:+.3f}, interval {low:+.3f} to {high:+.3f}".format(**difference).replace("-", "−")
            for difference in paired
        ),
    ):
        assert quoted_text in text
    assert "{mean}; torch-cam {torchcam}, Quantus {quantus} in the same run".format(**costs) in text
    assert f"{costs['iba']} times faster" in text


def costs_of_judging() -> dict[str, str]:
    """Costs of judging that README and docs/judging.md quote, by name."""
    names = ("deletion_overhead", "rise_overhead_cpu", "iba_speed_cpu")
    deletion, rise, iba = (json.loads((ROOT / "results" / f"{name}.json").read_text())["values"] for name in names)
    sides = deletion["regard"] | deletion["peers"] | {"rise": rise, "captum-rise": rise["peer"]}
    shares = {name: f"{100 * side['overhead']:.1f} %".replace("-", "−") for name, side in sides.items()}
    single, batched = f"{iba['one_image_seconds']:.2f} s", f"{iba['seconds_an_image']:.2f} s"
    return shares | {"iba": f"{iba['times_faster']:.1f}", "iba alone": single, "iba together": batched}


def test_costs_of_judging_match_the_records() -> None:
    text = (ROOT / "docs" / "judging.md").read_text(encoding="utf-8")
    costs = costs_of_judging()
    for line in (
        "mean colour | {mean} | torch-cam {torchcam}, Quantus {quantus} (",
        "blurred | {blur} |",
        "every image shown | {noisy_linear} |",
        "128 masks | {rise} | captum-rise {captum-rise} |",
        "run again | {iba together} per image | {iba alone} one by one |",
    ):
        assert line.format(**costs) in text
