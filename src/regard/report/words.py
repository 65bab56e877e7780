"""Numbers as text for people, and the sentences made of them; nothing is computed here."""

from __future__ import annotations

import math
from collections.abc import Sequence

from regard.report.schema import Difference, Reference, Run, Score, TrainedModel

UNDEFINED = "undefined"


def number(value: float, unit: str = "", digits: int | None = None) -> str:
    """Three significant digits or so, with a true minus sign and the unit: 0.912, 12.3, 1,084 bits, 3.2e-5.

    Args:
        value: NaN becomes *undefined*.
        unit: written after it.
        digits: after the decimal point; by the value's size where not given.
    """
    if not math.isfinite(value):
        return UNDEFINED if math.isnan(value) else ("∞" if value > 0 else "−∞")
    size = abs(value)
    if digits is not None:
        text = f"{value:,.{digits}f}"
    elif 0 < size < 5e-4:
        text = f"{value:.1e}".replace("e-0", "e-")
    elif float(value).is_integer() and (size >= 10 or size == 0):
        text = f"{value:,.0f}"
    else:
        text = f"{value:,.{_digits(size)}f}"
    return (text.replace("-", "−") + (f" {unit}" if unit else "")).strip()


def signed(value: float, unit: str = "") -> str:
    """`number` with its sign always written."""
    return ("+" if value > 0 else "") + number(value, unit)


def interval_text(low: float, high: float, sign: bool = False) -> str:
    """``low to high``, both to the same digits; nothing where there is no interval or it has no width."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return ""
    size = max(abs(low), abs(high))
    if size < 5e-4:
        return f"{number(low)} to {number(high)}"
    whole = size >= 10 and float(low).is_integer() and float(high).is_integer()
    ends = [("+" if sign and v > 0 else "") + number(v, digits=0 if whole else _digits(size)) for v in (low, high)]
    return " to ".join(ends)


def _digits(size: float) -> int:
    return 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.01 or size == 0 else 4


def verdict(difference: Difference, better: str | None) -> str:
    """The statement that the interval of a paired difference supports, in two or three words; empty without one."""
    if math.isnan(difference.low) or math.isnan(difference.high):
        return ""
    if difference.sign == 0:
        return "no clear difference"
    if better is None:
        return "clearly higher" if difference.sign > 0 else "clearly lower"
    return "clearly better" if (difference.sign > 0) == (better == "higher") else "clearly worse"


def duration(seconds: float) -> str:
    """42 s, 3 min 20 s, 2 h 5 min."""
    if not math.isfinite(seconds):
        return UNDEFINED
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.0f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def listed(words: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def plural(count: int, one: str, many: str = "") -> str:
    """1 epoch, 12 epochs."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def describe(model: TrainedModel) -> str:
    """The network as a phrase: backbone, attention, gate, sizes."""
    parts = [model.backbone]
    if model.attention:
        parts.append(f"with {model.attention} attention" + (f" at {listed(model.at)}" if model.at else ""))
    extras = [f"{model.gate} gate"] if model.gate else []
    extras += [plural(model.anchors, "anchor")] if model.anchors else []
    extras += [f"latent of {plural(model.latent, 'dimension')}"] if model.latent else []
    extras += [plural(model.parameters, "parameter")]
    return f"{' '.join(parts)} ({', '.join(extras)})"


def run_summary(run: Run) -> str:
    """The first paragraph: what was trained, then the first score of each group with its references."""
    data, epochs = run.evaluation.data, len(run.history.epochs)
    trained = f"trained for {plural(epochs, 'epoch')}" if epochs else "not trained for a whole epoch"
    took = "" if math.isnan(run.provenance.seconds) else f" in {duration(run.provenance.seconds)}"
    classes = f" in {plural(len(data.classes), 'class', 'classes')}" if data.classes else ""
    evaluated = f"evaluated on {plural(data.size, 'image')}{classes} from the {data.split} split of {data.name}"
    first = f"{describe(run.evaluation.model)}, {trained}{took}, was {evaluated}."
    scores = [sentence(s[0]) for s in run.evaluation.groups().values()]
    last = ["Brackets hold bootstrap intervals."] if scores else []
    return " ".join([first[0].upper() + first[1:], *scores, *last])


def sentence(score: Score) -> str:
    """One score as a sentence: value, interval, comparison with its controls and its first floor."""
    between = interval_text(score.low, score.high)
    text = f"{score.label}{',' if ',' in score.label else ''} is {number(score.value, score.unit)}"
    text += f" ({between})" if between else ""
    comparisons = [_against(r, score) for r in score.references if r.role == "control"]
    floors = [r for r in score.references if r.role == "floor"]
    if floors and score.better is not None:
        clear = "clear of" if floors[0] not in score.not_better_than() else "not clear of"
        comparisons.append(f"{clear} its floor of {number(floors[0].value)} ({floors[0].label})")
    elif floors:
        comparisons.append(f"next to {number(floors[0].value)} for {floors[0].label}")
    return text + (", " + " and ".join(comparisons) if comparisons else "") + "."


def _against(control: Reference, score: Score) -> str:
    """A control, with the verdict of the paired difference where that names it."""
    word = ""
    if score.difference is not None and control.label in score.difference.label:
        word = verdict(score.difference, score.better)
    if not word:
        return f"against {number(control.value)} for {control.label}"
    word = "not clearly different from" if word == "no clear difference" else f"{word} than"
    return f"{word} {control.label} at {number(control.value)}"
