from __future__ import annotations

import dataclasses

import pytest
from jinja2 import meta, nodes

from app.web import contexts
from app.web.assets import folder
from app.web.code_contexts import CodePage, ReaderPage
from app.web.drift_contexts import DriftChoicePage, DriftPage
from app.web.health import DocsPage
from app.web.login import LoginPage
from app.web.overviews import HomePage, JobPage
from app.web.phase_contexts import PhasePage
from app.web.problems import ProblemPage
from app.web.propagation_contexts import PropagationPage
from app.web.render import SHARED_NAMES, TEMPLATES
from app.web.report_contexts import ReportFile, ReportPage
from app.web.seedings import SeedPage
from app.web.spec_views import SpecPage
from app.web.status import StatusPage
from app.web.whatif_contexts import WhatIfPage
from app.web.why import WhyPage

CONTEXTS = {
    "code.html": CodePage,
    "compare.html": WhatIfPage,
    "docs.html": DocsPage,
    "drift.html": DriftPage,
    "drift_choice.html": DriftChoicePage,
    "home.html": HomePage,
    "job.html": JobPage,
    "layers.html": contexts.LayersPage,
    "login.html": LoginPage,
    "phase.html": PhasePage,
    "problem.html": ProblemPage,
    "propagation.html": PropagationPage,
    "reader.html": ReaderPage,
    "report_file.html": ReportFile,
    "seed.html": SeedPage,
    "spec.html": SpecPage,
    "status.html": StatusPage,
    "summary.html": ReportPage,
    "tensor.html": contexts.TensorPage,
    "why.html": WhyPage,
}


def parsed(template: str) -> nodes.Template:
    return TEMPLATES.parse((folder("templates") / template).read_text())


def pages() -> set[str]:
    names = {path.name for path in folder("templates").glob("[!_]*.html")}
    extended = {
        extends.template.value for name in names for extends in parsed(name).find_all(nodes.Extends)
    }
    return names - extended


def made_in(tree: nodes.Template) -> set[str]:
    stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    imported = {
        name if isinstance(name, str) else name[1]
        for statement in tree.find_all(nodes.FromImport)
        for name in statement.names
    }
    return stored | imported


def names_in(template: str) -> set[str]:
    tree = parsed(template)
    names = meta.find_undeclared_variables(tree)
    for other in meta.find_referenced_templates(tree):
        names |= names_in(other)
    return names - made_in(tree) - set(TEMPLATES.globals)


def test_every_page_has_a_context():
    assert pages() == set(CONTEXTS)


@pytest.mark.parametrize("template", sorted(CONTEXTS))
def test_a_template_names_exactly_the_fields_of_its_context(template):
    fields = {field.name for field in dataclasses.fields(CONTEXTS[template])}
    assert names_in(template) - set(SHARED_NAMES) == fields
