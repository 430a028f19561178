"""The parts of a packed tensor, and its certificate."""

from __future__ import annotations

import csv
import dataclasses
import io

import pytest

from app.core.report import PartReport, TensorReport
from app.web.wording import certified


def part(name: str, start: int, whole: TensorReport) -> PartReport:
    return PartReport(
        name=name,
        axis=0,
        start=start,
        stop=start + 32,
        shape=(32, 96),
        fan_in=96,
        fan_out=32,
        count=32 * 96,
        nonfinite=0,
        zeros=0,
        min=-0.1,
        max=0.1,
        mean=0.0,
        std=0.0589,
        status="consistent",
        sentence=f"Fits {name} <b>.",
        schemes=whole.schemes,
        candidates=whole.candidates[:3],
    )


@pytest.fixture
def packed_run(put, report):
    first = report.tensors[2]
    parts = (part("q", 0, first), part("k", 32, first), part("v", 64, first))
    certificate = {"verdict": "bit_exact_draw", "law": "uniform", "seed": 42, "stream_offset": 7168}
    changed = dataclasses.replace(first, parts=parts, certificate=certificate)
    tensors = (*report.tensors[:2], changed, *report.tensors[3:])
    return put(dataclasses.replace(report, tensors=tensors), "packed.safetensors")


def test_the_parts_of_a_packed_tensor_have_verdicts_of_their_own(client, packed_run):
    whole = client.get(f"/m/{packed_run}/t/2").text
    assert all(f"Fits {name} &lt;b&gt;." in whole for name in "qkv")
    assert 'href="?part=k"' in whole


def test_a_part_is_shown_as_a_tensor_of_its_own(client, packed_run):
    text = client.get(f"/m/{packed_run}/t/2?part=k").text
    assert "32 × 96" in text
    assert "Only the whole tensor was binned" in text
    rows = csv.DictReader(io.StringIO(client.get(f"/m/{packed_run}/t/2/units.csv?part=k").text))
    assert [int(row["unit"]) for row in rows] == list(range(32, 64))


@pytest.mark.parametrize("name", ["all", "<b>", ""])
def test_any_other_part_is_the_whole(client, packed_run, name):
    assert "Only the whole tensor" not in client.get(f"/m/{packed_run}/t/2?part={name}").text


def test_a_certificate_is_told_with_its_seed(client, packed_run):
    text = client.get(f"/m/{packed_run}/t/2").text.replace("&#39;", "'")
    assert "Bit-exact untouched draw of torch's CPU generator (uniform law)" in text
    assert "torch.manual_seed(42), 7,168 outputs into its stream" in text


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (
            {"verdict": "bit_exact_draw", "law": "uniform", "bound": 0.125, "reason": "all stand"},
            "Bit-exact untouched draw of torch's CPU generator (U(±0.125)): all stand.",
        ),
        (
            {"verdict": "refuted", "law": "normal", "std": None, "reason": "pairs stand off"},
            "No untouched draw of torch's CPU generator (normal law): pairs stand off.",
        ),
        ({"verdict": "bit_exact_draw", "law": "normal", "std": 0.02}, "(N(0, 0.02²))."),
    ],
)
def test_a_certificate_is_told_with_its_law_and_reason(certificate, words):
    assert certified(certificate)[0].endswith(words)
