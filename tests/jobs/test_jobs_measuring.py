"""What children answer is checked, and what they are told holds."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace

import pytest

from app.architecture.understanding import understand
from app.config import Settings
from app.core.checkpoint import StoredTensor
from app.core.graph import Inventory
from app.core.plans import Plan
from app.core.propagation import Order
from app.errors import CannotRun, ChildLost, PropagationTooSlow
from app.jobs.measuring import Files, Measuring, _measured, _sound, runnable
from app.jobs.networks import NO_WEIGHTS, Measured, Parcel, Place, Subject, feasible, report_of
from app.readers import sandbox

GRAPH = understand("input: [8]\nlayers: [Linear(8, 4), ReLU()]")
WEIGHT = GRAPH.parameters[0].value
STORED = StoredTensor(
    index=0, name="w", group="", dtype="float32", shape=(4, 8), strides=(8, 1), offset=0
)
PARCEL = Parcel(network=GRAPH, places={}, inputs=None, join={})
HELD = replace(PARCEL, places={WEIGHT: Place(file="network", tensor=STORED)})
MEASURED = Measured(series=(), notes=(), device="cpu", peak_bytes=0, seconds=0.0, inputs=4)


@pytest.mark.parametrize("parcel", [PARCEL, HELD])
def test_a_parcel_comes_back_as_it_was(parcel):
    assert _sound(asdict(parcel)) == parcel


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"network": {}},
        {**asdict(PARCEL), "network": {**asdict(GRAPH), "nodes": [{"name": 5}]}},
        {**asdict(HELD), "places": {"no such value": asdict(HELD)["places"][WEIGHT]}},
        {**asdict(PARCEL), "inputs": {"offset": "0"}},
    ],
)
def test_a_parcel_that_makes_no_sense_is_refused(answer):
    with pytest.raises(ChildLost, match="made no sense"):
        _sound(answer)


@pytest.mark.parametrize("answer", [None, {"series": [{}]}, {**asdict(MEASURED), "device": None}])
def test_a_measurement_that_makes_no_sense_is_refused(answer):
    with pytest.raises(ChildLost, match="made no sense"):
        _measured(answer, Order())


def test_a_measurement_of_other_series_is_refused():
    with pytest.raises(ChildLost, match="not those that were ordered"):
        _measured(asdict(MEASURED), Order())


def test_parts_alone_cannot_be_run():
    found = Inventory(origin="module text", layers=(), reason="print() shows no forward.")
    with pytest.raises(CannotRun, match="shows no forward"):
        runnable(replace(PARCEL, network=found))


def test_weights_that_no_file_holds_are_left_out_and_told():
    order = Order(checkpoint=True)
    assert feasible(order, PARCEL) == Order()
    report = report_of(Subject(id="0" * 32, name="n"), order, PARCEL, MEASURED)
    assert NO_WEIGHTS in report.notes


def test_weights_that_a_file_holds_stay():
    assert feasible(Order(checkpoint=True), HELD).checkpoint


def test_nothing_but_weights_that_no_file_holds_cannot_be_measured():
    with pytest.raises(CannotRun, match="no file holds any"):
        feasible(Order(schemes=(), checkpoint=True), PARCEL)


def test_a_plan_is_measured_where_the_ordered_weights_are_not_there():
    order = Order(schemes=(), checkpoint=True, plan=Plan(branch=0.0))
    assert feasible(order, PARCEL) == replace(order, checkpoint=False)


def test_a_plan_that_keeps_weights_needs_some():
    order = Order(checkpoint=True, plan=Plan(base="checkpoint"))
    assert feasible(order, HELD) == order
    with pytest.raises(CannotRun, match="choose a scheme as the plan's base"):
        feasible(order, PARCEL)


@pytest.mark.parametrize("moments", [[], {"w": {"mean": None, "second": 1.0}}, {"w": 1.0}])
def test_moments_that_are_no_numbers_are_refused(moments):
    with pytest.raises(ChildLost, match="made no sense"):
        _measured({**asdict(MEASURED), "moments": moments}, Order(schemes=()))


def test_a_measurement_that_takes_too_long_is_ended_with_its_own_hint(tmp_path):
    (tmp_path / "net").write_text(
        "input: [512]\nlayers:\n  - repeat: 200\n    of: [Linear(512, 512), ReLU()]\n"
    )
    settings = Settings(_env_file=None, data_dir=tmp_path, propagation_seconds=1)
    order = Order(seeds=10_000, batch=512)

    async def body():
        measuring = Measuring(settings)
        with (tmp_path / "net").open("rb") as file:
            files = Files(network=file.fileno())
            parcel = await measuring.understand(files)
            await measuring.measure(files, parcel, order, lambda _: None)

    try:
        with pytest.raises(PropagationTooSlow, match="within 1 s") as failure:
            asyncio.run(body())
    finally:
        sandbox.stop()
    assert "INITSCOPE_PROPAGATION_SECONDS" in failure.value.hint


EVERY = (
    "input: [8]\nlayers: [Bilinear(8, 8, 8), GLU(), PReLU(), Softplus(), Mish(), Softmin(dim=-1)]",
    "input: [4, 8, 8]\nlayers: [Conv2d(4, 4, 3, padding=1, padding_mode=reflect), "
    "InstanceNorm2d(4), LocalResponseNorm(3), LPPool2d(2, 2), AdaptiveMaxPool2d(2), "
    "Upsample(scale_factor=2, mode=bicubic), PixelUnshuffle(2), Unfold(2)]",
    "input: {tokens: 8, vocabulary: 16}\nlayers: [Embedding(16, 8), RNN(8, 8, batch_first=True), "
    "TransformerDecoderLayer(8, 2, 16, batch_first=True)]",
    "input: [2, 6, 6, 6]\nlayers: [Conv3d(2, 2, 3, padding=1), BatchNorm3d(2), "
    "Upsample(scale_factor=2, mode=trilinear), AdaptiveAvgPool3d(1)]",
)


def test_a_closed_child_finds_loaded_what_torch_imports_late(tmp_path):
    settings = Settings(_env_file=None, data_dir=tmp_path)
    found = []

    async def body():
        measuring = Measuring(settings)
        for text in EVERY:
            (tmp_path / "net").write_text(text)
            with (tmp_path / "net").open("rb") as file:
                files = Files(network=file.fileno())
                parcel = await measuring.understand(files)
                found.append(
                    await measuring.measure(files, parcel, Order(seeds=1, batch=4), lambda _: None)
                )

    try:
        asyncio.run(body())
    finally:
        sandbox.stop()
    assert [len(one.series) for one in found] == [1] * len(EVERY)
