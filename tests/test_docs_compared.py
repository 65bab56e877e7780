"""The comparison with other libraries says of regard what is so, and quotes the records."""

import json
import re
from pathlib import Path

from regard.cli.names import JUDGE_METRICS, METHOD_NAMES, SCORE_METRICS
from regard.score.results import METRIC_LABELS

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "compared.md").read_text(encoding="utf-8")
ROWS = {
    cells[0]: cells[1]
    for line in TEXT.splitlines()
    if line.startswith("| ") and len(cells := [cell.strip() for cell in line.strip("|").split(" | ")]) > 2
}


def values(name: str) -> dict:
    return json.loads((ROOT / "results" / f"{name}.json").read_text())["values"]


def test_numbers_of_methods_and_metrics() -> None:
    controls = ("random", "center", "uniform")
    others = [name for name in METHOD_NAMES if name not in ("attention", *controls)]
    assert ROWS["methods of explanation"].startswith(f"[{len(others)}](explain.md)")
    assert sum(name.endswith(("_cam", "_cam_pp")) for name in others) == 4, "Grad-CAM and three variants"
    assert sum("gradient" in name or name == "smooth_grad" for name in others) - 1 == 4, "but for one rollout"
    assert sum("rollout" in name for name in others) == sum(name.endswith("iba") for name in others) == 2
    assert ROWS["tests of maps"] == f"[{len(JUDGE_METRICS)} metrics](judging.md)"


def test_gaze_metrics_are_those_of_the_command() -> None:
    named = ROWS["maps against gaze"].partition("]")[0].strip("[").split(", ")
    known = {"auc_judd": None}
    short = {"auc": "AUC", "sauc": "sAUC", "nss": "NSS", "cc": "CC", "sim": "SIM", "kl": "KL"}
    short["information_gain"] = "information gain"
    assert named == [short[name] for name in SCORE_METRICS if name not in known]
    assert set(METRIC_LABELS) == set(SCORE_METRICS)


def test_times_are_those_of_the_records() -> None:
    deletion, fixations = values("deletion_overhead"), values("fixation_metrics")
    own = deletion["regard"]["mean"]["overhead"]
    peers = {name: 100 * side["overhead"] for name, side in deletion["peers"].items()}
    assert f"they take {100 * own:.1f} % of the" in TEXT
    assert f"torch-cam's {peers['torchcam']:.1f} % and Quantus's {peers['quantus']:.1f} %" in TEXT
    largest = f"{max(fixations['largest_difference'].values()):.0e}".replace("e-0", "e-")
    assert f"to {largest}, {fixations['wall_ms_an_image']['times_faster']:.1f} times faster" in TEXT


def test_every_row_has_a_cell_for_each_library() -> None:
    table = [line for line in TEXT.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {table[0].count("|")}
    assert len(re.findall(r"\]\(https://", TEXT)) >= 5


def test_salient_object_scores_are_as_many_times_faster_as_recorded() -> None:
    text = " ".join((ROOT / "docs" / "segmentation.md").read_text(encoding="utf-8").split())
    one, two = (values(f"salient_metrics{cores}")["wall_ms_an_image"]["times_faster"] for cores in ("", "_2_cores"))
    assert f"all of them are {one:.1f} times faster than pysodmetrics on one core" in text
    assert f"threads of two cores {two:.1f} times" in text
    assert max(values("salient_metrics")["largest_difference"].values()) < 1e-9
