"""A network measured: every ordered scheme, every seed, forward and backward."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from app.core.catalogue import BY_ID
from app.core.compiled import prepare
from app.core.graph import Graph
from app.core.passage import verdict_of
from app.core.propagation import CHECKPOINT, Order, Series
from app.core.recipes import recipe
from app.errors import CannotRun, Invalid
from app.probe import inputs
from app.probe.build import Fresh, Given, Load, Network
from app.probe.course import Course, Gradients
from app.probe.device import arithmetic, chosen, memory, text
from app.probe.dryrun import Plan, dry_run
from app.probe.expected import Moments, drawn_moments, given_moments, with_theory
from app.probe.interpreter import Environment, Setting, steps, torch_dtype
from app.probe.ledger import Ledger
from app.probe.passes import run_network
from app.probe.records import Record, layers, parameter_gradients
from app.probe.statistics import Counter
from app.probe.watches import watches

CHECKPOINT_NAME = "Your weights"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was measured, and how it ran."""

    series: tuple[Series, ...]  # the checkpoint's first, then as ordered
    notes: tuple[str, ...]
    device: str  # "cpu", "cuda:0 (…)"
    peak_bytes: int  # largest memory of the tensors of a pass
    seconds: float
    inputs: int  # of each network


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
    load: Load | None
    batch_file: NDArray[np.generic] | None
    ledger: Ledger
    counter: Counter
    tick: Callable[[], None]


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
    plan = dry_run(
        graph,
        order,
        memory_bytes=memory(where, memory_bytes),
        given=None if rows is None else len(rows),
    )
    wanted = _wanted(order, load)
    session = _session(plan, order, where, load, rows, _ticks(plan, order, wanted, on_progress))
    try:
        with arithmetic(where, session.setting.dtype):
            found = tuple(_series(session, scheme) for scheme in wanted)
    finally:
        session.counter.close()
    return Measurement(
        series=found,
        notes=plan.notes,
        device=text(where),
        peak_bytes=_peak(session.ledger, where),
        seconds=time.monotonic() - began,
        inputs=plan.replicas.inputs,
    )


def _checked_file(
    batch_file: NDArray[np.generic] | None, graph: Graph, order: Order
) -> NDArray[np.generic] | None:
    if order.input != "file":
        return None
    if batch_file is None:
        raise Invalid(what="input", expected="a batch file beside input=file", got="none")
    return inputs.checked(batch_file, graph)


def _wanted(order: Order, load: Load | None) -> tuple[str, ...]:
    if order.checkpoint and load is None:
        raise CannotRun(reason="its own weights were ordered, but no file holds them")
    own = (CHECKPOINT,) if order.checkpoint else ()
    unknown = [scheme for scheme in order.schemes if scheme not in BY_ID]
    if unknown:
        raise Invalid(what="scheme", expected="an id of the catalogue", got=repr(unknown[0]))
    if order.seeds < 1 or not (own or order.schemes):
        got = f"{order.seeds} seeds of {len(order.schemes)} schemes"
        raise Invalid(what="order", expected="at least 1 seed of 1 scheme", got=got)
    return (*own, *dict.fromkeys(order.schemes))


def _session(
    plan: Plan,
    order: Order,
    where: torch.device,
    load: Load | None,
    rows: NDArray[np.generic] | None,
    tick: Callable[[], None],
) -> _Session:
    setting = Setting(device=where, dtype=torch_dtype(order.dtype), training=order.mode == "train")
    if where.type == "cuda":
        torch.cuda.reset_peak_memory_stats(where)
    return _Session(
        plan=plan,
        order=order,
        setting=setting,
        load=load,
        batch_file=rows,
        ledger=Ledger(),
        counter=Counter(torch.get_num_threads()),
        tick=tick,
    )


def _seeds(order: Order, scheme: str) -> int:
    """Networks of a series: one where neither the weights nor the inputs are drawn."""
    still = scheme == CHECKPOINT and order.input == "file" and order.mode == "eval"
    return 1 if still else order.seeds


def _ticks(
    plan: Plan, order: Order, wanted: Sequence[str], on_progress: Progress | None
) -> Callable[[], None]:
    networks = sum(_seeds(order, scheme) for scheme in wanted)
    passes = 3 if order.backward and plan.recompute else 1
    operations = len(plan.graph.nodes) * (plan.replicas.count // 2)
    return _Ticks(total=max(1, networks * passes * operations), on_progress=on_progress)


def _peak(ledger: Ledger, where: torch.device) -> int:
    if where.type == "cuda":
        return torch.cuda.max_memory_allocated(where)
    return ledger.peak


def _series(session: _Session, scheme: str) -> Series:
    """One set of weights, over all seeds."""
    graph = session.plan.graph
    network, notes, moments = _weights(session, scheme)
    course = _course(session)
    found: list[dict[str, float | None]] = []
    own: list[dict[str, float]] = []
    for seed in range(_seeds(session.order, scheme)):
        found.append(_network(session, course, network, seed))
        own.append({name: rms for name, rms in network.rms.items() if rms is not None})
        network.rms = network.rms if network.kept else {}
    measured = layers(graph, tuple(course.records.values()))
    names = [each.name for each in graph.parameters if each.learned]
    gradients = parameter_gradients(names, found, own) if session.order.backward else ()
    name = CHECKPOINT_NAME if scheme == CHECKPOINT else BY_ID[scheme].name
    series = Series(
        scheme=scheme, name=name, layers=measured, verdict=None, gradients=gradients, notes=notes
    )
    series = replace(series, verdict=verdict_of(series))
    return with_theory(series, graph, moments, order=session.order, replicas=session.plan.replicas)


def _weights(session: _Session, scheme: str) -> tuple[Network, tuple[str, ...], Moments]:
    """The weights of a series, what is to be said of them, and what theory knows of them."""
    plan, setting, load = session.plan, session.setting, session.load
    if scheme == CHECKPOINT and load is not None:
        network = Network(plan.graph, Given(load), setting, load, keep=plan.resident)
        return network, (), partial(given_moments, plan.graph, load)
    rules = recipe(plan.graph, scheme)
    network = Network(plan.graph, Fresh(rules, load), setting, load)
    return network, rules.notes, partial(drawn_moments, rules)


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
