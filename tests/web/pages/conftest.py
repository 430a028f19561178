"""A report with hostile names, as the store keeps it."""

from __future__ import annotations

import pytest
from sample_models import HOSTILE, model, overview, packed

from app.store import documents
from app.store.facts import Measured, Part

NAMES = {
    0: HOSTILE,
    8: "a\u202eb.gpj\nnew line.weight",
    12: "very." * 400 + "long.weight",
    16: "=cmd|'/c calc'!A1.weight",
}


@pytest.fixture
def put(site):
    def place(report, name="sample.safetensors"):
        run = site.submit(name.encode() and site.safetensors(**{name[:8]: (2, 2)}), name=name)
        job = site.job(run)
        site.call(site.attempts.step(job, "measuring"))
        part = Part(number=0, tensors=len(report.tensors), todo=b"[]")
        site.call(site.attempts.plan(job, inventory=b"{}", parts=[part]))
        reports = [documents.dump(tensor) for tensor in report.tensors]
        measured = [
            Measured(index=index, report=document, sketch=packed(index))
            for index, document in enumerate(reports)
        ]
        site.call(site.attempts.measured(job, 0, measured))
        kept = site.attempts.finish(job, overview=overview(report), reports=reports)
        assert site.call(kept)
        return run

    return place


@pytest.fixture(scope="module")
def report():
    return model(40, names=NAMES)


@pytest.fixture
def run(put, report):
    return put(report)
