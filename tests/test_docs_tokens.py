"""The numbers in docs/tokens.md match results/token_skipping.json."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORD = json.loads((ROOT / "results" / "token_skipping.json").read_text())["values"]
TEXT = (ROOT / "docs" / "tokens.md").read_text(encoding="utf-8")


def short(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}".replace("-", "−")
    return text.replace("0.", ".") if abs(value) < 1 else text


def test_times_of_the_untrained_network() -> None:
    speeds: dict[tuple[int, float], dict[int, float]] = {}
    for cell in RECORD["vit_tiny_224"]:
        speeds.setdefault((cell["at"], cell["kept_share"]), {})[cell["batch"]] = cell["dropped_times_faster"]
    assert len(speeds) == 9
    for (at, kept), speed in speeds.items():
        line = f"| block {at} | {kept:g} | {short(speed[1], 2)} | {short(speed[8], 2)} |".replace("0.", ".")
        assert line in TEXT


def interval(lost: dict[str, float]) -> str:
    return f"{short(lost['mean'], 3)} ({short(lost['low'], 3)} to {short(lost['high'], 3)})"


def test_accuracies_and_times_of_the_trained_ones() -> None:
    full = {cell["full_accuracy"] for cell in RECORD["trained"]}
    assert len(full) == 1
    assert f"The full network reaches {short(full.pop(), 3)}" in TEXT
    for cell in RECORD["trained"]:
        words = [
            f"block {cell['at'].rpartition('.')[2]}",
            short(cell["kept_share"], 1),
            short(cell["mean_map"]["accuracy"], 3),
            *(interval(cell[name]["lost"]) for name in ("mean_map", "random_places")),
            *(short(cell["by_batch"][batch]["dropped_times_faster"], 2) for batch in ("1", "16", "64")),
            f"{short(cell['kept_on_object'], 2)} of {short(cell['object_area'], 2)}",
        ]
        assert f"| {' | '.join(words)} |" in TEXT


def test_the_readme_quotes_the_recipes_record() -> None:
    cell = RECORD["trained"][0]
    lost, speed = cell["mean_map"]["lost"], cell["by_batch"]
    loss_text = "{mean:.3f} of accuracy lost, interval {low:.3f} to {high:.3f}".format(**lost).replace("-", "−")
    times = " and ".join(f"{speed[batch]['dropped_times_faster']:.1f}" for batch in ("16", "64"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{loss_text}; {times} times faster in batches of 16 and 64" in readme
