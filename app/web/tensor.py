"""One tensor's report as its page shows it."""

from __future__ import annotations

from app.charts.names import parted, shortened, visible
from app.charts.style import SIGN_ICONS
from app.core.report import TensorReport
from app.store.facts import Run
from app.web import filters
from app.web.candidates import candidate_row, derivations
from app.web.contexts import Fact, FindingLine, TensorPage
from app.web.drawings import band_views, drawings, histogram_view
from app.web.look import Look
from app.web.parts import of_part, part_of, part_rows
from app.web.reasons import why_links
from app.web.wording import certified, layer_kind, tensor_url, verdict

LONGEST_NAME = 240


def tensor_page(run: Run, report: TensorReport, packed: bytes | None, *, look: Look) -> TensorPage:
    """The context of tensor.html.

    Args:
        run: The run that the tensor belongs to.
        report: The tensor.
        packed: Its Sketch as the store keeps it, None where its values were not measured.
        look: What the address asks for.
    """
    drawn = drawings(report, packed, look)
    part = part_of(report, look)
    shown = of_part(report, part)
    address = tensor_url(run.id, report.index)
    prefix, leaf = parted(shortened(report.name, LONGEST_NAME))
    total = run.tensors or 0
    return TensorPage(
        title=f"{shortened(report.name, 60)} · {visible(run.name)}",
        json_url=f"{address}.json",
        id=run.id,
        file=visible(run.name),
        current="tensor",
        prefix=prefix,
        leaf=leaf or "(no name)",
        description=_description(shown),
        parts=part_rows(report, look),
        whole=address if part else "",
        previous=tensor_url(run.id, report.index - 1) if report.index > 0 else None,
        next=tensor_url(run.id, report.index + 1) if report.index + 1 < total else None,
        verdict=verdict(
            shown.sign,
            shown.sentence,
            lines=[
                FindingLine(level="info", link=None, label="", message=visible(remark))
                for remark in (*shown.remarks, *certified(shown.certificate))
            ],
            facts=_facts(shown),
        ),
        figure=histogram_view(address, drawn.histogram, shown, look) if drawn.histogram else None,
        bands=band_views(address, drawn, look),
        no_figure="Only the whole tensor was binned: see its histogram under “all”."
        if part
        else _no_figure(report),
        candidates=tuple(
            candidate_row(item, shown, address, picked=item is drawn.picked, look=look)
            for item in shown.candidates
        ),
        derivations=derivations(shown, drawn.picked),
        why=why_links(shown, drawn.picked),
        statistics=_statistics(shown),
        quantiles=tuple(
            Fact(name=f"{100 * float(share):g} %", value=filters.number(value, 6))
            for share, value in sorted(shown.quantiles.items(), key=lambda item: float(item[0]))
        ),
        identity=_identity(shown),
    )


def _sure(value: str, certainty: str) -> str:
    return value if certainty == "confirmed" else f"{value} ({certainty})"


def _description(report: TensorReport) -> tuple[str, ...]:
    kind = "unknown layer" if report.kind == "unknown" else layer_kind(report.kind)
    parts = [_sure(kind, report.kind_certainty) if report.kind != "unknown" else kind]
    parts += [filters.shape(report.shape), filters.plural(report.count, "value"), report.dtype]
    if report.fan_in is not None:
        parts.append(f"fan_in {report.fan_in}")
    if report.fan_out is not None:
        parts.append(f"fan_out {report.fan_out}")
    return tuple(parts)


def _facts(report: TensorReport) -> tuple[Fact, ...]:
    facts = [
        Fact(name="mean", value=filters.number(report.mean)),
        Fact(name="std", value=filters.number(report.std)),
        Fact(name="min", value=filters.number(report.min)),
        Fact(name="max", value=filters.number(report.max)),
    ]
    default = report.default
    if default is not None and default.bound is not None and default.value is None:
        facts.append(Fact(name="default bound", value=f"±{filters.number(default.bound)}"))
        if report.outside_default_bound is not None:
            facts.append(
                Fact(name="outside it", value=filters.percent(report.outside_default_bound))
            )
    elif default is not None and default.value is None:
        facts.append(Fact(name="default std", value=filters.number(default.std)))
    return tuple(facts)


def _no_figure(report: TensorReport) -> str:
    if report.count == 0:
        return "This tensor holds no values."
    if report.nonfinite == report.count:
        return "No value is finite, so there is nothing to draw."
    if report.min is not None and report.min == report.max:
        return f"Every value is {filters.number(report.min, 6)}, so there is nothing to draw."
    return "The values of this tensor were not binned, so there is nothing to draw."


def _statistics(report: TensorReport) -> tuple[Fact, ...]:
    names = (
        ("min", report.min),
        ("max", report.max),
        ("mean", report.mean),
        ("std", report.std),
        ("skewness", report.skewness),
        ("kurtosis (3 for a normal)", report.kurtosis),
    )
    facts = [
        Fact(name="count", value=filters.integer(report.count)),
        Fact(name="zeros", value=filters.integer(report.zeros)),
        Fact(name="not finite", value=_nonfinite(report)),
        *(Fact(name=name, value=filters.number(value, 7)) for name, value in names),
    ]
    if report.outside_default_count is not None:
        share = filters.percent(report.outside_default_bound)
        text = f"{filters.integer(report.outside_default_count)} ({share})"
        facts.append(Fact(name="outside the default bound", value=text))
    return tuple(facts)


def _nonfinite(report: TensorReport) -> str:
    if not report.nonfinite:
        return "0"
    infinite = report.nonfinite - report.nan
    return f"{filters.integer(report.nan)} NaN, {filters.integer(infinite)} infinite"


def _identity(report: TensorReport) -> tuple[Fact, ...]:
    fans = f"fan_in {report.fan_in}, fan_out {report.fan_out}"
    unknown = report.fan_in is None and report.fan_out is None
    facts = [
        Fact(name="layer", value=_sure(layer_kind(report.kind), report.kind_certainty)),
        Fact(name="role", value=report.role.replace("_", " ")),
        Fact(name="fans", value="unknown" if unknown else _sure(fans, report.fan_certainty)),
        Fact(name="known from", value=report.evidence),
        Fact(name="shape", value=filters.shape(report.shape)),
        Fact(name="strides", value=", ".join(map(str, report.strides)) or "none"),
        Fact(name="dtype", value=report.dtype),
        Fact(name="module", value=shortened(report.module, LONGEST_NAME) or "the model itself"),
    ]
    if report.group:
        facts.append(Fact(name="group", value=shortened(report.group, LONGEST_NAME)))
    if report.alias_of is not None:
        facts.append(Fact(name="same values as", value=f"tensor {report.alias_of}"))
    if report.structure is not None:
        detail = report.structure.detail or report.structure.kind
        facts.append(Fact(name="structure", value=detail))
    if report.computed is not None:
        facts.append(Fact(name="computed", value=visible(report.computed)))
    sign = SIGN_ICONS[report.sign]
    facts.append(Fact(name="status", value=f"{sign} {report.status.replace('_', ' ')}"))
    return tuple(facts)
