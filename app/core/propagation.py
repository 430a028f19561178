"""The propagation document: `initscope.propagation/1`, and the order that it answers.

Frozen facts that serialise as they stand. Numbers that are undefined are None beside a count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from app.core.plans import CHECKPOINT as CHECKPOINT
from app.core.plans import Plan
from app.core.report import Level

SCHEMA = "initscope.propagation/1"

InputLaw: TypeAlias = Literal["normal", "uniform01", "file"]
Mode: TypeAlias = Literal["train", "eval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be measured."""

    schemes: tuple[str, ...] = ("torch_default",)  # ids of the catalogue
    checkpoint: bool = False  # also the given weights
    input: InputLaw = "normal"
    seeds: int = 8  # networks drawn of each scheme
    batch: int = 64  # inputs of each network
    mode: Mode = "train"  # batch norm by the batch and dropout on; "eval": neither
    dtype: Literal["float32", "float64", "bfloat16", "float16"] = "float32"
    activation: str | None = None  # takes the place of every activation, by its torch.nn class
    device: str = "auto"  # "auto", "cpu", "cuda"
    backward: bool = True  # also the gradients; they take the memory of a few blocks more
    plan: Plan | None = None  # also a series of the network changed so


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The network in a few words."""

    id: str  # of its file, or of the canonical text
    name: str
    origin: str
    parameters: int  # values in learned parameters
    operations: int
    layers: int  # operations with a weight
    inputs: tuple[tuple[int, ...], ...]  # shapes without their batch
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Statistics of one operation's output.

    Pooled over all seeds, inputs and positions for mean, std, rms; bands are the lowest and the
    highest seed. Shares are of values between 0 and 1. Non-finite values are counted and left out.
    """

    mean: float | None
    std: float | None
    rms: float | None
    rms_median: float | None
    rms_band: tuple[float, float] | None
    input_share: float | None  # root mean square of the spread over inputs / rms; median of seeds
    input_share_band: tuple[float, float] | None
    zero_fraction: float  # exact zeros
    dead_fraction: float | None  # units that are 0 for the whole batch; after ReLU-like operations
    saturated_fraction: float | None  # |tanh| > 0.97 and the like; after saturating operations
    nonfinite: int
    histogram: tuple[int, ...]  # counts of 128 bins over ±4 and below and above: 130 numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Backward:
    """The gradient that arrives at one operation's output, for an N(0,1) cotangent at the end."""

    grad_rms: float | None
    grad_rms_median: float | None
    grad_rms_band: tuple[float, float] | None
    nonfinite: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Theory:
    """What mean-field theory predicts there."""

    mean: float | None
    std: float | None
    rms: float | None
    grad_rms: float | None
    input_share: float | None
    sd_log: float | None  # of log rms² over networks of this width


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One operation of a series."""

    name: str
    op: str
    kind: str  # class of its module
    module: str
    shape: tuple[int, ...]
    weighted: bool  # whether it has a weight: the points of the charts' x axis
    forward: Forward
    backward: Backward | None = None
    theory: Theory | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGradient:
    """The gradient of one parameter, median of the seeds."""

    name: str
    grad_rms: float | None
    rms: float | None  # of the parameter's own values


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a series means, in one sentence, with its measured value and limit."""

    level: Level
    code: str  # "steady", "vanishing_signal", "input_lost", ...
    message: str
    measured: float | None = None
    limit: float | None = None
    source: str = ""
    lines: tuple[str, ...] = ()  # what else was found, worst first
    theory: tuple[str, ...] = ()  # of the lines, those on what theory expects


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One set of weights carried through the network."""

    scheme: str  # id of the catalogue, "checkpoint", or "plan"
    name: str  # as a person reads it
    layers: tuple[Layer, ...]
    verdict: Verdict | None
    gradients: tuple[ParameterGradient, ...] = ()
    notes: tuple[str, ...] = ()  # "attention biases keep torch's default", ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationReport:
    """The propagation document."""

    schema: str
    architecture: Architecture
    input: dict[str, str | int | float | None]  # law, shape as text, file
    seeds: int
    batch: int
    device: str  # that it ran on: "cpu", "cuda:0 (…)"
    series: tuple[Series, ...]
    mode: Mode = "train"
    dtype: str = "float32"
    notes: tuple[str, ...] = ()  # "ran by blocks of 3 layers", "no GPU worker was alive: …"
    seconds: float | None = None
    peak_bytes: int | None = None  # largest memory of the pass
    join: dict[str, tuple[str, ...]] = field(default_factory=dict)  # missing, unused, differ
    plan: Plan | None = None  # of the series "plan"
