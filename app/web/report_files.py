"""A report as one HTML file that needs no network: its style and its figures are inside."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict
from functools import cache
from typing import Final

from markupsafe import Markup

from app.charts.style import DARK, LIGHT
from app.web.assets import folder
from app.web.render import TEMPLATES
from app.web.report_contexts import Document, ReportFile

SHEET: Final = "report.css"
FONTS: Final = (
    '--mono:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;'
    '--sans:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;'
)


@cache
def style() -> str:
    """The whole style: every colour for light and for dark, then the report's own sheet."""
    dark = asdict(DARK)
    colours = "".join(
        f"--{name.replace('_', '-')}:light-dark({colour},{dark[name]});"
        for name, colour in asdict(LIGHT).items()
    )
    sheet = (folder("static") / SHEET).read_text("utf-8")
    return f":root{{color-scheme:light dark;{colours}{FONTS}}}\n{sheet}"


@cache
def policy() -> str:
    """What the file may load: nothing but its own style and the pictures inside of it."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src-elem 'sha256-{digest}'; style-src-attr 'unsafe-inline'; "
        "img-src data:; form-action 'none'; base-uri 'none'"
    )


def whole_file(report: Document) -> str:
    """The file's text."""
    context = ReportFile(
        title=report.name,
        report=report,
        css=Markup(style()),  # noqa: S704 - a sheet of our own
        policy=policy(),
    )
    names = {name: getattr(context, name) for name in ("title", "report", "css", "policy")}
    return TEMPLATES.get_template("report_file.html").render(names)
