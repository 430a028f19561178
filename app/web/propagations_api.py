"""The JSON API of networks: what a text says, what happens in it, and what may be said of one."""

from __future__ import annotations

from typing import Any, Self

import orjson
from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, model_validator
from starlette.concurrency import run_in_threadpool

from app.architecture.specschema import schema
from app.architecture.understanding import understand
from app.core.graph import Inventory
from app.core.operators import FAMILY
from app.core.orders import checked
from app.errors import CannotRun, NotANetwork
from app.store.facts import File
from app.store.propagations import Asked
from app.web.api import PROBLEMS
from app.web.architectures import Understood, is_config, misunderstood, understood
from app.web.bodies import JsonRoute
from app.web.deps import Services, ServicesHere
from app.web.propagation_documents import ArchitectureSource, NewPropagation
from app.web.render import json_response
from app.web.schemas import AcceptedRun, accepted_run
from app.web.spec import stored
from app.web.spec_views import normal, title_of

HOLDING_BOTH = ("zip", "pickle", "onnx")  # graph and weights: .pt2, whole pickled models, ONNX
BODY_LIMIT = 2**20  # bytes: a text of 256 KiB, escaped


class TextRoute(JsonRoute):
    """A route whose JSON may hold a whole network's text."""

    limit = BODY_LIMIT


class NetworkText(BaseModel):
    """A network as a text or as a spec; exactly one of them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"text": "input: [32]\nlayers:\n  - Linear(32, 32)\n  - ReLU()\n"}]
        },
    )

    text: str | None = None
    spec: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.text is None) == (self.spec is None):
            msg = "exactly one of text and spec"
            raise ValueError(msg)
        return self


router = APIRouter(prefix="/api/v1", responses=PROBLEMS, route_class=TextRoute)


@router.post("/architectures", response_model=Understood)
async def read_architecture(network: NetworkText) -> Response:
    """What is understood of a network's text: layers and shapes, or the error with its line."""
    try:
        text = network.text if network.text is not None else text_of(network.spec or {})
    except NotANetwork as problem:
        return json_response(misunderstood(problem))
    return json_response(await run_in_threadpool(understood, text))


@router.get("/spec-schema.json", response_model=dict[str, Any])
async def spec_schema() -> Response:
    """The JSON schema of a spec."""
    return json_response(await run_in_threadpool(schema))


@router.get("/operators", response_model=dict[str, str])
async def list_operators() -> Response:
    """Every operator that a network may be made of, with its family."""
    return json_response(FAMILY)


@router.post("/propagations", status_code=status.HTTP_202_ACCEPTED, response_model=AcceptedRun)
async def add_propagation(new: NewPropagation, services: ServicesHere) -> Response:
    """Measure a network. An order that has a report of today's schema answers 200 with it."""
    weights = new.weights or await _own_weights(new.architecture, services)
    order = checked(new.order(checkpoint=weights is not None))
    network = await _network(new.architecture, services)
    asked = Asked(network=network, weights=weights, inputs=new.input.file, order=order)
    made = await services.submitter.propagate(asked, priority=new.priority)
    code = status.HTTP_200_OK if made.state == "done" else status.HTTP_202_ACCEPTED
    return json_response(accepted_run(made), status=code)


async def _own_weights(source: ArchitectureSource, services: Services) -> str | None:
    """The architecture's file, where it may hold weights beside the graph."""
    if source.file is None:
        return None
    file = await services.runs.file(source.file)
    return file.id if file.format in HOLDING_BOTH else None


async def _network(source: ArchitectureSource, services: Services) -> str:
    """The id of the network's file; a text is understood, then kept as one."""
    if source.file is not None:
        return source.file
    text = source.text if source.text is not None else text_of(source.spec or {})
    return (await kept_text(text, services)).id


async def kept_text(text: str, services: Services) -> File:
    """A network's text as a stored file.

    Raises:
        NotANetwork: If nothing is understood of it, with the line.
        CannotRun: If only its parts are known.
    """
    whole = normal(text)
    if is_config(whole):
        return await stored(services, whole, name="config.json")
    found = await run_in_threadpool(understand, whole)
    if isinstance(found, Inventory):
        raise CannotRun(reason=found.reason)
    return await stored(services, whole, name=title_of(found))


def text_of(spec: dict[str, Any]) -> str:
    """The canonical text of a spec that came as JSON, indented: errors name its lines.

    Raises:
        NotANetwork: If it cannot be written down.
    """
    try:
        return orjson.dumps(spec, option=orjson.OPT_INDENT_2).decode()
    except TypeError as wrong:
        reason = "the spec is nested too deep, or holds a number that is too large."
        raise NotANetwork(reason=reason) from wrong
