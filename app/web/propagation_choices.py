"""What the propagation page's address asks for, and the order that it stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, cast
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from app.core.propagation import Mode, Order
from app.core.schemes import BY_ID
from app.store.facts import Propagation
from app.store.propagations import Asked
from app.web.deps import ID_PATTERN

SCHEMES = ("torch_default", "kaiming_normal(fan_in,relu)", "xavier_uniform(gain=1)", "lecun_normal")
ACTIVATIONS = (
    *("ReLU", "LeakyReLU", "GELU", "SiLU", "Tanh", "Sigmoid", "ELU", "SELU", "Mish", "Softplus"),
    *("Hardtanh", "Identity"),
)
SEEDS, MOST_SEEDS = 8, 64
BATCH, MOST_BATCH = 64, 1024
MOST_SCHEMES = 12
MODES: tuple[Mode, ...] = ("train", "eval")
Dtype = Literal["float32", "float64", "bfloat16", "float16"]
DTYPES: tuple[Dtype, ...] = ("float32", "float64", "bfloat16", "float16")
LAWS = ("normal", "uniform01")
NO_SCHEME = "none"  # beside the own weights: nothing is drawn
IDENTITY = re.compile(ID_PATTERN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The state of the page; a default leaves no trace in the address."""

    act: str = ""  # a torch.nn class; the network's own where empty
    schemes: tuple[str, ...] = SCHEMES
    input: str = "normal"  # a law, or the id of a stored file
    seeds: int = SEEDS
    batch: int = BATCH
    mode: Mode = "train"
    dtype: Dtype = "float32"
    own: bool = False  # also the given weights
    net: str = ""  # id of the network's file where that is another than the page's
    weights: str = ""  # id of the weights' file where that is another than the page's

    def query(self, **changes: object) -> str:
        """The query string of this state with some fields changed, defaults left out."""
        usual = asdict(Choices())
        pairs: list[tuple[str, str]] = []
        for name, value in asdict(replace(self, **changes)).items():  # type: ignore[arg-type]
            if value == usual[name]:
                continue
            if name == "schemes":
                pairs += [("schemes", scheme) for scheme in value or (NO_SCHEME,)]
            else:
                pairs.append((name, "1" if value is True else str(value)))
        return f"?{urlencode(pairs)}" if pairs else ""

    @property
    def order(self) -> Order:
        """What a worker is told."""
        law = self.input if self.input in LAWS else "file"
        return Order(
            schemes=self.schemes,
            checkpoint=self.own,
            input=cast("Literal['normal', 'uniform01', 'file']", law),
            seeds=self.seeds,
            batch=self.batch,
            mode=self.mode,
            dtype=self.dtype,
            activation=self.act or None,
        )

    def asked(self, file: str) -> Asked:
        """The order with its files, for the page of `file`."""
        network = self.net or file
        return Asked(
            network=network,
            weights=(self.weights or file) if self.own else None,
            inputs=None if self.input in LAWS else self.input,
            order=self.order,
        )


def _number(fields: QueryParams, name: str, usual: int, most: int) -> int:
    text = fields.get(name, "")
    return min(max(int(text), 1), most) if text.isdecimal() and len(text) < 7 else usual


def _one_of(fields: QueryParams, name: str, known: Sequence[str]) -> str:
    text = fields.get(name, "")
    return text if text in known else known[0]


def _file(fields: QueryParams, name: str) -> str:
    text = fields.get(name, "")
    return text if IDENTITY.match(text) else ""


def choices_of(fields: QueryParams) -> Choices:
    """The state that a query or a form asks for; a nonsense value is the default."""
    asked = dict.fromkeys(fields.getlist("schemes"))
    schemes = tuple(scheme for scheme in asked if scheme in BY_ID)[:MOST_SCHEMES]
    own = fields.get("own") == "1"
    law = fields.get("input", "")
    return Choices(
        act=_one_of(fields, "act", ("", *ACTIVATIONS)),
        schemes=schemes or (() if own and NO_SCHEME in asked else SCHEMES),
        input=law if law in LAWS or IDENTITY.match(law) else "normal",
        seeds=_number(fields, "seeds", SEEDS, MOST_SEEDS),
        batch=_number(fields, "batch", BATCH, MOST_BATCH),
        mode=cast("Mode", _one_of(fields, "mode", MODES)),
        dtype=cast("Dtype", _one_of(fields, "dtype", DTYPES)),
        own=own,
        net=_file(fields, "net"),
        weights=_file(fields, "weights"),
    )


def choices_for(found: Propagation, file: str) -> Choices:
    """The state of `file`'s page that shows this measurement."""
    order = found.order
    weights = found.weights or ""
    return Choices(
        act=order.activation or "",
        schemes=order.schemes,
        input=found.inputs or (order.input if order.input in LAWS else "normal"),
        seeds=order.seeds,
        batch=order.batch,
        mode=order.mode,
        dtype=order.dtype,
        own=order.checkpoint,
        net="" if found.network == file else found.network,
        weights="" if weights == file else weights,
    )


def is_default(fields: QueryParams) -> bool:
    """Whether an address asks for nothing in particular."""
    return not set(fields) - {"theme", "extra"}
