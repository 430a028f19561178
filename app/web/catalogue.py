"""The catalogue over the API: schemes, their laws at given fans, and what torch.nn draws."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, model_validator

from app.core.arguments import Argument
from app.core.context import site
from app.core.defaults import layer_defaults
from app.core.report import Step
from app.core.schemes import CATALOGUE, Scheme, derivation
from app.errors import Invalid
from app.web.api import PROBLEMS
from app.web.render import json_response

WHOLE = re.compile(r"-?[0-9]{1,15}")  # whole numbers that a float holds exactly
WORDS: dict[str, bool] = {"true": True, "false": False}
MOST_ARGUMENTS = 20
FAN = Field(default=None, ge=1, le=2**53)

router = APIRouter(prefix="/api/v1", responses=PROBLEMS)


class FansQuery(BaseModel):
    """The fans at which the schemes are worked out, both or none, and the model around them."""

    fan_in: int | None = FAN
    fan_out: int | None = FAN
    layers: int = Field(default=12, ge=1, le=2**31, description="Blocks of the tensor's stack.")
    place: int = Field(default=1, ge=1, le=2**31, description="The tensor's block, from 1.")
    blocks: int | None = Field(default=None, ge=1, le=2**31, description="As layers if left out.")
    width: int | None = Field(default=None, ge=1, le=2**53, description="As fan_in if left out.")
    head_width: int = Field(default=64, ge=1, le=2**53)
    groups: int = Field(default=1, ge=1, le=2**31, description="Of a convolution.")

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.fan_in is None) != (self.fan_out is None):
            msg = "fan_in and fan_out together"
            raise ValueError(msg)
        return self


@router.get("/schemes", response_model=dict[str, Any])
async def list_schemes(fans: Annotated[FansQuery, Query()]) -> Response:
    """Every scheme of the catalogue; with fans also its std and bound, step by step."""
    return json_response({"schemes": [_scheme(scheme, fans) for scheme in CATALOGUE]})


@router.get(
    "/defaults",
    response_model=dict[str, Any],
    openapi_extra={
        "parameters": [
            {
                "name": "arguments",
                "in": "query",
                "description": "The layer's own arguments: in_channels=16&out_channels=32&…",
                "style": "form",
                "explode": True,
                "schema": {"type": "object", "additionalProperties": True},
                "example": {"in_channels": 16, "out_channels": 32, "kernel_size": 3},
            }
        ]
    },
)
async def show_defaults(
    request: Request,
    layer: Annotated[
        str,
        Query(
            max_length=100,
            description="A torch.nn class.",
            openapi_examples={"Conv2d": {"value": "Conv2d"}},
        ),
    ],
) -> Response:
    """What torch.nn draws for each parameter of a layer, with the derivation."""
    given = [pair for pair in request.query_params.multi_items() if pair[0] != "layer"]
    arguments = {name: _argument(text) for name, text in given}
    if len(given) > min(len(arguments), MOST_ARGUMENTS):
        expected = f"at most {MOST_ARGUMENTS} arguments, each once"
        raise Invalid(what="the query", expected=expected, got=len(given))
    laws = layer_defaults(layer, arguments)
    parameters = {name: asdict(law) for name, law in laws.items()}
    return json_response({"layer": layer, "arguments": arguments, "parameters": parameters})


def _scheme(scheme: Scheme, fans: FansQuery) -> dict[str, Any]:
    return {
        "id": scheme.id,
        "name": scheme.name,
        "law": scheme.law,
        "formula": scheme.formula,
        "call": scheme.call,
        "source": scheme.source,
        "applies_to": sorted(scheme.parts),
        "needs": [over.quantity for over in scheme.over],
        "aliases": [
            other.id for other in CATALOGUE if other.id != scheme.id and _same_law(scheme, other)
        ],
        "steps": [asdict(step) for step in _steps(scheme, fans)],
    }


def _same_law(one: Scheme, other: Scheme) -> bool:
    return _rule(one) == _rule(other)


def _rule(scheme: Scheme) -> tuple[object, ...]:
    cut = scheme.cut if scheme.law == "truncated_normal" else None
    return scheme.law, scheme.fan, scheme.gain, scheme.scale, scheme.over, cut


def _steps(scheme: Scheme, fans: FansQuery) -> tuple[Step, ...]:
    if fans.fan_in is None or fans.fan_out is None:
        return ()
    told = fans.model_dump(exclude_none=True)
    around = {"blocks": fans.layers, "width": fans.fan_in, **told}
    return derivation(scheme, fan_in=fans.fan_in, fan_out=fans.fan_out, site=site(set(), around))


def _argument(text: str) -> Argument:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    parts = [part.strip() for part in text.strip("()[] ").split(",")]
    if not all(WHOLE.fullmatch(part) for part in parts):
        return text
    return int(text) if len(parts) == 1 and WHOLE.fullmatch(text) else tuple(map(int, parts))
