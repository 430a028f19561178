"""A propagation report in words: headline, cards, factors and shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from app.charts.names import shortened, visible
from app.charts.propagation import depth, points, short_names
from app.charts.style import SIGN_ICONS
from app.core.propagation import CHECKPOINT, Layer, PropagationReport, Series
from app.core.report import Level, Sign
from app.web import filters
from app.web.contexts import Fact, FindingLine, Verdict
from app.web.wording import verdict

LEAST_SHARE = 1e-6  # of the size; below it the share is told as a limit
LONGEST = 400
SIGNS: dict[Level, Sign] = {"info": "as_expected", "warning": "differs", "problem": "problem"}
WORDS: dict[Level, str] = {"info": "holds", "warning": "warning", "problem": "problem"}
ORIGINS = {"spec": "a spec", "pt2": "a .pt2 program", "onnx": "an ONNX file"}


def factor(value: float | None) -> str:
    """By how much a size changes: "×0.92", "×0", "×7·10⁻¹⁶"."""
    if value is None or not math.isfinite(value):
        return filters.NONE
    if value == 0:
        return "×0"
    if 1e-3 <= value < 1e4:
        return f"×{value:.3g}" if value < 100 else f"×{value:,.0f}"
    mantissa, power = f"{value:.1e}".split("e")
    raised = str(int(power)).translate(filters.SUPERSCRIPTS)
    return f"×{mantissa.removesuffix('.0')}·10{raised}"


def short(value: float | None) -> str:
    """A measured size in three digits: "0.0279", "7.1·10⁻¹⁶"."""
    told = factor(value)
    return told.removeprefix("×")


def share(value: float | None) -> str:
    """An input share in percent; what lies below rounding is told as a limit."""
    if value is None or not math.isfinite(value):
        return filters.NONE
    if 0 < value < LEAST_SHARE:
        return "< 0.0001 %"
    if value >= 1:
        return "100 %"
    return f"{filters.number(100 * value, 2)} %" if value else "0 %"


def question(report: PropagationReport) -> str:
    """The page's title for this depth."""
    return f"Does the signal survive {filters.plural(depth(report), 'layer')}?"


def intro(report: PropagationReport, *, inputs: str = "") -> str:
    """What was done, in a sentence or two.

    Args:
        report: The report.
        inputs: Name of the file that the inputs came from.
    """
    law = report.input.get("law")
    predicted = any(layer.theory for one in report.series for layer in one.layers)
    theory = " Dashed: theory." if predicted else ""
    given = {
        "normal": "N(0, 1) inputs",
        "uniform01": "inputs uniform in 0 to 1 (torch.rand)",
    }.get(str(law), f"inputs from {visible(inputs or str(report.input.get('file') or 'a file'))}")
    return (
        f"{report.batch:,} {given} through {filters.plural(report.seeds, 'network')} of each "
        f"scheme, on {report.device}, {report.dtype}, {report.mode} mode. Lines: median of the "
        f"seeds; shaded: lowest to highest.{theory}"
    )


def _size(layer: Layer) -> float | None:
    """The signal's size; a 0 beside values that are not finite says nothing."""
    found = layer.forward
    return None if found.rms_median == 0 and found.nonfinite else found.rms_median


def _gradient(layer: Layer) -> float | None:
    found = layer.backward
    if found is None or (found.grad_rms_median == 0 and found.nonfinite):
        return None
    return found.grad_rms_median


def _ratio(top: float | None, bottom: float | None) -> float | None:
    if top is None or bottom is None:
        return None
    if top == 0:
        return 0.0
    return top / bottom if bottom else None


def card_facts(series: Series) -> tuple[Fact, ...]:
    """The three numbers of a series: size, input share, gradient."""
    layers = points(series)
    first, last = layers[0], layers[-1]
    size = _ratio(_size(last), _size(first))
    gradient = _ratio(_gradient(first), _gradient(last))
    end = len(layers)
    return (
        Fact(name=f"signal, 1 → {end}", value=factor(size)),
        Fact(name=f"input share at {end}", value=share(last.forward.input_share)),
        Fact(name=f"gradient, {end} → 1", value=factor(gradient)),
    )


def _keeps(one: Series) -> bool:
    return one.verdict is not None and one.verdict.level == "info"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _of_schemes(report: PropagationReport) -> tuple[Sign, str]:
    """Which of the fresh draws keep the signal, in a sentence."""
    named = zip(report.series, short_names(report.series), strict=True)
    fresh = [(one, name) for one, name in named if one.scheme != CHECKPOINT]
    keeping = [name for one, name in fresh if _keeps(one)]
    end = "the signal and the gradient at this depth."
    if len(fresh) == 1:
        one, name = fresh[0]
        told = one.verdict.message if one.verdict else "measured."
        return SIGNS[one.verdict.level] if one.verdict else "not_judged", f"{name}: {told}"
    if not keeping:
        return "problem", f"None of these {len(fresh)} schemes keeps both {end}"
    if len(keeping) == len(fresh):
        return "as_expected", f"All {len(fresh)} schemes keep both {end}"
    only = "Only " if len(keeping) == 1 else ""
    verb = "keeps" if len(keeping) == 1 else "keep"
    return "no_match", f"{only}{_listed(keeping)} {verb} both {end}"


def headline(report: PropagationReport) -> tuple[Sign, str, tuple[FindingLine, ...]]:
    """Sign, sentence and lines: the person's own weights first, where they were measured."""
    own = next((one for one in report.series if one.scheme == CHECKPOINT), None)
    fresh = len(report.series) > (own is not None)
    lines: list[FindingLine] = []
    if own is None or own.verdict is None:
        sign, sentence = _of_schemes(report) if fresh else ("not_judged", "Measured.")
    else:
        sign, sentence = SIGNS[own.verdict.level], f"Your weights: {own.verdict.message}"
        lines += [_plain(own.verdict.level, line) for line in own.verdict.lines]
        if fresh:
            lines.append(_plain("info", f"Started fresh: {_lower(_of_schemes(report)[1])}"))
    if own is None:
        lines += _shared(report)
    return sign, sentence, tuple(lines)


def _shared(report: PropagationReport) -> list[FindingLine]:
    """What is wrong with the fresh draws, those alike in one line; more of a single one."""
    if len(report.series) == 1:
        found = report.series[0].verdict
        return [_plain(found.level, line) for line in found.lines] if found else []
    said: dict[tuple[Level, str], list[str]] = {}
    for one, name in zip(report.series, short_names(report.series), strict=True):
        if one.verdict is not None and one.verdict.level != "info":
            said.setdefault((one.verdict.level, one.verdict.message), []).append(name)
    return [_plain(level, f"{_listed(names)}: {text}") for (level, text), names in said.items()]


def _lower(sentence: str) -> str:
    first = sentence.partition(" ")[0]
    return sentence[0].lower() + sentence[1:] if first in {"Only", "None", "All"} else sentence


def _plain(level: Level, text: str) -> FindingLine:
    return FindingLine(level=level, link=None, label="", message=shortened(text, LONGEST))


def verdict_box(report: PropagationReport) -> Verdict:
    """The box at the head of the page."""
    sign, sentence, lines = headline(report)
    box = verdict(sign, sentence, lines=lines, facts=facts(report))
    return replace(box, icon="→", word="comparison") if sign == "no_match" else box


def facts(report: PropagationReport) -> tuple[Fact, ...]:
    """What ran, in the verdict's right column."""
    about = report.architecture
    found = [
        Fact(name="layers with a weight", value=filters.integer(about.layers)),
        Fact(name="operations", value=filters.integer(about.operations)),
        Fact(name="parameters", value=filters.count(about.parameters)),
        Fact(name="read from", value=ORIGINS.get(about.origin, about.origin)),
        Fact(name="input", value=", ".join(filters.shape(one) for one in about.inputs)),
    ]
    if report.seconds is not None:
        found.append(Fact(name="took", value=f"{filters.number(report.seconds, 2)} s"))
    if report.peak_bytes is not None:
        found.append(Fact(name="memory", value=filters.size(report.peak_bytes)))
    return tuple(found)


def sign_of(series: Series) -> tuple[Sign, str, str]:
    """Tone, sign and word of a series' verdict."""
    if series.verdict is None:
        return "not_judged", SIGN_ICONS["not_judged"], "not judged"
    level = series.verdict.level
    return SIGNS[level], SIGN_ICONS[SIGNS[level]], WORDS[level]
