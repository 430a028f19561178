"""One direction of a recurrent layer, unrolled over time.

The weights are the same at each step, so a channel's sums are Gaussian jointly over all steps, with
covariance `C(t,s) = n E[w_i²] E x_t x_s + m E[w_h²] E h_{t−1} h_{s−1} + E[b²]`. They are drawn step
by step, each given the ones before, as E h h' is known only then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from app.core.meanfield.nonlinear.gated import Back, Cell, Sum
from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.rules.dense import covariance
from app.core.meanfield.signals.signal import DRAWS
from app.core.meanfield.step import WeightMoments

_FLOOR = 1e-6  # of a spread: below it a step is what the steps before make it


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Of one layer and direction."""

    given: WeightMoments  # of the input
    kept: WeightMoments  # of the state
    given_bias: WeightMoments
    kept_bias: WeightMoments
    inputs: int  # channels
    hidden: int
    projection: WeightMoments | None = None  # from the hidden channels to the state's
    state: int = 0  # channels of the state: as many as hidden ones without a projection


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Moments of one channel over the steps."""

    mean: Array  # [T]
    within: Array  # [T, T]
    across: Array  # [T, T]


class Unrolled:
    """A direction of a layer after all its steps; time runs as the direction reads it.

    Source:
        Yang, Tensor programs I: wide feedforward or recurrent neural networks of any architecture
        are Gaussian processes, 2019; Tensor programs II, 2020, on gradients: what the transposed
        weights send back is Gaussian and independent of the forward pass.
    """

    def __init__(self, cell: Cell, weights: Weights, given: Course, *, seed: int) -> None:
        steps = given.mean.size
        self._cell, self._weights, self._given = cell, weights, given
        self._random = np.random.default_rng(seed)
        self._streams = {
            one: _Stream(steps, cell.sums.count(one)) for one in dict.fromkeys(cell.sums)
        }
        self._gates: list[Array] = []
        self._states: list[Array] = [np.zeros((DRAWS, 2))]
        self.draws = np.empty((steps, DRAWS, 2))
        self._course = Course(
            mean=np.zeros(steps), within=np.zeros((steps, steps)), across=np.zeros((steps, steps))
        )
        for at in range(steps):
            self._step(at)

    @property
    def output(self) -> Course:
        """Moments of the output."""
        return self._course

    @property
    def last_state(self) -> Array:
        """The channel's own state after the last step: [DRAWS, 2]."""
        return self._states[-1]

    def _step(self, at: int) -> None:
        found = {name: self._drawn(name, at) for name in self._streams}
        gates = np.stack([next(found[name]) for name in self._cell.sums])
        hidden, state = self._cell.forward(gates, self._states[-1])
        self._gates.append(gates)
        self._states.append(state)
        self.draws[at] = hidden
        self._measure(at)

    def _drawn(self, name: Sum, at: int) -> Iterator[Array]:
        rows: list[Array] = [np.zeros(at + 1), np.zeros(at + 1)]
        mean = 0.0
        w, given = self._weights, self._given
        if name != "kept":
            own = given.mean[at] * given.mean[: at + 1]
            for row, moments in zip(rows, (given.within, given.across), strict=True):
                row += covariance(w.given, w.inputs, moments[at, : at + 1], own)
                row += w.given_bias.second - w.given_bias.mean**2
            mean += w.inputs * w.given.mean * float(given.mean[at]) + w.given_bias.mean
        if name != "given":
            mean += self._kept(rows, at)
        return iter(self._streams[name].draw(at, rows, mean, self._random))

    def _kept(self, rows: list[Array], at: int) -> float:
        """Adds the state's part to the covariances with the steps before; returns its mean."""
        w, course = self._weights, self._course
        for row, moments in zip(rows, (course.within, course.across), strict=True):
            row += w.kept_bias.second - w.kept_bias.mean**2
            if at:
                own = course.mean[at - 1] * course.mean[:at]
                row[1:] += covariance(w.kept, w.state, moments[at - 1, :at], own)
        before = float(course.mean[at - 1]) if at else 0.0
        return w.state * w.kept.mean * before + w.kept_bias.mean

    def _measure(self, at: int) -> None:
        course, w = self._course, self._weights
        now, every = self.draws[at], self.draws[: at + 1]
        same = np.tensordot(every, now, axes=([1, 2], [0, 1])) / (2 * DRAWS)
        other = np.tensordot(every, now[:, ::-1], axes=([1, 2], [0, 1])) / (2 * DRAWS)
        course.mean[at] = now.mean()
        if w.projection is not None:
            own = every.mean(axis=(1, 2)) * now.mean()
            course.mean[at] *= w.hidden * w.projection.mean
            shift = course.mean[at] * course.mean[: at + 1]
            same = covariance(w.projection, w.hidden, same, own) + shift
            other = covariance(w.projection, w.hidden, other, own) + shift
        for moments, row in ((course.within, same), (course.across, other)):
            moments[at, : at + 1] = row
            moments[: at + 1, at] = row

    def back(self, arrived: Array, state: float = 0.0) -> Array:
        """Second moments of the gradient of the input over pairs of steps, [T, T].

        Args:
            arrived: Of the gradient of the outputs, [T, T].
            state: Of the gradient of the last step's own state.
        """
        w, steps = self._weights, len(arrived)
        shown = 1.0 if w.projection is None else w.state * w.projection.second
        stream = _Stream(steps, 2)
        gates: list[Back] = []
        noise = np.random.default_rng(steps)
        own = math.sqrt(state) * noise.standard_normal((DRAWS, 2))
        for back, at in enumerate(reversed(range(steps))):
            row = arrived[at, at:][::-1].copy()
            if gates:
                row[1:] += w.hidden * w.kept.second * _products([one.kept for one in gates])
            drawn = stream.draw(back, [shown * row, np.zeros_like(row)], 0.0, noise)
            found = self._cell.back(
                self._gates[at], self._states[at], self._states[at + 1], drawn[..., 0].T, own
            )
            gates.append(found)
            own = found.state
        every = np.stack([one.given.reshape(-1) for one in gates[::-1]])
        sent: Array = w.hidden * w.given.second / (2 * DRAWS) * (every @ every.T)
        return sent


def _products(gates: list[Array]) -> Array:
    """The last gradients' products with each, added up over the gates."""
    last = gates[-1].reshape(-1)
    found: Array = np.array([one.reshape(-1) @ last for one in gates]) / (2 * DRAWS)
    return found


class _Stream:
    """Gaussian sums over the steps, each drawn given the ones before: of two inputs."""

    def __init__(self, steps: int, copies: int) -> None:
        self._copies = copies
        self._roots = np.zeros((2, steps, steps))
        self._noise = np.empty((2, steps, copies * DRAWS))

    def draw(self, at: int, rows: list[Array], mean: float, noise: np.random.Generator) -> Array:
        """[copies, DRAWS, 2], from the covariances with all steps so far, of one input and two."""
        each = []
        for part, row in enumerate((rows[0] + rows[1], rows[0] - rows[1])):
            root = self._roots[part]
            if at:
                root[at, :at] = solve_triangular(root[:at, :at], row[:at], lower=True)
            rest = float(row[at] - root[at, :at] @ root[at, :at])
            least = _FLOOR * math.sqrt(max(float(row[at]), 0.0)) or _FLOOR
            root[at, at] = max(math.sqrt(max(rest, 0.0)), least)
            self._noise[part, at] = self._fresh(noise)
            each.append(root[at, : at + 1] @ self._noise[part, : at + 1])
        total, apart = (one.reshape(self._copies, DRAWS) for one in each)
        return np.stack([total + apart, total - apart], axis=-1) / math.sqrt(2) + mean

    def _fresh(self, noise: np.random.Generator) -> Array:
        """Normal draws of which each has its negative among them, of unit variance."""
        half = noise.standard_normal((self._copies, DRAWS // 2))
        half /= np.sqrt(np.mean(half**2, axis=1, keepdims=True))
        both = np.concatenate([half, -half], axis=1)
        return np.concatenate([noise.permutation(one) for one in both])
