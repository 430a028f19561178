"""A network measured: every ordered scheme, every seed, forward and backward."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from app.core.compiled import prepare
from app.core.graph import Graph
from app.core.meanfield.step import WeightMoments
from app.core.passage import verdict_of
from app.core.propagation import CHECKPOINT, Order, Series
from app.errors import Invalid
from app.probe import inputs
from app.probe.build import Load, Network
from app.probe.course import Course, Gradients
from app.probe.device import arithmetic, chosen, memory, text
from app.probe.dryrun import Plan, dry_run
from app.probe.expected import with_theory
from app.probe.interpreter import Environment, Setting, steps, torch_dtype
from app.probe.ledger import Ledger
from app.probe.passes import run_network
from app.probe.records import Record, layers, parameter_gradients
from app.probe.sources import Own, Part, Source, parts_of
from app.probe.statistics import Counter
from app.probe.watches import watches

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was measured, and how it ran."""

    series: tuple[Series, ...]  # the checkpoint's first, then as ordered, the plan's last
    notes: tuple[str, ...]
    device: str  # "cpu", "cuda:0 (…)"
    peak_bytes: int  # largest memory of the tensors of a pass
    seconds: float
    inputs: int  # of each network
    moments: dict[str, WeightMoments] = field(default_factory=dict)  # of the file's own values


@dataclass(slots=True)
class _Ticks:
    """Tells how many operations have run, at most every tenth of a second."""

    total: int
    on_progress: Progress | None
    done: int = 0
    told: float = 0.0

    def __call__(self) -> None:
        """One operation on a pair of replicas is done."""
        self.done += 1
        now = time.monotonic()
        if self.on_progress is not None and (now - self.told > 0.1 or self.done >= self.total):
            self.told = now
            self.on_progress(min(self.done, self.total), self.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """What all series of one measurement share."""

    plan: Plan
    order: Order
    setting: Setting
    ledger: Ledger
    counter: Counter
    load: Load | None = None
    batch_file: NDArray[np.generic] | None = None
    tick: Callable[[], None] = lambda: None


def measure(  # noqa: PLR0913 # one order, what it runs on, and where it runs
    graph: Graph,
    order: Order,
    *,
    load: Load | None = None,
    batch_file: NDArray[np.generic] | None = None,
    device: str = "auto",
    memory_bytes: int,
    on_progress: Progress | None = None,
) -> Measurement:
    """Run a network as ordered and count what passes through it.

    Args:
        graph: The network.
        order: What is to be measured; its own device is not looked at.
        load: Gives the values of a parameter or constant that a file holds.
        batch_file: Inputs [n, …] for the first input, where the order's input is "file".
        device: "auto", "cpu", "cuda" or "cuda:N".
        memory_bytes: That the run may use.
        on_progress: Called with the operations done and their total; may raise to stop the run.

    Raises:
        DoesNotFit: If it does not fit the memory.
        UnknownOperators: If an operation is not on the list.
        CannotRun: If torch cannot run an operation, or values are missing.
        NotAnInput: If the batch file does not fit the network.
        Invalid: If the order names a scheme, activation or device that there is none of.
    """
    began = time.monotonic()
    prepare()
    where = chosen(device)
    rows = _checked_file(batch_file, graph, order)
    own = Own(graph, load)
    parts = parts_of(graph, order, load, own)
    memory_bytes = memory(where, memory_bytes)
    given = None if rows is None else len(rows)
    plans = [dry_run(one.graph, one.order, memory_bytes=memory_bytes, given=given) for one in parts]
    counter, ledger = Counter(torch.get_num_threads()), Ledger()
    tick = _ticks(zip(plans, parts, strict=True), on_progress)
    _begin(where)
    try:
        found = []
        for plan, part in zip(plans, parts, strict=True):
            session = _session(plan, part.order, where, ledger, counter)
            session = replace(session, load=load, batch_file=rows, tick=tick)
            with arithmetic(where, session.setting.dtype):
                found += [_series(session, source) for source in part.sources]
    finally:
        counter.close()
    return Measurement(
        series=tuple(found),
        notes=tuple(dict.fromkeys(note for plan in plans for note in plan.notes)),
        device=text(where),
        peak_bytes=_peak(ledger, where),
        seconds=time.monotonic() - began,
        inputs=plans[0].replicas.inputs,
        moments=own.known,
    )


def _checked_file(
    batch_file: NDArray[np.generic] | None, graph: Graph, order: Order
) -> NDArray[np.generic] | None:
    if order.input != "file":
        return None
    if batch_file is None:
        raise Invalid(what="input", expected="a batch file beside input=file", got="none")
    return inputs.checked(batch_file, graph)


def _begin(where: torch.device) -> None:
    if where.type == "cuda":
        torch.cuda.reset_peak_memory_stats(where)


def _session(
    plan: Plan, order: Order, where: torch.device, ledger: Ledger, counter: Counter
) -> _Session:
    setting = Setting(device=where, dtype=torch_dtype(order.dtype), training=order.mode == "train")
    return _Session(plan=plan, order=order, setting=setting, ledger=ledger, counter=counter)


def _seeds(order: Order, source: Source) -> int:
    """Networks of a series: one where neither the weights nor the inputs are drawn."""
    still = source.scheme == CHECKPOINT and order.input == "file" and order.mode == "eval"
    return 1 if still else order.seeds


def _ticks(parts: Iterable[tuple[Plan, Part]], on_progress: Progress | None) -> _Ticks:
    total = 0
    for plan, part in parts:
        networks = sum(_seeds(part.order, source) for source in part.sources)
        passes = 3 if part.order.backward and plan.recompute else 1
        total += networks * passes * len(plan.graph.nodes) * (plan.replicas.count // 2)
    return _Ticks(total=max(1, total), on_progress=on_progress)


def _peak(ledger: Ledger, where: torch.device) -> int:
    if where.type == "cuda":
        return torch.cuda.max_memory_allocated(where)
    return ledger.peak


def _series(session: _Session, source: Source) -> Series:
    """One set of weights, over all seeds."""
    graph, plan = session.plan.graph, session.plan
    keep = plan.resident and source.scheme == CHECKPOINT
    network = Network(graph, source.origin, session.setting, session.load, keep=keep)
    course = _course(session)
    found: list[dict[str, float | None]] = []
    own: list[dict[str, float]] = []
    for seed in range(_seeds(session.order, source)):
        found.append(_network(session, course, network, seed))
        own.append({name: rms for name, rms in network.rms.items() if rms is not None})
        network.rms = network.rms if network.kept else {}
    names = [each.name for each in graph.parameters if each.learned]
    series = Series(
        scheme=source.scheme,
        name=source.name,
        layers=layers(graph, tuple(course.records.values())),
        verdict=None,
        gradients=parameter_gradients(names, found, own) if session.order.backward else (),
        notes=source.notes,
    )
    series = with_theory(
        series,
        graph,
        source.moments,
        order=session.order,
        replicas=plan.replicas,
        load=session.load,
    )
    return replace(series, verdict=verdict_of(series, seeds=len(found)))


def _course(session: _Session) -> Course:
    plan = session.plan
    watched = watches(plan.graph, plan.trace, training=session.setting.training)
    return Course(
        plan=plan,
        steps=steps(plan.graph, session.setting),
        setting=session.setting,
        records={each.place: Record(watch=each) for each in watched},
        counter=session.counter,
        ledger=session.ledger,
        tick=session.tick,
    )


def _network(
    session: _Session, course: Course, network: Network, seed: int
) -> dict[str, float | None]:
    """One network of a series, over all of its replicas: the rms of its parameters' gradients."""
    gradients = Gradients() if session.order.backward else None
    for pair in session.plan.replicas.pairs:
        values = (_given(session, pair[0], seed), _given(session, pair[1], seed))
        run_network(course, network, values, seed=seed, replicas=pair, gradients=gradients)
    for record in course.records.values():
        record.end_network()
    if gradients is None:
        return {}
    gradients.finish({value: each.name for value, each in network.learned.items()})
    return gradients.rms


def _given(session: _Session, replica: int, seed: int) -> Environment:
    plan, size = session.plan, session.plan.replicas.size
    found: Environment = dict(
        inputs.drawn(
            plan.graph, session.order, session.setting, replica=replica, size=size, seed=seed
        )
    )
    if session.batch_file is not None:
        found[plan.graph.inputs[0].name] = inputs.from_file(
            session.batch_file, plan.graph, session.setting, replica=replica, size=size
        )
    return found
