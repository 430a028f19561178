"""What a network is to be drawn from, and what is to change in it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, cast, get_args

from app.core.activations import INTERCHANGEABLE
from app.core.catalogue import BY_ID
from app.core.graph import Parameter
from app.core.layers import BIAS_ROLES, CONV, CONV_TRANSPOSE, EMBEDDING, GATES, LINEAR, NORM, TABLES
from app.core.near import near
from app.errors import Invalid

PLAN: Final = "plan"  # the series of a plan, beside ids of the catalogue and "checkpoint"
CHECKPOINT: Final = "checkpoint"  # as a base: the file's own weights stay where no choice speaks
MOST: Final = 1e6  # of a gain, a bias and a factor; beyond it is a typing error

LayerKind: TypeAlias = Literal[
    "linear", "convolution", "recurrent", "attention", "embedding", "norm"
]
LAYER_KINDS: Final[tuple[LayerKind, ...]] = get_args(LayerKind)
Normalisation: TypeAlias = Literal["none", "BatchNorm", "LayerNorm", "RMSNorm", "GroupNorm"]
NORMALISATIONS: Final[tuple[Normalisation, ...]] = get_args(Normalisation)

_NUMBER: Final = re.compile(
    r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?"
)
_ATTENTION: Final = re.compile(r"(?:^|[._])\w*att(?:n|ention)\w*(?:[._]|$)", re.IGNORECASE)
_NORMS: Final = re.compile(r"(?:^|[._])(?:\w*norm\w*|ln\w*|bn\d*)$", re.IGNORECASE)
_MULTIPLIED: Final = LINEAR | {"Conv1D", "Bilinear"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the layers of one kind are drawn from."""

    scheme: str | None = None  # an id of the catalogue; None: the plan's base draws them
    gain: float = 1.0  # times the drawn weights
    bias: float | None = None  # the constant of their biases; None: what the base gives them


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to draw, and what to change."""

    base: str = "torch_default"  # scheme of all that no choice speaks of, or "checkpoint"
    choices: Mapping[LayerKind, Choice] = field(default_factory=dict)
    activation: str | None = None  # takes the place of every activation, by its torch.nn class
    normalisation: Normalisation | None = None  # takes the place of every one; None: as built
    branch: float | None = None  # times the last weight of each residual branch; 0: zero


def plan_of(fields: Mapping[str, str]) -> Plan:
    """The plan that the fields of a query or a form tell.

    Args:
        fields: `base`, `linear`, `convolution`, `recurrent`, `attention`, `embedding`, `norm`:
            ids of schemes; `linear.gain`, `linear.bias`, … : numbers; `act`, `normalisation`,
            `branch`. Empty texts and fields of other names say nothing.

    Raises:
        Invalid: If one names what there is not, or is no number where one is expected.
    """
    told = {name: text.strip() for name, text in fields.items() if text.strip()}
    choices = {kind: _choice(kind, told) for kind in LAYER_KINDS}
    return checked_plan(
        Plan(
            base=told.get("base", _USUAL.base),
            choices=choices,
            activation=told.get("act"),
            normalisation=cast("Normalisation | None", told.get("normalisation")),
            branch=_number("branch", told),
        )
    )


def fields_of(plan: Plan) -> dict[str, str]:
    """The fields of `plan_of` that tell this plan, defaults left out; equal plans, equal fields."""
    found = {} if plan.base == _USUAL.base else {"base": plan.base}
    for kind in LAYER_KINDS:
        choice = plan.choices.get(kind, _USUAL_CHOICE)
        if choice.scheme is not None:
            found[kind] = choice.scheme
        if choice.gain != 1.0:
            found[f"{kind}.gain"] = _text(choice.gain)
        if choice.bias is not None:
            found[f"{kind}.bias"] = _text(choice.bias)
    others = {"act": plan.activation, "normalisation": plan.normalisation}
    found |= {name: text for name, text in others.items() if text is not None}
    return found | ({} if plan.branch is None else {"branch": _text(plan.branch)})


def plan_told(document: object) -> Plan:
    """The plan of a JSON document of the form of `Plan`.

    Args:
        document: Any JSON value, such as {"base": "torch_default", "choices": {"linear": {"scheme":
            "lecun_normal", "gain": 1.53, "bias": 0}}, "activation": "GELU", "branch": 0}.

    Raises:
        Invalid: If it is of another form, or names what there is not.
    """
    whole = _mapping("a plan", document, tuple(_DOCUMENT))
    fields = _plain("a plan", {name: one for name, one in whole.items() if name != "choices"})
    fields = {_DOCUMENT[name]: text for name, text in fields.items()}
    choices = _mapping("choices", whole.get("choices") or {}, LAYER_KINDS)
    for kind, choice in choices.items():
        parts = _plain(kind, _mapping(kind, choice, ("scheme", "gain", "bias")))
        fields |= {kind if part == "scheme" else f"{kind}.{part}": parts[part] for part in parts}
    return plan_of(fields)


def checked_plan(plan: Plan) -> Plan:
    """The same plan; choices that say nothing are left out.

    Raises:
        Invalid: If it names a scheme, an activation or a normalisation that there is not, or a
            number is out of its range.
    """
    if plan.base != CHECKPOINT:
        _expect_scheme("base", plan.base)
    kept = {kind: one for kind in LAYER_KINDS if (one := plan.choices.get(kind)) is not None}
    for kind, choice in kept.items():
        if choice.scheme is not None:
            _expect_scheme(kind, choice.scheme)
        _expect_number(f"{kind}.gain", choice.gain, above_zero=True)
        _expect_number(f"{kind}.bias", choice.bias)
    _expect_one("act", plan.activation, INTERCHANGEABLE, "an activation of torch.nn")
    _expect_one("normalisation", plan.normalisation, NORMALISATIONS, f"{', '.join(NORMALISATIONS)}")
    _expect_number("branch", plan.branch, least=0.0)
    return replace(plan, choices={kind: one for kind, one in kept.items() if one != _USUAL_CHOICE})


def kind_of(parameter: Parameter) -> LayerKind | None:
    """The kind of layer whose weight or bias a parameter is.

    Projections in and around an attention are "attention", position tables and class tokens
    "embedding".

    Returns:
        None for buffers, slopes of activations, and what belongs to none of the kinds.
    """
    facts = parameter.facts
    parts = facts.attributes.get("parts")
    named = set(map(str, parts)) if isinstance(parts, tuple) else set()
    if not parameter.learned or facts.kind == "PReLU" or "scale" in named:
        return None
    if facts.kind in NORM or facts.role == "norm_weight" or _is_norm(parameter):
        return "norm"
    if facts.kind in EMBEDDING or named & TABLES:
        return "embedding"
    if facts.kind in GATES:
        return "recurrent"
    if facts.kind == "MultiheadAttention" or facts.role.startswith("in_proj"):
        return "attention"
    axes = _axes(parameter)
    if facts.kind in _MULTIPLIED or (facts.kind == "unknown" and axes == 2):
        return "attention" if _ATTENTION.search(facts.module) else "linear"
    convolves = facts.kind in CONV or facts.kind in CONV_TRANSPOSE or axes > 2
    return "convolution" if convolves else None


def _is_norm(parameter: Parameter) -> bool:
    """By its name, of one axis: classes of others, and exported ones whose class is not known."""
    facts = parameter.facts
    if len(parameter.shape) != 1 or facts.fan_in is not None:
        return False
    return bool(_NORMS.search(facts.module)) or facts.kind.endswith("Norm")


def _axes(parameter: Parameter) -> int:
    """Of the weight that it is, or that it is the bias of; 0 where that is not known."""
    if parameter.facts.role not in BIAS_ROLES:
        return len(parameter.shape)
    return 2 if parameter.facts.fan_in is not None or parameter.facts.kind in LINEAR else 0


def _choice(kind: LayerKind, told: Mapping[str, str]) -> Choice:
    gain = _number(f"{kind}.gain", told)
    bias = _number(f"{kind}.bias", told)
    return Choice(scheme=told.get(kind), gain=1.0 if gain is None else gain, bias=bias)


def _number(name: str, told: Mapping[str, str]) -> float | None:
    text = told.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise Invalid(what=name, expected="a number such as 1.5", got=repr(text[:40]))
    return float(text)


def _text(number: float) -> str:
    """The shortest text of a number; one without a fraction has no point."""
    whole = float(number).is_integer() and abs(number) <= MOST
    return str(int(number)) if whole else repr(float(number))


def _expect_scheme(name: str, scheme: str) -> None:
    if scheme not in BY_ID:
        expected = f"an id of GET /api/v1/schemes{near(scheme, list(BY_ID))}"
        raise Invalid(what=name, expected=expected, got=scheme[:80])


def _expect_one(name: str, given: str | None, known: tuple[str, ...], said: str) -> None:
    if given is not None and given not in known:
        raise Invalid(what=name, expected=f"{said}{near(given, known)}", got=given[:80])


def _expect_number(
    name: str, number: float | None, *, least: float = -MOST, above_zero: bool = False
) -> None:
    least = 0.0 if above_zero else least
    if number is None:
        return
    fits = math.isfinite(number) and least <= number <= MOST and (number > 0 or not above_zero)
    if not fits:
        span = (
            f"above 0, at most {MOST:,.0f}" if above_zero else f"from {least:,.0f} to {MOST:,.0f}"
        )
        raise Invalid(what=name, expected=f"a number {span}", got=f"{number:g}")


def _mapping(what: str, value: object, known: tuple[str, ...]) -> dict[str, object]:
    expected = f"a mapping with some of {', '.join(known)}"
    if not isinstance(value, Mapping):
        raise Invalid(what=what, expected=expected, got=f"{value!r}"[:60])
    unknown = [str(name) for name in value if name not in known]
    if unknown:
        raise Invalid(what=what, expected=expected, got=unknown[0][:60])
    return {str(name): one for name, one in value.items()}


def _plain(what: str, values: Mapping[str, object]) -> dict[str, str]:
    """The values as texts; null is left out."""
    wrong = [one for one in values.values() if not isinstance(one, str | int | float | None)]
    if wrong:
        raise Invalid(what=what, expected="texts and numbers", got=f"{wrong[0]!r}"[:60])
    return {name: str(one) for name, one in values.items() if one is not None}


_USUAL: Final = Plan()
_USUAL_CHOICE: Final = Choice()
_DOCUMENT: Final = {
    "base": "base",
    "choices": "choices",
    "activation": "act",
    "normalisation": "normalisation",
    "branch": "branch",
}
