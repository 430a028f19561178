"""The one report behind the page, the JSON API and the command line.

Frozen facts that serialise as they stand. Undefined numbers are None; NaN and infinity are only
counted. Fields are only ever added; a changed meaning needs a new schema number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from app.core.checkpoint import Certainty

SCHEMA = "initscope.analysis/1"

Law: TypeAlias = Literal[
    "uniform",
    "positive_uniform",
    "normal",
    "truncated_normal",
    "constant",
    "orthogonal",
    "identity",
    "dirac",
    "sparse",
]
Level: TypeAlias = Literal["info", "warning", "problem"]
Status: TypeAlias = Literal[
    "consistent", "unlisted_scale", "not_at_init", "structured", "too_small", "not_judged"
]
Sign: TypeAlias = Literal["as_expected", "differs", "no_match", "problem", "not_judged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The uploaded file."""

    name: str
    format: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a derivation: `symbol = expression = value`."""

    symbol: str  # "bound"
    expression: str  # "√3 · std = 1/√fan_in = 1/√512"
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultLaw:
    """What torch.nn draws for this parameter."""

    law: Law
    bound: float | None  # largest possible |value|, weight units; None where unbounded
    std: float  # population std of the law, weight units
    value: float | None  # for a constant
    formula: str  # "U(±1/√fan_in)"
    certainty: Certainty
    call: str  # the torch line that draws it
    source: str  # "torch.nn.Linear.reset_parameters"
    steps: tuple[Step, ...] = ()
    remark: str | None = None  # the trap, if this class has one


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One law of the catalogue at this shape, under every name that it goes by."""

    ids: tuple[str, ...]
    names: tuple[str, ...]  # as a person reads them, same order as ids
    law: Law
    formula: str
    bound: float | None
    std: float
    value: float | None
    std_ratio: float | None  # measured std / std of the law
    outside: bool  # a value lies outside the support
    p_value: float | None  # smallest corrected p of the tests; None when refuted outright
    log_likelihood: float | None
    rejected_by: str | None  # "support", "scale", "mean", "shape", "zeros", ... or None
    reason: str | None  # the sentence behind rejected_by, with measured value and limit
    inseparable_from: tuple[str, ...] = ()  # first ids of survivors that n values cannot part


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A tensor that is no random draw at all, or only partly."""

    kind: str  # "constant", "identity", "dirac", "orthogonal", "sparse", "tied", "blocks"
    value: float | None = None  # the constant, the gain, the share of zeros or of tied lines
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts between edges; `len(edges) == len(counts) + 1`, edges in weight units."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The tensor's histogram on the axis shared by all tensors, for tables and heat maps.

    192 bins of width 1/16 over -6..+6 units, edges exactly on ±1. `levels` is base64 of uint8
    `round(255·√(count/largest count))`, at least 1 where the count is not 0.
    """

    unit: Literal["bound", "scheme"]
    scale: float  # weight units per unit of the axis
    levels: str
    below: int  # values under -6 units
    above: int  # values over +6 units


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSpread:
    """Mean and population std of each output unit: of each index of the tensor's first axis.

    Of more than 2,048 units, even steps and the extremes of std and mean; `places` tells which.
    """

    units: int  # of the tensor
    count: int  # values of one unit
    means: tuple[float, ...]  # weight units, six significant digits
    stds: tuple[float, ...]
    places: tuple[int, ...] = ()  # ascending; empty where all units are listed


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReport:
    """One block of a packed tensor, judged on its own with its own fans."""

    name: str  # "q", "forget gate"
    axis: int  # the tensor's axis that is divided
    start: int  # first index along the axis
    stop: int  # one past the last
    shape: tuple[int, ...]
    fan_in: int | None
    fan_out: int | None
    count: int
    nonfinite: int
    zeros: int
    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    status: Status
    sentence: str
    schemes: tuple[str, ...]  # ids that could have drawn it, best first
    candidates: tuple[Candidate, ...]  # those that could have drawn it
    structure: Structure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorHead:
    """What a line about a tensor and its whole report both say."""

    index: int
    name: str
    group: str
    shape: tuple[int, ...]
    dtype: str
    parameter: bool | None
    kind: str
    kind_certainty: Certainty
    role: str
    fan_in: int | None
    fan_out: int | None
    count: int
    nonfinite: int
    zeros: int
    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    status: Status
    sign: Sign
    sentence: str  # the tensor's own headline
    schemes: tuple[str, ...]  # ids that could have drawn it, best first
    outside_default_bound: float | None  # share of finite values, exact


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorReport(TensorHead):
    """Everything said about one tensor."""

    module: str  # path of the owning layer
    strides: tuple[int, ...]
    alias_of: int | None
    fan_certainty: Certainty
    evidence: str  # why this kind and these fans: "module class in the file", "name and shape"
    nan: int
    skewness: float | None
    kurtosis: float | None
    quantiles: dict[str, float]
    default: DefaultLaw | None
    outside_default_count: int | None
    remarks: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    structure: Structure | None = None
    certificate: dict[str, str | int | float | None] | None = None
    histogram: Histogram | None = None
    profiles: tuple[Profile, ...] = ()
    units: UnitSpread | None = None  # of judged tensors with 2 axes or more
    parts: tuple[PartReport, ...] = ()  # of packed tensors: q, k and v, gates, ...
    digest: str | None = None  # equal for judged tensors of one dtype, shape and content
    place: dict[str, int] = field(default_factory=dict)  # of the model, as `context.NUMBERS`
    computed: str | None = None  # where and why there; None of a tensor that no GPU is for


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A verdict on one or more tensors that a person can act on."""

    level: Level
    code: str
    tensors: tuple[str, ...]  # names
    indices: tuple[int, ...]  # their indices, same order
    message: str
    measured: float | None
    limit: float | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeLine:
    """The scheme that explains one kind of layer's tensors together."""

    layer: str  # "convolutions", "residual projections", "biases", ...
    scheme: str  # id
    name: str  # as a person reads it
    text: str  # "Kaiming normal (fan_out, relu) on all 20 convolutions"
    tensors: tuple[int, ...]  # indices of those it explains
    breaks: tuple[int, ...]  # indices of the kind's tensors that no line explains
    p_value: float | None  # smallest p of its tensors times their number, at most 1
    log_likelihood: float | None  # summed over its tensors, nats; None where one has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The model in one line and a few numbers."""

    tensors: int
    parameters: int  # values in parameters
    buffers: int  # values in buffers
    parameter_tensors: int
    buffer_tensors: int
    dtypes: dict[str, int]  # tensors of each dtype
    headline: str
    status: Sign
    signs: dict[str, int]  # tensors of each sign
    main_scheme: str | None  # id most weight tensors are consistent with
    alpha: float  # level of each tensor's tests: 0.001 / tensors judged
    format_notes: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()  # where large tensors were, in sentences
    globals: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    recipe: tuple[RecipeLine, ...] = ()  # largest kinds of layers first
    recipe_text: str = ""  # the lines in one sentence
    family: str | None = None  # the library whose own init the lines are, if one is known


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The analysis document: `initscope.analysis/1`."""

    schema: str
    source: Source
    summary: Summary
    findings: tuple[Finding, ...]
    tensors: tuple[TensorReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRow(TensorHead):
    """One line of the layers page: a TensorReport without its heavy parts."""

    scheme: str | None  # id of the best candidate
    scheme_name: str  # as a person reads it: "PyTorch default", "all 1", "no scheme fits"
    default_bound: float | None
    default_std: float | None
    std_ratio: float | None  # std / default std
    constant: float | None
    profiles: tuple[Profile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the layers page and the run's JSON show: everything but single tensors' details."""

    schema: str
    source: Source
    summary: Summary
    findings: tuple[Finding, ...]
    rows: tuple[TensorRow, ...]
