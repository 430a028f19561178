from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.graph import Inventory
from app.core.meanfield.step import WeightMoments
from app.core.plans import Choice, Plan
from app.core.propagation import SCHEMA, Architecture, Order, PropagationReport
from app.errors import NotFound
from app.store.facts import Failure
from app.store.propagations import Asked, Propagations

FAILURE = Failure(code="child_lost", message="gone", hint="again")
INVENTORY = Inventory(origin="module text", layers=(), reason="it has no forward")


def nothing(*_) -> None:
    """No queue."""


def report(*, schema: str = SCHEMA) -> PropagationReport:
    architecture = Architecture(
        id="0" * 32, name="net", origin="spec", parameters=1, operations=1, layers=1, inputs=((4,),)
    )
    return PropagationReport(
        schema=schema,
        architecture=architecture,
        input={"law": "normal"},
        seeds=2,
        batch=4,
        device="cpu",
        series=(),
    )


@pytest.fixture
def on_order(on_shelf):
    """Runs a test body with the measurements of a store and an order of a stored network."""

    def start(body):
        async def whole(shelf):
            file = await shelf.keep(b"layers: []", name="net.yaml")
            asked = Asked(network=file.id, weights=None, inputs=None, order=Order())
            return await body(Propagations(shelf.engine), asked, shelf)

        return on_shelf(whole)

    return start


def test_an_order_is_queued_with_its_job(on_order):
    queued = []

    async def body(kept, asked, _shelf):
        made = await kept.accept(asked, again=False, enqueue=lambda _c, job: queued.append(job))
        assert (made.state, made.name, made.order, made.attempt) == (
            "queued",
            "net.yaml",
            Order(),
            1,
        )
        assert queued == [made.job]
        assert await kept.find(asked.id) == made

    on_order(body)


def test_the_same_order_has_the_same_address_and_another_has_another(on_order):
    async def body(_kept, asked, _shelf):
        again = replace(asked, order=Order(seeds=8))
        other = replace(asked, order=Order(seeds=9))
        assert asked.id == again.id
        assert len({asked.id, other.id, replace(asked, weights=asked.network).id}) == 3

    on_order(body)


def test_a_plan_has_an_address_of_its_own_however_it_is_written(on_order):
    async def body(_kept, asked, _shelf):
        def order(**plan):
            return replace(asked, order=Order(plan=Plan(**plan)))

        written = [order(branch=0.5), order(branch=0.5, choices={"linear": Choice()})]
        assert written[0].id == written[1].id
        others = [order(), order(branch=0.25), order(choices={"linear": Choice(gain=2)})]
        assert len({one.id for one in (asked, written[0], *others)}) == 5

    on_order(body)


def test_a_plan_comes_back_as_it_was_ordered(on_order):
    async def body(kept, asked, _shelf):
        plan = Plan(choices={"linear": Choice(gain=1.5, bias=0.0)}, normalisation="RMSNorm")
        planned = replace(asked, order=Order(plan=plan))
        made = await kept.accept(planned, again=False, enqueue=nothing)
        assert made.order.plan == plan

    on_order(body)


def test_the_moments_of_weights_are_kept_with_the_measurement_that_found_them(on_order):
    async def body(kept, asked, _shelf):
        own = replace(asked, weights=asked.network, order=Order(checkpoint=True))
        assert await kept.moments(asked.network, asked.network) is None
        job = (await kept.accept(own, again=False, enqueue=nothing)).job
        found = {"0.weight": WeightMoments(mean=0.5, second=0.3, row=0.2)}
        await kept.finish(job, report(), headline="steady", moments=found)
        moments = await kept.moments(asked.network, asked.network)
        assert (moments.job, moments.by_name) == (job, found)
        await kept.delete(own.id)
        assert await kept.moments(asked.network, asked.network) is None

    on_order(body)


def test_the_last_moments_of_weights_are_those_that_count(on_order):
    async def body(kept, asked, _shelf):
        for mean, seeds in ((0.1, 2), (0.2, 3)):
            own = replace(asked, weights=asked.network, order=Order(checkpoint=True, seeds=seeds))
            job = (await kept.accept(own, again=False, enqueue=nothing)).job
            moments = {"0.weight": WeightMoments(mean=mean, second=1.0)}
            await kept.finish(job, report(), headline="steady", moments=moments)
        assert (await kept.moments(asked.network, asked.network)).by_name["0.weight"].mean == 0.2

    on_order(body)


def test_one_on_its_way_is_not_begun_again(on_order):
    async def body(kept, asked, _shelf):
        first = await kept.accept(asked, again=False, enqueue=nothing)
        assert await kept.accept(asked, again=True, enqueue=nothing) == first

    on_order(body)


def test_a_report_is_given_to_whoever_orders_the_same(on_order):
    async def body(kept, asked, _shelf):
        job = (await kept.accept(asked, again=False, enqueue=nothing)).job
        assert await kept.finish(job, report(), headline="steady")
        found = await kept.accept(asked, again=False, enqueue=nothing)
        assert (found.state, found.headline, found.reported) == ("done", "steady", True)
        assert await kept.report(asked.id) == report()

    on_order(body)


def test_a_stale_report_is_made_again_and_stays_meanwhile(on_order):
    async def body(kept, asked, _shelf):
        job = (await kept.accept(asked, again=False, enqueue=nothing)).job
        await kept.finish(job, report(schema="initscope.propagation/0"), headline="old")
        found = await kept.accept(asked, again=False, enqueue=nothing)
        assert (found.state, found.attempt, found.reported) == ("queued", 2, True)

    on_order(body)


PROPAGATION = report()


@pytest.mark.parametrize("end", ["cancelled", "fail"])
def test_what_a_measurement_that_was_ended_writes_is_void(on_order, end):
    async def body(kept, asked, _shelf):
        job = (await kept.accept(asked, again=False, enqueue=nothing)).job
        assert await (kept.cancelled(job) if end == "cancelled" else kept.fail(job, FAILURE))
        assert not await kept.progress(job, step="measuring", done=1, total=2)
        assert not await kept.understood(job, INVENTORY, parcel=b"{}")
        assert not await kept.finish(job, PROPAGATION, headline="late")
        assert await kept.report(asked.id) is None
        assert await kept.unfinished() == []
        assert (await kept.propagation(asked.id)).error == (FAILURE if end == "fail" else None)

    on_order(body)


def test_a_failed_one_is_begun_again(on_order):
    async def body(kept, asked, _shelf):
        first = await kept.accept(asked, again=False, enqueue=nothing)
        await kept.fail(first.job, FAILURE)
        second = await kept.accept(asked, again=False, enqueue=nothing)
        assert (second.state, second.error, second.attempt) == ("queued", None, 2)
        assert second.job != first.job

    on_order(body)


def test_progress_is_told_and_its_first_word_is_the_start(on_order):
    async def body(kept, asked, _shelf):
        job = (await kept.accept(asked, again=False, enqueue=nothing)).job
        assert await kept.progress(job, step="understanding", done=0, total=0)
        began = (await kept.propagation(asked.id)).started_at
        assert await kept.progress(job, step="measuring", done=5, total=40)
        found = await kept.propagation(asked.id)
        assert (found.state, found.step, found.done, found.total, found.started_at) == (
            "running",
            "measuring",
            5,
            40,
            began,
        )

    on_order(body)


def test_a_measurement_that_is_done_has_done_all_of_its_steps(on_order):
    """Progress is told now and then: the last that was told is short of the end."""

    async def body(kept, asked, _shelf):
        job = (await kept.accept(asked, again=False, enqueue=nothing)).job
        assert await kept.progress(job, step="measuring", done=222, total=328)
        assert await kept.finish(job, report(), headline="steady")
        found = await kept.propagation(asked.id)
        assert (found.state, found.done, found.total) == ("done", 328, 328)

    on_order(body)


def test_a_network_is_kept_once_however_often_it_is_measured(on_order):
    async def body(kept, asked, _shelf):
        for order in (Order(), Order(seeds=2)):
            job = (await kept.accept(replace(asked, order=order), again=False, enqueue=nothing)).job
            assert await kept.understood(job, INVENTORY, parcel=b"{}")
        assert await kept.network(asked.network) == INVENTORY
        assert len(await kept.of(asked.network)) == 2

    on_order(body)


def test_what_measuring_needs_is_kept_until_it_ends(on_order):
    async def body(kept, asked, _shelf):
        job = (await kept.accept(asked, again=False, enqueue=nothing)).job
        await kept.understood(job, INVENTORY, parcel=b"all of it")
        assert await kept.parcel(job) == b"all of it"
        await kept.cancelled(job)
        assert await kept.parcel(job) is None

    on_order(body)


@pytest.mark.parametrize("what", ["weights", "inputs"])
def test_files_that_do_not_exist_are_named(on_order, what):
    async def body(kept, asked, _shelf):
        with pytest.raises(NotFound, match=f"file {'0' * 32}"):
            await kept.accept(replace(asked, **{what: "0" * 32}), again=False, enqueue=nothing)

    on_order(body)


def test_a_deleted_one_takes_along_what_nothing_else_needs(on_order):
    async def body(kept, asked, shelf):
        weights = await shelf.keep(b"weights")
        await shelf.runs.accept(weights.id, again=False, enqueue=nothing)
        both = replace(asked, weights=weights.id)
        job = (await kept.accept(both, again=False, enqueue=nothing)).job
        await kept.understood(job, INVENTORY, parcel=b"{}")
        network = await shelf.runs.file(asked.network)
        assert await kept.delete(both.id) == [network.sha256]
        assert await kept.find(both.id) is None
        assert await kept.network(asked.network) is None
        assert (await shelf.runs.file(weights.id)).sha256 == weights.sha256

    on_order(body)


def test_a_network_that_is_still_measured_stays(on_order):
    async def body(kept, asked, _shelf):
        other = replace(asked, order=Order(seeds=2))
        job = (await kept.accept(asked, again=False, enqueue=nothing)).job
        await kept.understood(job, INVENTORY, parcel=b"{}")
        await kept.accept(other, again=False, enqueue=nothing)
        assert await kept.delete(asked.id) == []
        assert await kept.network(asked.network) == INVENTORY

    on_order(body)


def test_a_measurement_goes_with_its_file(on_order):
    async def body(kept, asked, shelf):
        run = await shelf.runs.accept(asked.network, again=False, enqueue=nothing)
        await kept.accept(asked, again=False, enqueue=nothing)
        assert await shelf.runs.delete(run.id) is not None
        assert await kept.find(asked.id) is None

    on_order(body)


def test_a_queue_that_refuses_leaves_no_measurement(on_order):
    def refuse(*_):
        raise RuntimeError

    async def body(kept, asked, _shelf):
        with pytest.raises(RuntimeError):
            await kept.accept(asked, again=False, enqueue=refuse)
        assert await kept.find(asked.id) is None

    on_order(body)
