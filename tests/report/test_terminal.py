import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from regard.report.runs import read_evaluation
from regard.report.terminal import print_scores


def printed(folder: Path, width: int = 140) -> str:
    file = io.StringIO()
    print_scores(read_evaluation(folder), Console(file=file, width=width))
    return file.getvalue()


def test_every_score_is_printed_with_its_references(run_folder: Path) -> None:
    text = printed(run_folder)
    evaluation = read_evaluation(run_folder)
    for score in evaluation.scores:
        assert score.label in text
        for reference in score.references:
            assert f"{reference.role} {reference.label}" in text
    for part in ("0.905 to 0.929", "9.80 bits", "+0.033 (+0.019 to +0.047), clearly better", *evaluation.warnings,
                 "not clearly better than its floor centre map", "undefined for 13: mask is empty"):  # fmt: skip
        assert part in text


def test_text_of_the_run_is_no_markup(make_run: Callable[..., Path]) -> None:
    def hostile(e: dict) -> None:
        e["scores"][0]["label"] = "[red]score[/red]"
        e["warnings"] = ["[bold]careful[/bold]"]
        e["data"]["name"] = "[link=x]name[/link]"

    text = printed(make_run(edit=hostile))
    for part in ("[red]score[/red]", "[bold]careful[/bold]", "[link=x]name[/link]"):
        assert part in text


def test_a_narrow_terminal_folds_and_loses_nothing(run_folder: Path) -> None:
    narrow = printed(run_folder, 60)
    assert max(map(len, narrow.splitlines())) <= 60
    for part in ("0.917", "0.905 to 0.929", "9.80 bits", "652 bits", "638 to 666", "0.412"):
        assert part in narrow
