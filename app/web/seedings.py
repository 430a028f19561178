"""What a search for a seed found, as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson
from pydantic import TypeAdapter

from app.charts.names import parted, shortened, visible
from app.charts.style import SIGN_ICONS, SIGN_WORDS
from app.core.report import Sign
from app.store.facts import Run, SeedSearch
from app.web import filters
from app.web.addresses import at
from app.web.contexts import Shell
from app.web.progress import told
from app.web.wording import tensor_url

Became: TypeAlias = Literal["from_stream", "moved", "not_from_stream", "cannot_be_replayed"]

LONGEST_NAME = 140
SIGNS: dict[Became, Sign] = {
    "from_stream": "as_expected",
    "moved": "differs",
    "not_from_stream": "no_match",
    "cannot_be_replayed": "not_judged",
}
WORDS: dict[Became, str] = {
    "from_stream": "the draw itself",
    "moved": "moved since",
    "not_from_stream": "not of this stream",
    "cannot_be_replayed": "cannot be replayed",
}
STEPS = {
    "waiting": "Waiting for a worker",
    "reading": "Reading the tensors",
    "state": "Solving for the generator's state",
    "moved_state": "Solving for the generator's state, allowing for a training step",
    "seeds": "Trying seeds",
    "places": "Trying seeds where a model usually has its tensors",
    "stream": "Replaying the stream",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One tensor in the stored document, as far as the page shows it."""

    index: int
    name: str
    shape: tuple[int, ...]
    verdict: Became
    reason: str
    seed: int | None
    stream_offset: int | None
    outputs: int | None
    law: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Outputs of the stream that no tensor of the file holds."""

    offset: int
    outputs: int
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """One seed of the stored document."""

    seed: int
    order: tuple[int, ...]
    gaps: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The stored document, as far as the page shows it."""

    seeds: tuple[Seed, ...]
    tensors: tuple[Placed, ...]
    left_out: int
    seeds_tried: int
    seeds_in_all: int


FOUND = TypeAdapter(Found)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRow:
    """One line of the table, in the order of the stream."""

    place: str  # in the order of drawing, "" where it was not drawn
    href: str
    prefix: str
    leaf: str
    shape: str
    seed: str
    offset: str
    law: str
    sign: Sign
    icon: str
    word: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedPage(Shell):
    """The context of seed.html."""

    state: str
    live: bool
    full: bool
    step: str
    percent: float | None
    headline: str
    sign: Sign
    icon: str
    word: str
    lines: tuple[str, ...]
    rows: tuple[PlacedRow, ...]
    may_go_on: bool  # not all seeds were tried, and none was found


def found_of(document: bytes | None) -> Found | None:
    """What the store keeps of a search, or None."""
    return None if document is None else FOUND.validate_json(document)


def seed_page(run: Run, search: SeedSearch | None, found: Found | None) -> SeedPage:
    """The context of seed.html for a run and the last search for its seed."""
    sign = _sign(search, found)
    return SeedPage(
        title=f"Seed · {visible(run.name)}",
        json_url=at(f"/m/{run.id}/seed.json"),
        id=run.id,
        file=visible(run.name),
        current="seed",
        state="none" if search is None else search.state,
        live=search is not None and not search.finished,
        full=search is not None and search.full,
        step=step_of(search),
        percent=percent_of(search),
        headline=_headline(search),
        sign=sign,
        icon=SIGN_ICONS[sign],
        word=SIGN_WORDS[sign],
        lines=_lines(found),
        rows=_rows(run.id, found),
        may_go_on=found is not None and not found.seeds and found.seeds_tried < found.seeds_in_all,
    )


def status_of(search: SeedSearch | None, document: bytes | None) -> dict[str, Any] | None:
    """A search as data: how far it is, why it failed, what it found."""
    if search is None:
        return None
    return {
        "state": search.state,
        "full": search.full,
        "progress": {"step": search.step, "done": search.done, "total": search.total},
        "percent": percent_of(search),
        "line": step_of(search),
        "headline": search.headline,
        "error": told(search.error),
        "result": None if document is None else orjson.loads(document),
    }


def step_of(search: SeedSearch | None) -> str:
    """What a search is at, in words."""
    if search is None or search.finished:
        return ""
    text = STEPS.get(search.step, "Seeking")
    if search.total > 1:
        text += f": {search.done:,} of {search.total:,}"
    return text


def percent_of(search: SeedSearch | None) -> float | None:
    """How much of its step is done, None where nobody knows."""
    if search is None or search.finished or search.total < 2:
        return None
    return round(100 * min(1.0, search.done / search.total), 1)


def _headline(search: SeedSearch | None) -> str:
    if search is None:
        return "Nobody has looked for the seed of this file."
    if search.error is not None:
        return search.error.message
    if search.state == "cancelled":
        return "The search was stopped."
    return search.headline or "Looking for the seed"


def _sign(search: SeedSearch | None, found: Found | None) -> Sign:
    if search is not None and search.state == "failed":
        return "problem"
    if found is None or not found.seeds:
        return "not_judged"
    verdicts = {tensor.verdict for tensor in found.tensors}
    return "differs" if verdicts & {"moved", "not_from_stream"} else "as_expected"


def _lines(found: Found | None) -> tuple[str, ...]:
    if found is None:
        return ()
    if not found.seeds:
        tried = f"{found.seeds_tried:,} of {found.seeds_in_all:,} seeds were tried."
        return (tried, "Models drawn on a GPU, or trained far from their draw, show none.")
    lines = [
        f"torch.manual_seed({other.seed}) drew {filters.plural(len(other.order), 'more tensor')}."
        for other in found.seeds[1:]
    ]
    names = {tensor.index: shortened(tensor.name, LONGEST_NAME) for tensor in found.tensors}
    for gap in found.seeds[0].gaps[:3]:
        before = names.get(gap.before, "the next")
        lines.append(
            f"{filters.plural(gap.outputs, 'output')} before {before} are in no tensor of the "
            "file: drawn by something else, or drawn again later."
        )
    if found.left_out:
        lines.append(f"{filters.plural(found.left_out, 'tensor')} of the file hold no draw.")
    return (*lines, "Seeds are told modulo 2³², which is all that torch takes of them.")


def _rows(run: str, found: Found | None) -> tuple[PlacedRow, ...]:
    if found is None:
        return ()
    places: dict[int, int] = {}
    for seed in found.seeds:
        for index in seed.order:
            places[index] = len(places) + 1
    ordered = sorted(
        found.tensors, key=lambda tensor: (places.get(tensor.index, 2**62), tensor.index)
    )
    return tuple(_row(run, tensor, places.get(tensor.index)) for tensor in ordered)


def _row(run: str, tensor: Placed, place: int | None) -> PlacedRow:
    prefix, leaf = parted(shortened(tensor.name, LONGEST_NAME))
    sign = SIGNS[tensor.verdict]
    return PlacedRow(
        place="" if place is None else f"{place:,}",
        href=tensor_url(run, tensor.index),
        prefix=prefix,
        leaf=leaf or "(no name)",
        shape=filters.shape(tensor.shape),
        seed=filters.NONE if tensor.seed is None else str(tensor.seed),
        offset=filters.integer(tensor.stream_offset),
        law=tensor.law or filters.NONE,
        sign=sign,
        icon=SIGN_ICONS[sign],
        word=WORDS[tensor.verdict],
        reason=visible(tensor.reason),
    )
