"""Theory against Monte Carlo at every node of many networks, with the reference engine's errors.

`python -m benchmarks theory` runs all; `python -m benchmarks.theory NAME …` those whose names
begin so. Errors are predicted ÷ measured − 1 of what is pooled over all networks of a row. Beside
each number stands in brackets what the reference's engine reached on that network, where its table
has it; its own tables stem from other seeds and half the inputs.

Source:
    The validation and held-out tables of the reference on propagation, 4-propagation.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from app.core.compiled import prepare
from app.core.meanfield.drawn import drawn_moments
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.predict import NORMAL, UNIFORM01, Prediction, predict
from app.core.propagation import Theory
from benchmarks._theory_cases import Case
from benchmarks._theory_networks import CASES
from benchmarks._theory_probe import Measured, measured

INPUTS = 64  # of each network: two replicas of 32
BAND = 1.96  # standard deviations that 95 % lie within


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A network's errors, node by node in order, and its spread."""

    case: Case
    nodes: int
    std: Array  # predicted ÷ measured − 1
    error: Array  # standard error of the measured std, relative
    mean: Array  # error of the mean in standard deviations
    gradient: Array
    gradient_error: Array  # standard error of the measured rms, relative
    spread: float  # sd of log rms² over networks at the last node
    expected: float  # what theory says of it
    inside: float  # share of networks within the 95 % band, over all nodes
    seconds: tuple[float, float]  # of theory, of Monte Carlo
    stops: tuple[str, ...]


def row(case: Case, *, seeds: int | None = None) -> Row:
    """A network predicted and measured.

    Args:
        case: The network.
        seeds: Networks to draw; its own number where left out.
    """
    graph = case.graph()
    recipe = case.recipe(graph)
    start = time.perf_counter()
    found = predict(
        graph,
        weights=drawn_moments(recipe),
        inputs=NORMAL if case.law == "normal" else UNIFORM01,
        batch=INPUTS // 2,
    )
    middle = time.perf_counter()
    drawn = measured(graph, recipe, law=case.law, batch=INPUTS, seeds=seeds or case.seeds)
    return _row(case, found, drawn, (middle - start, time.perf_counter() - middle))


def _row(
    case: Case, found: Prediction, drawn: Sequence[Measured], seconds: tuple[float, float]
) -> Row:
    both = [(found.nodes[one.name], one) for one in drawn if one.name in found.nodes]
    last, at_end = both[-1]
    return Row(
        case=case,
        nodes=len(drawn),
        std=np.array([_ratio(theory.std, one.std) for theory, one in both]),
        error=np.array([one.std_error for _, one in both]),
        mean=np.array([_off(theory, one) for theory, one in both]),
        gradient=np.array(
            [_ratio(theory.grad_rms, one.grad_rms) for theory, one in both if one.grad_rms]
        ),
        gradient_error=np.array([one.grad_error for theory, one in both if one.grad_rms]),
        spread=float(np.std(np.log(at_end.squares), ddof=1)),
        expected=last.sd_log or 0.0,
        inside=float(np.mean([_inside(theory, one) for theory, one in both])),
        seconds=seconds,
        stops=tuple(f"{stop.node}: {stop.reason}" for stop in found.stops),
    )


def _ratio(predicted: float | None, true: float | None) -> float:
    if predicted is None or not true:
        return math.nan if true else 0.0
    return predicted / true - 1


def _off(theory: Theory, one: Measured) -> float:
    return abs((theory.mean or 0.0) - one.mean) / one.std if one.std else 0.0


def _inside(theory: Theory, one: Measured) -> float:
    """The share of networks whose log rms² lies in the 95 % band of finite width.

    E rms² is the mean of a log-normal, so its median lies sd²/2 lower; a spread below what
    float32 and a finite batch leave is not held against theory.
    """
    if not theory.rms:
        return 1.0
    spread = theory.sd_log or 0.0
    centre = 2 * math.log(theory.rms) - spread**2 / 2
    away = np.abs(np.log(one.squares) - centre)
    return float(np.mean(away <= BAND * spread + 1e-3))


def report(rows: Iterable[Row]) -> None:
    """Print one line for each network."""
    print(
        f"{'network':38s} {'nodes':>5s} {'seeds':>5s} | std, worst / median / last | SE    | "
        f"mean  | gradient, worst / median / first | SE    | sd log q, pred. | in 95 % | seconds"
    )
    for one in rows:
        print(_line(one), flush=True)


def _line(one: Row) -> str:
    std, grad, known = one.std, one.gradient, one.case.reached
    text = (
        f"{one.case.name:38s} {one.nodes:5d} {one.case.seeds:5d} | "
        f"{_most(std):.3f} / {_middle(std):.3f} / {std[-1]:+.3f} | {np.max(one.error):.3f} | "
        f"{np.max(one.mean):.3f} | {_most(grad):.3f} / {_middle(grad):.3f} / {_first(grad):+.3f} | "
        f"{_most(one.gradient_error):.3f} | "
        f"{one.spread:.3f}, {one.expected:.3f} | {one.inside:.2f} | "
        f"{one.seconds[0]:.2f} / {one.seconds[1]:.1f}"
    )
    if known is not None:
        a, b, c = known.std
        d, e, f = known.gradient
        text += (
            f"\n{'':32s}(reference         | {a:.3f} / {b:.3f} / {c:+.3f} |       | "
            f"{known.mean:.3f} | {d:.3f} / {e:.3f} / {f:+.3f} |       | {2 * known.spread:.3f})"
        )
    return text + "".join(f"\n{'':40s}stops at {stop}" for stop in one.stops[:1])


def _first(values: Array) -> float:
    return float(values[0]) if values.size else math.nan


def _most(values: Array) -> float:
    return float(np.max(np.abs(values))) if values.size else math.nan


def _middle(values: Array) -> float:
    return float(np.median(np.abs(values))) if values.size else math.nan


def chosen(names: Sequence[str]) -> list[Case]:
    """The networks whose names begin so; all of them where none is named."""
    if not names:
        return list(CASES.values())
    return [case for case in CASES.values() if case.name.startswith(tuple(names))]


def main(names: Sequence[str] = ()) -> None:
    """Run the networks and print the table."""
    torch.set_num_threads(1)
    prepare()
    report(row(case) for case in chosen(names))


if __name__ == "__main__":
    main(sys.argv[1:])
