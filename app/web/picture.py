"""The whole-model picture of the layers page: which axis, which unit, heat map or ridges."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from markupsafe import Markup

from app.charts import fingerprint, ridges
from app.charts.fingerprint import Fingerprint
from app.charts.names import shortened
from app.charts.profiles import RANGES, Unit, window
from app.charts.style import SIGN_TONES, VARIABLES
from app.core.report import Overview, TensorRow
from app.web import filters
from app.web.contexts import Choice, Picture, StripMark, Tick
from app.web.selection import View, weights_of
from app.web.wording import scheme_name

LONGEST_TIP = 80


def unit_of(overview: Overview, view: View) -> Unit:
    """The unit asked for; the main scheme's std where that is not PyTorch's default."""
    if not _has_scheme_unit(overview):
        return "bound"
    if view.unit == "bound":
        return "bound"
    return "scheme"


def _has_scheme_unit(overview: Overview) -> bool:
    main = overview.summary.main_scheme
    if main is None or main == "torch_default":
        return False
    return any(item.unit == "scheme" for row in overview.rows for item in row.profiles)


def script_json(value: object) -> Markup:
    """JSON that is safe inside a script element: no `<` can end it."""
    text = orjson.dumps(value).decode()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - every sign that HTML knows is escaped above


def axis_ticks(half_width: float) -> tuple[Tick, ...]:
    """Labels of the shared axis at whole units, or at halves on the narrow one."""
    step = 0.5 if half_width < 2 else 1.0 if half_width < 4 else 2.0
    count = round(2 * half_width / step)
    return tuple(
        Tick(place=100 * at / count, label=_signed(-half_width + step * at))
        for at in range(count + 1)
    )


def row_ticks(half_width: float) -> tuple[Tick, ...]:
    """Labels of the table's small axis: its ends, 0 and ±1."""
    places = (-half_width, -1.0, 0.0, 1.0, half_width)
    roomy = half_width >= 2  # on the narrow axis the labels of its ends would touch those of ±1
    return tuple(
        Tick(
            place=50 * (at / half_width + 1),
            label=_signed(at) if roomy or abs(at) <= 1 else "",
        )
        for at in places
    )


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", filters.MINUS) if value else "0"


def _units(overview: Overview, view: View, unit: Unit) -> tuple[Choice, ...]:
    if not _has_scheme_unit(overview):
        return ()
    name = scheme_name(overview.summary.main_scheme)
    return (
        Choice(
            label=f"÷ {name} std",
            href=view.query(unit="", range="") or "?",
            current=unit == "scheme",
            value="",
        ),
        Choice(
            label="÷ PyTorch bound",
            href=view.query(unit="bound", range=""),
            current=unit == "bound",
            value="bound",
        ),
    )


def _views(view: View, weights: int) -> tuple[Choice, ...]:
    full = weights > ridges.MOST
    why = f"Ridges show at most {ridges.MOST} weight tensors; this file has {weights}."
    ridge = view.view == "ridge" and not full
    return (
        Choice(label="Heat map", href=view.query(view="") or "?", current=not ridge, value=""),
        Choice(
            label="Ridges",
            href=view.query(view="ridge"),
            current=ridge,
            value="ridge",
            why_off=why if full else "",
        ),
    )


def _ranges(view: View, half_width: float) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            label=f"±{reach:g}",
            href=view.query(range=f"{reach:g}"),
            current=reach == half_width,
            value=f"{reach:g}",
        )
        for reach in RANGES
    )


def _heading(overview: Overview, unit: Unit) -> str:
    if unit == "bound":
        return "Every weight tensor against its bound"
    return f"Every weight tensor against {scheme_name(overview.summary.main_scheme)}"


def _caption(overview: Overview, unit: Unit) -> str:
    first = "One row per weight tensor, input layer on top. "
    if unit == "bound":
        return first + (
            "Across: weight ÷ the bound that PyTorch would draw it from (1/√fan_in for Linear and "
            "Conv). Dashed: that bound, ±1. A fresh default layer fills the space between the "
            "lines and nothing outside."
        )
    name = scheme_name(overview.summary.main_scheme)
    return first + (
        f"Across: weight ÷ the std that {name} would give. If every row looks the same, every "
        "layer follows the rule. Dashed: ±1 std."
    )


def _note(overview: Overview, weights: Sequence[TensorRow]) -> str:
    drawn = {row.index for row in weights}
    rest = [row for row in overview.rows if row.index not in drawn]
    constant = sum(row.constant is not None for row in rest)
    text = filters.plural(len(weights), "weight tensor") + "."
    if rest:
        text += f" {filters.plural(len(rest), 'other')} not drawn"
        share = "all" if constant == len(rest) else filters.integer(constant)
        text += f", {share} of them constant." if constant else "."
    return text


def _data(drawn: Fingerprint, weights: Sequence[TensorRow], half_width: float) -> Markup:
    names = [
        [row.index, shortened(row.name, LONGEST_TIP), row.scheme_name, row.sign] for row in weights
    ]
    return script_json({"tensors": names, "height": drawn.height, "halfWidth": half_width})


def picture(overview: Overview, view: View, *, drawn: Fingerprint) -> Picture | None:
    """The picture for this state of the page, or None without a weight tensor."""
    weights = weights_of(overview.rows)
    if not weights:
        return None
    views = _views(view, len(weights))
    outline = None
    if views[1].current:
        outline = Markup(  # noqa: S704 - svg.py escapes every name
            ridges.ridges(weights, VARIABLES, unit=drawn.unit, half_width=drawn.half_width)
        )
    columns = range(192)[window(drawn.half_width)]
    middle = len(columns) / 2
    return Picture(
        views=views,
        units=_units(overview, view, drawn.unit),
        ranges=_ranges(view, drawn.half_width),
        heading=_heading(overview, drawn.unit),
        note=_note(overview, weights),
        caption=_caption(overview, drawn.unit),
        sentence=drawn.sentence,
        height=drawn.height,
        bins=len(columns),
        mask="" if outline else fingerprint.heat_mask(drawn),
        marks=tuple(
            StripMark(
                tone=SIGN_TONES[mark.sign].replace("_", "-"), top=mark.top, height=mark.height
            )
            for mark in drawn.marks
        ),
        constants=drawn.constants,
        bounds=(middle - 16, middle + 16),
        bound_label="the default bound" if drawn.unit == "bound" else "one std of the main scheme",
        ticks=axis_ticks(drawn.half_width),
        ridges=outline,
        data=_data(drawn, weights, drawn.half_width),
    )
