"""Sums over tokens of which a sample is kept: each kept one stands for a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.core.meanfield.nonlinear.nonlinearities import Array
from app.core.meanfield.signals.axes import Factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The tokens of one axis: where the kept ones stand, and how many each stands for."""

    places: Array  # [P]
    starts: Array  # [P], the first token of each group
    counts: Array  # [P]

    @property
    def whole(self) -> int:
        """How many tokens there are."""
        return int(self.counts.sum())

    def seen_by(self, queries: Groups, *, causal: bool) -> Array:
        """How many tokens of each group a query at a kept place sees: [queries, P]."""
        if not causal:
            return np.broadcast_to(self.counts, (len(queries.places), len(self.places))).copy()
        before = queries.places[:, None] + 1 - self.starts[None, :]
        return np.clip(before, 0.0, self.counts[None, :])

    def seeing(self, queries: Groups, *, causal: bool) -> Array:
        """How many queries of each group see the token at a kept place: [queries, P]."""
        shape = (len(queries.places), len(self.places))
        if not causal:
            return np.broadcast_to(queries.counts[:, None], shape).copy()
        after = (queries.starts + queries.counts)[:, None] - self.places[None, :]
        return np.clip(after, 0.0, queries.counts[:, None])

    def summed(self, taken: Array, own: Array, shared: Array) -> Array:
        """Sums over pairs of tokens, for two numbers that each take some of every group.

        Args:
            taken: How many of each group each takes, the same ones first: [n, P].
            own: What a token adds with itself: [P].
            shared: What two tokens add: [P, P]; of two of one group, as `apart` gives it.

        Returns:
            [n, n].
        """
        total: Array = taken @ shared @ taken.T
        return total + self.together(taken, own - np.diag(shared))

    def together(self, taken: Array, own: Array) -> Array:
        """The sum of a number over the tokens that both take: [n, n]."""
        if np.all(self.counts == 1):
            total: Array = (taken * own) @ taken.T
            return total
        least = np.minimum(taken[:, None, :], taken[None, :, :])
        return np.asarray(least @ own)

    def apart(self, matrix: Array) -> Array:
        """A matrix of pairs whose diagonal holds what two tokens of one group have: [P, P]."""
        found = matrix.copy()
        size = len(found)
        if size > 1:
            beside = np.append(np.arange(1, size), size - 2)
            many = self.counts > 1
            found[np.arange(size)[many], np.arange(size)[many]] = matrix[
                np.arange(size)[many], beside[many]
            ]
        return found


def groups(axis: Sequence[Factor]) -> Groups:
    """The tokens of an axis, each of which may be a group."""
    if len(axis) == 1 and axis[0].sample is not None and axis[0].sample.starts:
        sample = axis[0].sample
        return Groups(
            places=sample.kept.astype(np.float64),
            starts=np.array(sample.starts, dtype=np.float64),
            counts=sample.counts.astype(np.float64),
        )
    size = int(np.prod([factor.size for factor in axis]))
    each = np.arange(size, dtype=np.float64)
    return Groups(places=each, starts=each, counts=np.ones(size))
