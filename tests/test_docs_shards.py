"""The numbers of tar shards in docs/data.md are those of results/shards.json."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
VALUES = json.loads((ROOT / "results" / "shards.json").read_text())["values"]


def test_times_and_rates_are_what_was_recorded() -> None:
    assert f"{VALUES['images']:,} JPEG images of 64 pixels in {VALUES['shards']} shards" in TEXT
    opened, again, first = (VALUES[f"{name}_seconds"] for name in ("open_first", "open_again", "first_batch"))
    assert f"opened in {opened} s, again in {again} s, with the first batch {first} s later" in TEXT
    for workers, rates in enumerate(VALUES["images_a_second"].values()):
        cells = [f"{rates[name]:,.0f}" for name in ("shards", "folder", "timm", "torchvision")]
        assert f"| {workers} | {' | '.join(cells)} |" in TEXT


def test_every_image_was_seen_once() -> None:
    run = VALUES["killed_run"]
    assert run["seen_once_in_epoch"] == [True, True]
    assert f"all {run['training_images']:,}\ntraining images were trained on once in each epoch" in TEXT
