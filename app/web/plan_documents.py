"""A plan over the API: what a network is to be drawn from, and what is to change in it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.plans import MOST, Choice, LayerKind, Normalisation, Plan

SchemeId = Annotated[str, StringConstraints(max_length=100)]


class NewChoice(BaseModel):
    """What the layers of one kind are drawn from."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    scheme: SchemeId | None = Field(
        default=None, description="An id of GET /schemes; null: the plan's base draws them."
    )
    gain: float = Field(default=1.0, gt=0, le=MOST, description="Times the drawn weights.")
    bias: float | None = Field(
        default=None,
        ge=-MOST,
        le=MOST,
        description="The constant of their biases; null: what the base gives them.",
    )


class NewPlan(BaseModel):
    """What to draw, and what to change."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [
                {
                    "base": "torch_default",
                    "choices": {"linear": {"scheme": "lecun_normal", "gain": 1.5335, "bias": 0}},
                    "activation": "GELU",
                },
                {"base": "checkpoint", "branch": 0},
            ]
        },
    )

    base: SchemeId = Field(
        default="torch_default",
        description="The scheme of all that no choice speaks of; checkpoint: the file's own "
        "weights stay.",
    )
    choices: dict[LayerKind, NewChoice] = Field(default_factory=dict)
    activation: str | None = Field(
        default=None,
        max_length=60,
        description="A torch.nn class that takes the place of every activation.",
    )
    normalisation: Normalisation | None = Field(
        default=None, description="Takes the place of every normalisation; none removes them."
    )
    branch: float | None = Field(
        default=None,
        ge=0,
        le=MOST,
        description="Times the last weight of each residual branch; 0 makes them identities.",
    )

    def plan(self) -> Plan:
        """The plan, whose names are not looked up yet."""
        choices = {
            kind: Choice(scheme=one.scheme, gain=one.gain, bias=one.bias)
            for kind, one in self.choices.items()
        }
        return Plan(
            base=self.base,
            choices=choices,
            activation=self.activation,
            normalisation=self.normalisation,
            branch=self.branch,
        )
