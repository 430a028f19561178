"""The whole product on generated code: what it drew is attributed back to the plan."""

from __future__ import annotations

import pytest
import torch

from app.core.layers import WEIGHT_ROLES
from app.core.plans import Plan
from tests.acceptance.test_attribution import FRESH
from tests.generated_code import applied, graph_of
from tests.torch_checkpoints import judged, whole_module

SCHEMES = (
    "torch_default",
    "kaiming_normal(fan_in,relu)",
    "kaiming_uniform(fan_out,relu)",
    "xavier_uniform(gain=1)",
    "jax.lecun_normal",
    "orthogonal(gain=1.414)",
    "normal(0.02)",
    "truncated_normal(0.02,±2σ)",
)
JUDGED = {"consistent", "structured"}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", FRESH)
def test_the_analysis_finds_the_plans_scheme_in_every_weight(name, scheme):
    torch.manual_seed(1)
    model = FRESH[name]()
    drawn = applied(graph_of(model), Plan(base=scheme), model)
    reports = {report.name: report for report in judged(whole_module(model)).reports}
    learned = [one for one in drawn.graph.parameters if one.learned]
    weights = [one for one in learned if one.facts.role in WEIGHT_ROLES and len(one.shape) > 1]
    by_scheme = [one.name for one in weights if _is_drawn(drawn, one.name, scheme)]
    missed = [name for name in by_scheme if not _found(reports[name], scheme)]
    assert missed == []


def _is_drawn(drawn, name, scheme) -> bool:
    """Whether the plan's law of the parameter is the base scheme's, and random."""
    parameter = next(one for one in drawn.graph.parameters if one.name == name)
    law = drawn.recipe.laws.get(name)
    tables = scheme != "torch_default" and parameter.facts.kind in {"Embedding", "EmbeddingBag"}
    return law is not None and not tables


def _found(report, scheme) -> bool:
    if report.status in {"too_small", "not_judged"}:
        return True
    return scheme in report.schemes and report.status in JUDGED
