"""Networks and measurements of plans for the tests of the What if page."""

from __future__ import annotations

import dataclasses
import re

import propagation_models as models

from app.core.plans import Choice, Plan
from app.web.whatif_choices import Wish

KAIMING = "kaiming_normal(fan_in,relu)"
MLP = b"input: [64]\n20 x [Linear(64, 64), ReLU()]\nLinear(64, 10)\n"
STORED = b"PK\x03\x04 a program that only a worker opens"
KAIMING_PLAN = Wish(plan=Plan(choices={"linear": Choice(scheme=KAIMING)}))


class PlanMeasurements:
    """Puts measurements of a plan into the store as a worker would."""

    def __init__(self, site) -> None:
        self.site = site
        self.store = site.services.propagations

    def order(self, wish: Wish, *, before: str, content: bytes = MLP, name: str = "net.yaml"):
        file = self.site.upload(content, name=name)
        asked = wish.asked(file, file, before)
        made = self.store.accept(asked, again=True, enqueue=lambda _connection, _job: None)
        return f"/m/{file}/compare{wish.query}", self.site.call(made)

    def finish(self, wish: Wish, *, before: str = "torch_default", moments=None, **where) -> str:
        address, found = self.order(wish, before=before, **where)
        report = measured_report(before)
        told = self.store.finish(found.job, report, headline="told", moments=moments)
        assert self.site.call(told)
        return address


def measured_report(before: str):
    """Of 21 layers, as they are and under a plan."""
    own = models.series(before, depth=21)
    plan = dataclasses.replace(models.series(KAIMING, depth=21), scheme="plan", name="Plan")
    return dataclasses.replace(models.report(21), series=(own, plan))


def visible(text: str) -> str:
    """What a person reads of a page."""
    return " ".join(re.sub(r"<script.*?</script>|<[^>]+>", " ", text, flags=re.DOTALL).split())
