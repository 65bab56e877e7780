"""Numbers as a person reads them, and the sentences made of them. Nothing here is computed, only said."""

from __future__ import annotations

import math
from collections.abc import Sequence

from regard.report.schema import Difference, Model, Run, Score

UNDEFINED = "undefined"


def number(value: float, unit: str = "") -> str:
    """Three significant digits or so, with a true minus sign and the unit: 0.912, 12.3, 1,084 bits, 3.2e-5."""
    if not math.isfinite(value):
        return UNDEFINED if math.isnan(value) else ("∞" if value > 0 else "−∞")
    size = abs(value)
    if 0 < size < 5e-4:
        text = f"{value:.1e}".replace("e-0", "e-")
    elif float(value).is_integer() and size >= 10:
        text = f"{value:,.0f}"
    else:
        text = f"{value:,.{0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 1 else 3}f}"
    return (text.replace("-", "−") + (f" {unit}" if unit else "")).strip()


def signed(value: float, unit: str = "") -> str:
    """The same with its sign always written."""
    return ("+" if value > 0 else "") + number(value, unit)


def interval(low: float, high: float, sign: bool = False) -> str:
    """``low to high``; nothing where there is no interval."""
    if math.isnan(low) or math.isnan(high):
        return ""
    write = signed if sign else number
    return f"{write(low)} to {write(high)}"


def verdict(difference: Difference, better: str | None) -> str:
    """What the interval of a paired difference allows to say, in two words."""
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


def describe(model: Model) -> str:
    """The network in half a sentence."""
    parts = [model.backbone]
    if model.attention:
        parts.append(f"with {model.attention} attention" + (f" at {listed(model.at)}" if model.at else ""))
    extras = [f"{model.gate} gate"] if model.gate else []
    extras += [plural(model.anchors, "anchor")] if model.anchors else []
    extras += [f"latent of {plural(model.latent, 'dimension')}"] if model.latent else []
    extras += [plural(model.parameters, "parameter")]
    return f"{' '.join(parts)} ({', '.join(extras)})"


def summary(run: Run) -> str:
    """The first paragraph: what was trained, then the first score of each group with what stands beside it."""
    data, epochs = run.evaluation.data, len(run.history.epochs)
    trained = f"trained for {plural(epochs, 'epoch')}" if epochs else "not trained for a whole epoch"
    took = "" if math.isnan(run.environment.seconds) else f" in {duration(run.environment.seconds)}"
    classes = f" in {plural(len(data.classes), 'class', 'classes')}" if data.classes else ""
    judged = f"judged on {plural(data.size, 'image')}{classes} from the {data.split} split of {data.name}"
    first = f"{describe(run.evaluation.model)}, {trained}{took}, was {judged}."
    return " ".join([first[0].upper() + first[1:], *(sentence(s[0]) for s in run.evaluation.groups().values())])


def sentence(score: Score) -> str:
    """One score in plain words: value, interval, the first reference of each role, and whether they differ."""
    between = interval(score.low, score.high)
    said = f"{score.label}: {number(score.value, score.unit)}" + (f" ({between})" if between else "")
    first = {r.role: r for r in reversed(score.references)}
    beside = [r for r in score.references if first[r.role] is r]
    if beside:
        said += ", against " + listed([f"{number(r.value)} for {r.label}" for r in beside])
    if score.difference is not None and (word := verdict(score.difference, score.better)):
        said += f"; {score.difference.label}: {signed(score.difference.value)}, {word}"
    return said + "."
