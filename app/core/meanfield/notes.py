"""What is known of a value beyond its moments: rules leave notes for the rules that follow."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.meanfield.nonlinear.nonlinearities import Nonlinearity
from app.core.meanfield.step import Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition(Note):
    """The value is a function of each number of another: what both share is known exactly."""

    base: str  # the other value
    function: Nonlinearity
    straight: bool = False  # whether the function is a·x + b: it leaves a Gaussian one


@dataclass(frozen=True, slots=True, kw_only=True)
class Average(Note):
    """One number for many channels: it is its mean, but for a share that falls with their number.

    What it multiplies or divides depends on it no more than on one of its terms.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Logits(Note):
    """Products of queries and keys, before or after a softmax over the keys."""

    query: str
    key: str
    scale: float = 1.0  # that they were multiplied by
    weights: bool = False  # after the softmax
    causal: bool = False  # whether each query sees the keys up to its own
    dropped: float = 0.0  # share of the weights that dropout takes
