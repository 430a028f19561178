"""The form of the propagation page."""

from __future__ import annotations

from collections.abc import Sequence

from app.charts.names import shortened
from app.core.schemes import BY_ID
from app.web.contexts import Fact
from app.web.propagation_choices import (
    ACTIVATIONS,
    DTYPES,
    LAWS,
    MODES,
    Choices,
)
from app.web.propagation_contexts import Controls, Option, Select
from app.web.wording import scheme_name

OFFERED = (  # of the catalogue: those that people draw whole networks from
    "torch_default",
    *(
        f"kaiming_{law}({fan},relu)"
        for fan in ("fan_in", "fan_out")
        for law in ("uniform", "normal")
    ),
    *("kaiming_normal(fan_in,tanh)", "kaiming_normal(fan_in,selu)"),
    *("xavier_uniform(gain=1)", "xavier_normal(gain=1)", "lecun_uniform", "lecun_normal"),
    *("orthogonal(gain=1)", "orthogonal(gain=1.414)"),
    *("normal(0.02)", "normal(0.01)", "trunc_normal(0.02)", "normal(1)", "zeros"),
)
LAW_NAMES = {"normal": "normal", "uniform01": "uniform 0 to 1"}
LONGEST_NAME = 28  # of a file in a list
SEED_CHOICES = (1, 2, 4, 8, 16, 32)
BATCH_CHOICES = (16, 64, 128, 256)


def controls(choices: Choices, *, has_weights: bool, measured: bool, inputs: str = "") -> Controls:
    """The form in this state.

    Args:
        choices: What is chosen.
        has_weights: Whether there are weights of the person's own to measure.
        measured: Whether a report with exactly these choices exists.
        inputs: Name of the file that the inputs are in, where they are in one.
    """
    own = Option(value="1", label="Your weights", chosen=choices.own) if has_weights else None
    carried = (("net", choices.net), ("weights", choices.weights))
    return Controls(
        selects=_selects(choices, inputs),
        schemes=_schemes(choices),
        chosen=len(choices.schemes),
        own=own,
        hidden=tuple(Fact(name=name, value=value) for name, value in carried if value),
        measured=measured,
        query=choices.query(),
    )


def _schemes(choices: Choices) -> tuple[Option, ...]:
    every = dict.fromkeys((*OFFERED, *choices.schemes))
    return tuple(
        Option(
            value=scheme,
            label=scheme_name(scheme),
            chosen=scheme in choices.schemes,
            title=BY_ID[scheme].formula if scheme in BY_ID else "",
        )
        for scheme in every
    )


def _options(
    chosen: object, known: Sequence[object], names: dict[str, str] | None = None
) -> tuple[Option, ...]:
    every = dict.fromkeys((*known, chosen))
    return tuple(
        Option(
            value=str(value),
            label=(names or {}).get(str(value), str(value)),
            chosen=value == chosen,
        )
        for value in every
    )


def _selects(choices: Choices, inputs: str) -> tuple[Select, ...]:
    laws = dict(LAW_NAMES)
    if choices.input not in LAWS:
        laws[choices.input] = shortened(inputs, LONGEST_NAME) or "a file of inputs"
    return (
        Select(
            name="act",
            label="Activation",
            options=_options(choices.act, ("", *ACTIVATIONS), {"": "as built"}),
            title="Takes the place of every activation in the network",
        ),
        Select(
            name="input",
            label="Input",
            options=_options(choices.input, LAWS, laws),
            title="N(0, 1), or uniform in 0 to 1 as torch.rand draws it",
        ),
        Select(
            name="seeds",
            label="Seeds",
            options=_options(choices.seeds, SEED_CHOICES),
            title="Networks drawn of each scheme",
        ),
        Select(
            name="batch",
            label="Batch",
            options=_options(choices.batch, BATCH_CHOICES),
            title="Inputs of each network",
        ),
        Select(
            name="mode",
            label="Mode",
            options=_options(choices.mode, MODES),
            title="train: batch norm by the batch, and dropout on; eval: neither",
        ),
        Select(name="dtype", label="dtype", options=_options(choices.dtype, DTYPES)),
    )
