"""A measurement over the API: the order that comes in, the document that goes out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.core.plans import Plan
from app.core.propagation import Architecture, Mode, Order, Series
from app.store.facts import Followed, Propagation, State
from app.web.deps import ID_PATTERN, Services
from app.web.plan_documents import NewPlan
from app.web.progress import place_of, told
from app.web.propagation_choices import (
    BATCH,
    MOST_BATCH,
    MOST_SCHEMES,
    MOST_SEEDS,
    SEEDS,
    Dtype,
)
from app.web.schemas import Urgency

TEXT_LIMIT = 256 * 1024  # characters of a pasted network
FileId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=TEXT_LIMIT)]


class ArchitectureSource(BaseModel):
    """A network: a stored file, a pasted text, or a spec as JSON; exactly one of them."""

    model_config = ConfigDict(extra="forbid")

    file: FileId | None = Field(default=None, description="The id that POST /files answered.")
    text: Text | None = Field(
        default=None, description="A YAML or JSON spec, or what print(model) shows."
    )
    spec: dict[str, Any] | None = Field(
        default=None, description="A spec as /api/v1/spec-schema.json describes it."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("file", "text", "spec") if getattr(self, name) is not None]
        if len(given) != 1:
            msg = "exactly one of file, text and spec"
            raise ValueError(msg)
        return self


class InputSource(BaseModel):
    """What is sent through the network: drawn by a law, or a stored batch; one of them."""

    model_config = ConfigDict(extra="forbid")

    law: Literal["normal", "uniform01"] | None = Field(
        default=None, description="N(0, 1), or uniform from 0 to 1 as torch.rand."
    )
    file: FileId | None = Field(
        default=None, description="A stored .npy or .safetensors file of shape [n, *input shape]."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.law is None) == (self.file is None):
            msg = "exactly one of law and file"
            raise ValueError(msg)
        return self


class NewPropagation(BaseModel):
    """The order to measure a network."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "architecture": {
                        "text": "input: [512]\nlayers:\n  - Linear: {out_features: 512}\n  - ReLU"
                    },
                    "schemes": ["torch_default", "kaiming_normal(fan_in,relu)"],
                    "input": {"law": "uniform01"},
                    "seeds": 8,
                    "batch": 64,
                },
                {
                    "architecture": {
                        "text": "input: [512]\nlayers:\n  - Linear: {out_features: 512}\n  - ReLU"
                    },
                    "plan": {
                        "choices": {"linear": {"scheme": "lecun_normal", "gain": 1.5335}},
                        "activation": "GELU",
                    },
                },
            ]
        },
    )

    architecture: ArchitectureSource
    weights: FileId | None = Field(
        default=None,
        description="A stored checkpoint whose own weights are a series, too; null: none, or "
        "those that the architecture's file holds.",
    )
    schemes: list[Annotated[str, StringConstraints(max_length=100)]] = Field(
        default=["torch_default"], max_length=MOST_SCHEMES, description="Ids of GET /schemes."
    )
    input: InputSource = Field(default_factory=lambda: InputSource(law="normal"))
    seeds: int = Field(default=SEEDS, ge=1, le=MOST_SEEDS, description="Networks of each scheme.")
    batch: int = Field(default=BATCH, ge=1, le=MOST_BATCH, description="Inputs of each network.")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    mode: Mode = Field(
        default="train",
        description="train: batch norm by the batch and dropout on; eval: neither.",
    )
    dtype: Dtype = "float32"
    backward: bool = Field(
        default=True, description="Also the gradients; they take the memory of a few blocks more."
    )
    activation: str | None = Field(
        default=None,
        max_length=60,
        description="A torch.nn class that takes the place of every activation.",
    )
    plan: NewPlan | None = Field(
        default=None, description="Also a series, called plan, of the network changed so."
    )
    priority: Urgency = "normal"

    def order(self, *, checkpoint: bool) -> Order:
        """What a worker is told."""
        return Order(
            schemes=tuple(self.schemes),
            checkpoint=checkpoint,
            input=self.input.law or "file",
            seeds=self.seeds,
            batch=self.batch,
            mode=self.mode,
            dtype=self.dtype,
            activation=self.activation,
            backward=self.backward,
            device=self.device,
            plan=None if self.plan is None else self.plan.plan(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """An order with the ids of its files."""

    network: str
    weights: str | None
    inputs: str | None
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationProgress:
    """How far a measurement is."""

    step: str  # "waiting", "understanding", "measuring"
    done: int  # of its passes
    total: int  # 0 until the network is understood


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationError:
    """Why a measurement has no report."""

    error: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationDocument:
    """A measurement: its state, and once there is a report, the propagation document."""

    id: str
    url: str
    state: State
    progress: PropagationProgress
    error: PropagationError | None
    name: str
    ordered: Ordered
    attempt: int
    stale: bool  # the report is of an older schema; POST /propagations makes it again
    headline: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    schema: str | None = None
    architecture: Architecture | None = None
    input: dict[str, str | int | float | None] | None = None
    seeds: int | None = None
    batch: int | None = None
    mode: Mode | None = None
    dtype: str | None = None
    device: str | None = None
    series: tuple[Series, ...] | None = None
    notes: tuple[str, ...] | None = None
    join: dict[str, tuple[str, ...]] | None = None
    seconds: float | None = None
    peak_bytes: int | None = None
    plan: Plan | None = None  # of the series "plan"


def propagation_document(found: Propagation, document: bytes | None) -> dict[str, Any]:
    """A measurement with its report, in the form of `PropagationDocument`."""
    ordered = Ordered(
        network=found.network, weights=found.weights, inputs=found.inputs, order=found.order
    )
    return {
        "id": found.id,
        "url": place_of(found),
        "state": found.state,
        "progress": PropagationProgress(step=found.step, done=found.done, total=found.total),
        "error": told(found.error),
        "name": found.name,
        "ordered": asdict(ordered),
        "attempt": found.attempt,
        "stale": found.stale,
        "headline": found.headline,
        "created_at": found.created_at,
        "started_at": found.started_at,
        "finished_at": found.finished_at,
        **({} if document is None else orjson.loads(document)),
    }


async def found(services: Services, run: str) -> Followed:
    """The analysis or the measurement at an address.

    Raises:
        NotFound: If there is neither.
    """
    analysis = await services.runs.find(run)
    return analysis or await services.propagations.propagation(run)
