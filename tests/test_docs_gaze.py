"""The numbers in docs/gaze.md match the records."""

import json
from pathlib import Path

import pytest
from tests.test_docs_tokens import short

ROOT = Path(__file__).resolve().parents[1]
RECORD = json.loads((ROOT / "results" / "observer_ceiling.json").read_text())
VALUES, OSIE = RECORD["values"], RECORD["values"]["osie"]
TEXT = " ".join((ROOT / "docs" / "gaze.md").read_text(encoding="utf-8").split())


def test_bits_on_osie() -> None:
    assert not RECORD["dirty"]
    assert f"OSIE, {OSIE['images']} images of {OSIE['observers']} observers" in TEXT
    rows = {
        "one Gaussian of .037 of the width, the default of 0.1": "default_width",
        "one Gaussian, the best width (chosen on these fixations)": "best_width",
        "the mixture, cross-fitted": "mixture",
    }
    for label, key in rows.items():
        assert f"| {label} | {OSIE[key]:.3f} |" in TEXT
    by_image = OSIE["mixture_by_image"]
    mean, low, high = (f"{by_image[k]:.3f}" for k in ("mean", "low", "high"))
    assert f"{mean}, interval {low} to {high} over images and observers" in TEXT
    assert f"the centre prior has {short(OSIE['centre_by_image']['mean'], 3)}" in TEXT


def test_shares_of_what_people_reach() -> None:
    first, third = (f"{100 * 2 / OSIE[key]:.0f} %" for key in ("default_width", "mixture"))
    assert f"A map of 2 bits has {first} of what people reach by the first row and {third} by the third." in TEXT


def test_metrics_and_attempts_on_osie() -> None:
    new, old = OSIE["metrics"]["new"], OSIE["metrics"]["old"]
    nss, auc = (f"{f(old)} to {f(new)}" for f in (lambda x: f"{x['nss']:.2f}", lambda x: short(x["auc"], 3)))
    assert f"NSS of observers rises from {nss}, AUC from {auc} ({OSIE['metrics']['images']} images)" in TEXT
    tries = {name: f"{value:.3f}" for name, value in OSIE["attempts"].items()}
    assert f"weights of each image's own ({tries['weights_of_the_image']})" in TEXT
    assert f"duration of their fixation ({tries['kernels_by_duration']})" in TEXT
    assert f"pilot density ({tries['power_0.15']}, {tries['power_0.45']})" in TEXT
    assert max(OSIE["attempts"].values()) < 2.95
    assert f"has {OSIE['predicted_in_the_pilot']:.3f}, but that is a leak" in TEXT


def test_seconds() -> None:
    record = json.loads((ROOT / "results" / "gaze_ceilings.json").read_text())
    assert not record["dirty"]
    assert record["values"]["images"] == 700
    assert record["hardware"]["threads"] == 1
    assert f"700 images take {record['values']['cross_fitted']['processor_s']:.0f} s of one core" in TEXT


def test_floors_on_birds() -> None:
    record = json.loads((ROOT / "results" / "gaze_floors.json").read_text())
    assert not record["dirty"]
    floors = {
        "a Gaussian at the box's centre": "centre of the box",
        "uniform in the box": "uniform in the box",
        "viewers of training images, in the box": "viewers of training images, in the box",
    }
    for label, name in floors.items():
        nss = record["values"][name]["gaze_nss"]
        assert f"| {label} | {nss['mean']:.2f} ({nss['low']:.2f} to {nss['high']:.2f}) |" in TEXT
    for form in ("one Gaussian", "cross-fitted"):
        nss = record["values"][f"viewings, {form}"]["gaze_nss"]
        assert f"| one viewing by the others, {form} | {nss:.2f} |" in TEXT
    table = json.loads((ROOT / "results" / "table_cub50.json").read_text())["values"]
    gate = next(row for row in table["rows"] if row["arm"] == "noise gate")["cells"]
    assert gate["gaze_nss_center"]["value"] == pytest.approx(record["values"]["centre of the box"]["gaze_nss"]["mean"])
    prior = record["values"]["viewers of training images, in the box"]["gaze_nss"]["mean"]
    claims = " ".join((ROOT / "docs" / "claims.md").read_text(encoding="utf-8").split())
    assert f"in their boxes scores {prior:.2f}" in claims
    assert gate["gaze_nss"]["value"] > prior > 1.63, "Grad-CAM's"


def signed(share: float) -> str:
    return f"{100 * share:+.0f} %".replace("-", "−")


@pytest.mark.parametrize("observers", ["3", "6", "15", "30"])
def test_worlds(observers: str) -> None:
    world = VALUES["worlds"][observers]
    assert world["worlds"] == 40
    biases = [signed(world[name]["bias"]) for name in ("default_width", "best_width", "mixture", "limit")]
    within = [f"{100 * world['limit'][f'within_{n}_percent']:.0f} %" for n in (2, 5)]
    assert f"| {' | '.join([observers, *biases, *within])} |" in TEXT
    assert world["mixture"]["above"] == world["limit"]["above"] == 0, "never above the truth by more than its interval"
    assert world["limit"]["covers"] == 1
    assert world["limit"]["within_2_percent"] < 0.95
    columns = []
    for metric in ("cc", "sim", "kl"):
        means = [world["metrics"][metric][kind]["mean"] for kind in ("truth", "new", "old")]
        columns.append(", ".join(short(x, 3) if x < 1 else f"{x:.3g}" for x in means))
    assert f"| {' | '.join([observers, *columns])} |" in TEXT


def test_few_observers_make_sim_and_kl_look_better_than_the_truth() -> None:
    for observers, world in VALUES["worlds"].items():
        sim, kl = (world["metrics"][name] for name in ("sim", "kl"))
        above = sim["new"]["mean"] > sim["truth"]["mean"] + 0.01, kl["new"]["mean"] < kl["truth"]["mean"] - 0.01
        assert above == ((True, True) if observers in ("3", "6") else (False, False))


def test_scanpaths_on_osie() -> None:
    record = json.loads((ROOT / "results" / "scanpaths.json").read_text())
    assert not record["dirty"]
    values, scores = record["values"], record["values"]["scores"]
    columns = ("center", "other_image", "drawn from other images", "drawn from this image")
    columns += ("the observer, random order", "an observer", "observers")
    for metric in values["floor"]:
        means = [short(scores[kind][metric]["mean"], 3) for kind in columns]
        assert f"| `{metric}` | {' | '.join(means)} |" in TEXT
    sequence = {kind: scores[kind]["sequence_score"]["mean"] for kind in columns}
    drawn, person = sequence["drawn from this image"], sequence["an observer"]
    assert f"a real observer ({short(drawn, 3)} against {short(person, 3)})" in TEXT
    assert f"loses {short(person - sequence['the observer, random order'], 3)} of it" in TEXT
    higher = [m for m in values["floor"] if scores["center"][m]["mean"] > scores["observers"][m]["mean"]]
    assert higher == ["multimatch_shape", "multimatch_duration"]
    assert f"{values['images']} images with {values['viewings']:,} viewings take {values['seconds']:.0f} s" in TEXT
