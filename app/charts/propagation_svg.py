"""The charts over depth as SVG: the page's own drawing, and the file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from app.charts import svg
from app.charts.propagation import SignalLine, SignalPlot, Values
from app.charts.propagation_frame import HEIGHT, WIDTH, DepthFrame, axes, layer_places, value_ticks
from app.charts.propagation_layout import Run, Strip
from app.charts.propagation_marks import drawn
from app.charts.style import Palette

SPARSE = 9  # px between two marks of a strip, at least
LEADER = 7  # px that a name may stand from its line's end before a hairline joins them
TRIANGLE = 3.6  # px, half of a side
SEEDS_OPACITY, THEORY_OPACITY = 0.16, 0.07  # of what was measured, and what theory expects
HEADING = 26  # px of the title above a drawing that stands alone


def segments(frame: DepthFrame, y: Values) -> list[list[tuple[float, float]]]:
    """The pixels of a line, broken where a logarithmic axis has no place for a value.

    On a linear axis a layer without a value is passed over: no activation follows it.
    """
    found: list[list[tuple[float, float]]] = [[]]
    for x, value in zip(layer_places(frame), y, strict=False):
        if value is None or (frame.log and value <= 0):
            if frame.log:
                found.append([])
        else:
            found[-1].append((x, frame.y(value)))
    return [part for part in found if part]


def thinned(part: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same line to the eye: of a column of pixels its first, highest, lowest and last point."""
    if len(part) <= WIDTH:
        return list(part)
    kept = []
    for _, column in groupby(part, key=lambda point: int(point[0])):
        points = list(column)
        ends = {0, len(points) - 1}
        heights = [y for _, y in points]
        ends |= {heights.index(min(heights)), heights.index(max(heights))}
        kept += [points[at] for at in sorted(ends)]
    return kept


def _path(parts: Sequence[Sequence[tuple[float, float]]]) -> str:
    """Path data; a part of a single point becomes a dot under a round cap."""
    return "".join(
        f"{svg.polyline(thinned(part))}{'h0' if len(part) == 1 else ''}" for part in parts
    )


def _outline(low: Values, high: Values, frame: DepthFrame) -> str:
    """Path data of the area between two lines, broken where either has no value."""
    edge: list[tuple[float, float]] = []
    back: list[tuple[float, float]] = []
    parts = []
    for x, lowest, highest in zip(layer_places(frame), low, high, strict=False):
        if lowest is None or highest is None or (frame.log and highest <= 0):
            parts.append((edge, back))
            edge, back = [], []
        else:
            edge.append((x, frame.y(highest)))
            back.append((x, frame.y(lowest)))
    parts.append((edge, back))
    return "".join(f"{svg.polyline([*thinned(a), *thinned(b)[::-1]])}z" for a, b in parts if a)


def _band(line: SignalLine, frame: DepthFrame, palette: Palette) -> str:
    path = _outline(line.low, line.high, frame)
    hue = palette.family(line.mark.family)
    return svg.element("path", d=path, fill=hue, fill_opacity=SEEDS_OPACITY) if path else ""


def _expected(line: SignalLine, frame: DepthFrame, palette: Palette) -> str:
    """Where theory has single networks: paler than what was measured, with dashed edges."""
    path = _outline(line.expected_low, line.expected_high, frame)
    if not path:
        return ""
    hue = palette.family(line.mark.family)
    return svg.element(
        "path",
        d=path,
        fill=hue,
        fill_opacity=THEORY_OPACITY,
        stroke=hue,
        stroke_opacity=0.55,
        stroke_width=0.8,
        stroke_dasharray="3 3",
    )


def _stroke(line: SignalLine, y: Values, frame: DepthFrame, palette: Palette, dash: str) -> str:
    path = _path(segments(frame, y))
    if not path:
        return ""
    style: dict[str, str | float] = {"stroke_dasharray": dash} if dash else {}
    return svg.element(
        "path",
        d=path,
        fill="none",
        stroke=palette.family(line.mark.family),
        stroke_width=line.mark.width,
        stroke_linejoin="round",
        stroke_linecap="butt" if dash else "round",
        **style,
    )


def _series(line: SignalLine, frame: DepthFrame, palette: Palette) -> str:
    marked = []
    for place in line.marked:
        value = line.y[place]
        if value is not None and not (frame.log and value <= 0):
            marked.append((frame.x(place + 1), frame.y(value)))
    dots = drawn(line.mark, marked, palette) if marked and line.mark.shape != "none" else ""
    theory = _stroke(line, line.theory, frame, palette, "6 4") if line.theory else ""
    return theory + _stroke(line, line.y, frame, palette, line.mark.dash) + dots


def _zone(plot: SignalPlot, palette: Palette) -> str:
    if plot.zone is None:
        return ""
    frame = plot.frame
    top, bottom = frame.y(plot.zone[1]), frame.y(plot.zone[0])
    return svg.element(
        "rect",
        x=frame.left,
        y=top,
        width=WIDTH - frame.left - frame.right,
        height=bottom - top,
        fill=palette.good,
        fill_opacity=0.11,
    )


def _levels(plot: SignalPlot, palette: Palette) -> str:
    frame, parts = plot.frame, []
    end = WIDTH - frame.right
    for level in plot.levels:
        y = frame.y(level.value)
        parts.append(
            svg.element(
                "path",
                d=f"M{svg.written(frame.left)} {svg.written(y)}H{svg.written(end)}",
                stroke=palette.quiet,
                stroke_width=1.2,
                stroke_dasharray="2 3",
            )
        )
    return "".join(parts)


def _level_words(plot: SignalPlot, palette: Palette) -> str:
    frame, parts = plot.frame, []
    for level in plot.levels:
        x = frame.left + 5 if level.left else WIDTH - frame.right - 5
        y = frame.y(level.value) + (-4 if level.above else 13)
        anchor = "start" if level.left else "end"
        parts.append(_haloed(level.text, palette, x=x, y=y, text_anchor=anchor))
    return "".join(parts)


def _haloed(content: str, palette: Palette, *, fill: str = "", **place: str | float) -> str:
    """Words that stay readable over lines."""
    return svg.text(
        content,
        fill=fill or palette.quiet,
        stroke=palette.page,
        stroke_width=3,
        paint_order="stroke",
        stroke_linejoin="round",
        **place,
    )


def strip_marks(frame: DepthFrame, runs: Sequence[Run]) -> list[float]:
    """The layers of a strip's marks, both ends of each run among them, none too near another."""
    pitch = frame.x(2) - frame.x(1) if frame.depth > 1 else SPARSE
    step = max(1, -(-SPARSE // max(pitch, 0.01)))
    found: list[float] = []
    for first, last in runs:
        steps = max(1, round((last - first) / step))
        found += [first + (last - first) * at / steps for at in range(steps + 1)]
    return sorted(set(found))


def _strip(strip: Strip, frame: DepthFrame, palette: Palette) -> str:
    y, tall = strip.marks_at, TRIANGLE if strip.zero else -TRIANGLE
    shapes = "".join(
        f"M{svg.written(frame.x(at) - TRIANGLE)} {svg.written(y - tall)}"
        f"h{2 * TRIANGLE}l-{TRIANGLE} {svg.written(2 * tall)}z"
        for at in strip_marks(frame, strip.runs)
    )
    ends = "".join(
        f"M{svg.written(frame.x(a))} {svg.written(y)}H{svg.written(frame.x(b))}"
        for a, b in strip.runs
    )
    left, right = frame.left + 4, WIDTH - frame.right - 4
    x, anchor = (left, "start") if frame.names_left else (right, "end")
    return (
        svg.element("path", d=ends, stroke=palette.problem, stroke_width=1.2)
        + svg.element("path", d=shapes, fill=palette.problem)
        + _haloed(
            strip.text, palette, fill=palette.problem, x=x, y=strip.words_at, text_anchor=anchor
        )
    )


def _names(plot: SignalPlot, palette: Palette) -> str:
    frame, parts = plot.frame, []
    for label in plot.labels:
        line = plot.lines[label.line]
        side = -1 if frame.names_left else 1
        edge = frame.left if frame.names_left else WIDTH - frame.right
        at = edge + side * 13
        if abs(label.place - label.end) > LEADER:
            path = svg.polyline([(edge + side * 2, label.end), (at - side * 5, label.place)])
            parts.append(svg.element("path", d=path, stroke=palette.line, fill="none"))
        parts.append(drawn(line.mark, [(at, label.place)], palette))
        style: dict[str, str | float] = {"font_weight": 700} if line.mark.shape == "none" else {}
        parts.append(
            svg.text(
                line.label,
                x=at + side * 9,
                y=label.place + 4,
                text_anchor="end" if frame.names_left else "start",
                fill=palette.ink,
                **style,
            )
        )
    return "".join(parts)


def as_svg(plot: SignalPlot, palette: Palette, *, alone: bool = False) -> str:
    """The chart as SVG.

    Args:
        plot: The chart.
        palette: The page's variables inside a page, one theme's colours in a file.
        alone: Whether the drawing is a file of its own and needs its title.
    """
    frame = plot.frame
    top = HEADING if alone else 0
    heading = f"{plot.title}, {plot.note}" if plot.note else plot.title
    inside = svg.element(
        "g",
        _zone(plot, palette),
        axes(frame, palette, values=value_ticks(frame, plot.floor)),
        *(_expected(line, frame, palette) for line in plot.lines),
        *(_band(line, frame, palette) for line in plot.lines),
        _levels(plot, palette),
        *(_series(line, frame, palette) for line in _own_last(plot)),
        _level_words(plot, palette),
        *(_strip(strip, frame, palette) for strip in plot.strips),
        _names(plot, palette),
        transform=f"translate(0 {top})",
    )
    title = svg.text(heading, x=12, y=18, fill=palette.ink, font_size=13, font_weight=700)
    return svg.document(
        WIDTH,
        HEIGHT + top,
        svg.element("rect", width=WIDTH, height=HEIGHT + top, fill=palette.page),
        title if alone else "",
        inside,
        label=plot.sentence,
    )


def _own_last(plot: SignalPlot) -> list[SignalLine]:
    """The person's own weights are painted over the others."""
    return sorted(plot.lines, key=lambda line: line.mark.shape == "none")
