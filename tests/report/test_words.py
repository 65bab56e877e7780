from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.report.runs import read_run
from regard.report.schema import Difference, Reference, Score
from regard.report.words import duration, interval_text, listed, number, plural, run_summary, sentence, signed, verdict

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.91249, "0.912"), (0, "0"), (-0.5, "−0.500"), (1, "1.00"), (9.8, "9.80"), (12, "12"), (12.34, "12.3"),
        (1084.4, "1,084"), (219482, "219,482"), (3.2e-5, "3.2e−5"), (6e-4, "0.0006"),
        (NAN, "undefined"), (float("inf"), "∞"), (float("-inf"), "−∞"),
    ],
)  # fmt: skip
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_written_number_is_close_to_the_number(value: float) -> None:
    read = float(number(value).replace("−", "-").replace(",", ""))
    assert read == pytest.approx(value, rel=0.1 if abs(value) < 0.01 else 0.01)


def test_units_and_signs() -> None:
    assert number(9.8, "bits") == "9.80 bits"
    assert (signed(0.03), signed(-0.03), signed(0)) == ("+0.030", "−0.030", "0")


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.905, 0.929, "0.905 to 0.929"), (9.6, 10, "9.6 to 10.0"), (638, 666, "638 to 666"), (0, 5, "0.00 to 5.00"),
        (NAN, 1, ""), (0.2, 0.2, ""), (1e-5, 2e-5, "1.0e−5 to 2.0e−5"),
    ],
)  # fmt: skip
def test_intervals_have_one_number_of_digits(low: float, high: float, text: str) -> None:
    assert interval_text(low, high) == text


def test_signed_intervals() -> None:
    assert interval_text(-0.003, 0.026, sign=True) == "−0.003 to +0.026"


@pytest.mark.parametrize(
    ("low", "high", "better", "text"),
    [
        (0.1, 0.2, "higher", "clearly better"), (0.1, 0.2, "lower", "clearly worse"),
        (-0.2, -0.1, "higher", "clearly worse"), (-0.2, -0.1, "lower", "clearly better"),
        (0.1, 0.2, None, "clearly higher"), (-0.2, -0.1, None, "clearly lower"),
        (-0.1, 0.1, "higher", "no clear difference"), (NAN, NAN, "higher", ""),
    ],
)  # fmt: skip
def test_verdicts(low: float, high: float, better: str | None, text: str) -> None:
    assert verdict(Difference("d", 0.0, low, high), better) == text


def test_small_words() -> None:
    assert [duration(s) for s in (4.2, 200, 7500, NAN)] == ["4 s", "3 min 20 s", "2 h 5 min", "undefined"]
    assert [listed(w) for w in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert [plural(n, "class", "classes") for n in (1, 1200)] == ["1 class", "1,200 classes"]


def test_a_sentence_compares_a_score_with_its_references() -> None:
    twin = Reference("plain twin", "control", 0.884)
    floor = Reference("chance", "floor", 0.1)
    score = Score("a", "prediction", "Accuracy, mean", 0.917, better="higher", low=0.905, high=0.929,
                  references=(twin, floor), difference=Difference("minus plain twin", 0.033, 0.019, 0.047))  # fmt: skip
    assert sentence(score) == (
        "Accuracy, mean, is 0.917 (0.905 to 0.929), clearly better than plain twin at 0.884 "
        "and clear of its floor of 0.100 (chance)."
    )


def test_a_sentence_claims_no_difference_that_is_not_there() -> None:
    twin = Reference("twin", "control", 0.9)
    score = Score("a", "prediction", "Accuracy", 0.91, better="higher", references=(twin,))
    assert sentence(score) == "Accuracy is 0.910, against 0.900 for twin."
    paired = Score("a", "prediction", "Accuracy", 0.91, better="higher", references=(twin,),
                   difference=Difference("minus twin", 0.01, -0.01, 0.03))  # fmt: skip
    assert "not clearly different from twin at 0.900" in sentence(paired)
    at_floor = Score(
        "a", "localization", "IoU", 0.18, better="higher", references=(Reference("centre", "floor", 0.19),)
    )
    assert "not clear of its floor of 0.190 (centre)" in sentence(at_floor)
    neutral = Score("a", "information", "Rate", 9.0, unit="bits", references=(Reference("log2 n", "floor", 3.3),))
    assert sentence(neutral) == "Rate is 9.00 bits, next to 3.30 for log2 n."


def test_the_summary_describes_the_run(make_run: Callable[..., Path]) -> None:
    text = run_summary(read_run(make_run()))
    assert text.startswith("Small CNN with aib attention at block2 (noise gate, 16 anchors, latent of 64 dimensions, ")
    for part in ("219,482 parameters", "14 epochs in 2 min 51 s", "2,000 images in 10 classes", "0.917", "9.80 bits"):
        assert part in text


def test_the_summary_of_a_plain_network(make_run: Callable[..., Path]) -> None:
    def plain(e: dict) -> None:
        e["model"] = {"backbone": "resnet18", "parameters": 11_000_000}
        e["scores"], e["data"]["classes"] = [], []

    folder = make_run(edit=plain)
    (folder / "metrics.jsonl").write_text("")
    assert run_summary(read_run(folder)) == (
        "Resnet18 (11,000,000 parameters), not trained for a whole epoch in 2 min 51 s, "
        "was evaluated on 2,000 images from the test split of clutter."
    )
