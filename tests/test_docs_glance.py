"""The numbers in docs/glance.md are those of results/glance.json, glance_speed.json and glance_receipts.json."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from regard.models import CONTROL_PLACES

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "glance.md").read_text(encoding="utf-8")
ARMS = {
    "whole": "the whole image",
    "even": "the whole image, half the resolution",
    "masked": "single patches, learned (`masked`)",
    "crop": "one window, learned (`crop`)",
    "box": "one window, on the object (an oracle)",
    "center": "one window, in the middle",
    "random": "one window, at random",
}
PAIRS = {
    "masked_minus_whole": "`masked` minus whole",
    "crop_minus_whole": "`crop` minus whole",
    "masked_minus_even": "`masked` minus half the resolution",
    "crop_minus_even": "`crop` minus half the resolution",
    "crop_minus_center": "`crop` minus middle",
    "crop_minus_random": "`crop` minus random",
    "box_minus_crop": "oracle minus `crop`",
}


def values(name: str) -> Any:
    return json.loads((ROOT / "results" / f"{name}.json").read_text())["values"]


def short(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}".replace("-", "−").replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{digits}f}"


def interval(d: dict[str, float], sign: str = "") -> str:
    texts = [f"{d[key]:{sign}.3f}".replace("-", "−").replace("0.", ".", 1) for key in ("value", "low", "high")]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"


def rows() -> Iterator[str]:
    glance = values("glance")
    for arm, label in ARMS.items():
        bought, lost = glance["object_bought"].get(arm), glance["lost_on_unseen_backgrounds"].get(arm)
        cells = [interval(glance["accuracy"][arm]), "" if bought is None else short(bought["value"])]
        cells.append("" if lost is None else interval(lost))
        yield f"| {' | '.join([label, *cells])} |".replace("  ", " ")
    for pair, label in PAIRS.items():
        yield f"| {label} | {interval(glance['difference'][pair], '+')} |"
    for name, network in values("glance_speed")["networks"].items():
        for batch, line in network["by_batch"].items():
            times = [f"{line[f'{each}_ms']:.0f}" for each in ("whole", "glance_and_look", "glance")]
            yield f"| `{name}` | {batch} | {' | '.join(times)} | {line['times_faster']:.2f} |"


def test_the_tables_are_what_was_recorded() -> None:
    lines = list(rows())
    assert len(lines) == 18
    for row in lines:
        assert row in TEXT


def test_the_number_of_seeds_is_told() -> None:
    seeds = json.loads((ROOT / "results" / "glance.json").read_text())["seeds"]
    assert f"For each of {('three', 'four', 'five')[len(seeds) - 3]} seeds" in TEXT


def test_nothing_that_was_not_bought_changed_a_prediction() -> None:
    glance = values("glance")
    changed = sum(glance["changed_by_other_pixels"].values())
    tested = len(glance["changed_by_other_pixels"]) * glance["predictions_tested"]
    assert f"{changed:.0f} of {tested:,} predictions changed" in TEXT


def test_the_receipts_are_what_was_recorded() -> None:
    receipts = values("glance_receipts").values()
    made, number = (sum(each[key] for each in receipts) for key in ("made_again", "receipts"))
    largest = max(each["mean_ratio"] for each in receipts)
    assert f"{made:,} of {number:,} predictions were made again" in TEXT
    assert f"at most {largest:.3f} times the stated bits" in TEXT


def test_the_largest_difference_to_masking_is_told() -> None:
    largest = max(network["largest_difference"] for network in values("glance_speed")["networks"].values())
    assert largest < 1e-5
    assert f"by at most {largest:.1e}".replace("e-0", "e-") in TEXT


def test_what_longer_training_and_finer_places_give() -> None:
    record = json.loads((ROOT / "results" / "glance_attempts.json").read_text())
    recorded, longer, finer, coarser = record["attempts"]
    text = " ".join(TEXT.split())
    whole, masked, crop = (short(longer[arm]["same"]) for arm in ("whole", "masked", "crop"))
    assert f"the whole image has {whole}, `masked` {masked} and `crop` {crop};" in text
    assert f"`crop` has {short(finer['crop']['same'])}. The glance then sees half of the side;" in text
    assert f"with a quarter of it `crop` has {short(coarser['crop']['same'])}." in text
    changed = [arm["changed_by_other_pixels"] for attempt in record["attempts"] for arm in attempt.values()
               if isinstance(arm, dict) and "changed_by_other_pixels" in arm]  # fmt: skip
    assert set(changed) == {0}
    assert recorded["crop"]["same"] < longer["crop"]["same"] < finer["crop"]["same"]


def set_rows(found: Any) -> Iterator[str]:
    """Lines of a set of results/glance_sets.json: each arm, and the look at other places."""
    labels = {"whole": "the whole image", "crop": "one window, learned (`crop`)", "masked": ARMS["masked"]}
    for arm, values_ in found["arms"].items():
        lost = [short(found["lost"][arm][kind]["value"]) for kind in ("swapped", "corrupted")]
        yield f"| {labels[arm]} | {short(values_['same']['value'])} | {' | '.join(lost)} |"
    places = {
        **CONTROL_PLACES,
        "whole": "the whole image",
        "shrunk": "the whole image, made as small as what is bought",
    }
    for place, label in places.items():
        yield f"| {label} | {short(found['arms']['crop'][f'at/{place}']['value'])} |"


def test_other_places_and_backgrounds_are_what_was_recorded() -> None:
    found = values("glance_sets")["clutter"]
    for row in set_rows(found):
        assert row in TEXT
    crop = found["arms"]["crop"]
    changed, images = crop["changed_by_other_pixels"]["value"], crop["images"]["value"]
    assert found["seeds"] == [0]
    assert f"{changed:.0f} of {images:,.0f} predictions of this network changed" in TEXT
