"""The times of docs/app.md are those of results/app.json."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VALUES = json.loads((ROOT / "results" / "app.json").read_text())["values"]


def test_what_was_measured_is_what_was_recorded() -> None:
    text = " ".join((ROOT / "docs" / "app.md").read_text(encoding="utf-8").split())
    page, targets, held = VALUES["first_page"], VALUES["targets"], VALUES["uploads"]["mebibytes_after_every_ten"]
    for quoted in (
        f"after {page['wall_seconds']:.1f} s (wanted: {targets['page_seconds']:.0f} s), "
        f"of which {page['processor_seconds']:.1f} s are processor time",
        f"load average was {page['load_average']:.0f}",
        *(
            f"| {label} | {VALUES[key]['wall_seconds']:.2f} s | {VALUES[key]['slowest_wall_seconds']:.2f} s | "
            f"{VALUES[key]['processor_seconds']:.2f} s |"
            for label, key in (("Grad-CAM", "grad_cam"), ("learned attention", "learned_attention"))
        ),
        f"held between {min(held):,.0f} and {max(held):,.0f} MiB, {held[1]:,.0f} after twenty of them and "
        f"{held[-1]:,.0f} after the last",
        f"of {VALUES['two_users']['looks']} looks of two users at once, "
        f"{VALUES['two_users']['of_another_picture']} showed another picture",
    ):
        assert quoted in text, quoted
