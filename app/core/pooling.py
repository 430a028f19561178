"""A model's recipe: tensors of one kind pooled, and the schemes that explain them together.

A single tensor often leaves several schemes open. Tensors of one kind of layer were drawn alike, so
their log-likelihoods are summed: the scheme that most of them allow, and that makes them likeliest
together, explains them; what it does not allow breaks it.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.core.catalogue import BY_ID, ORDER
from app.core.catalogue.families import FAMILIES, Family
from app.core.report import Candidate, RecipeLine, TensorReport
from app.core.wording import count

RARITY_NATS = 4.6  # a rarer scheme must make the tensors 100 times likelier
LEAST = 2  # tensors that make a line of their own beside a kind's first
NEARLY_ALL = 0.9  # of a role's tensors, for a scheme to be the role's
LEAST_SHARE = 0.2  # of a kind's tensors that its first scheme must explain
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The tensors of one kind of layer."""

    layer: str
    reports: tuple[TensorReport, ...]


def lines_of(pools: Sequence[Pool]) -> tuple[RecipeLine, ...]:
    """The recipe's lines, the kind with most tensors first.

    Args:
        pools: Each with at least one tensor; a tensor stands in one pool only.
    """
    votes = Counter(i for pool in pools for report in pool.reports for i in set(report.schemes))
    found: list[RecipeLine] = []
    for pool in sorted(pools, key=lambda pool: -len(pool.reports)):
        found += _lines(pool, Prior(votes=votes, used=frozenset(line.scheme for line in found)))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What the rest of the model says for a scheme."""

    votes: Mapping[str, int]  # scheme → tensors of the model that allow it
    used: frozenset[str]  # schemes of larger pools


def _lines(pool: Pool, prior: Prior) -> list[RecipeLine]:
    """The first scheme of a kind, then others that explain a systematic part of the rest."""
    left, found = list(pool.reports), list[tuple[str, list[TensorReport]]]()
    while left:
        best = _best(left, prior)
        if best is None:
            break
        mine = [r for r in left if best in r.schemes]
        telling = [r for r in left if r.status != "too_small"] or left
        told = sum(best in r.schemes for r in telling)
        by_chance = told < LEAST_SHARE * len(telling) or told < LEAST < len(telling)
        if (not found and by_chance) or (found and not _systematic(best, mine, pool.reports)):
            break
        found.append((best, mine))
        left = [r for r in left if best not in r.schemes]
    breaks = tuple(r.index for r in left)
    return [
        _line(pool, scheme, mine, breaks if at == 0 else ())
        for at, (scheme, mine) in enumerate(found)
    ]


def pattern(name: str) -> str:
    """A tensor's name with its numbers left out: what it has in common with its like."""
    return _NUMBER.sub("#", name)


def roles(reports: Sequence[TensorReport]) -> dict[int, str]:
    """Each tensor's name with its numbers left out, but for a last one that tells its role.

    `conv2` of every block has a role of its own where its number comes back in other blocks; the
    number of a layer in a plain chain has none.
    """
    alike: dict[str, list[TensorReport]] = defaultdict(list)
    for report in reports:
        alike[pattern(report.name)].append(report)
    found: dict[int, str] = {}
    for shape, group in alike.items():
        last = {r.index: (_NUMBER.findall(r.name) or [""])[-1] for r in group}
        times = Counter(last.values())
        recurs = len(times) > 1 and min(times.values()) > 1
        found |= {r.index: f"{shape} {last[r.index]}" if recurs else shape for r in group}
    return found


def _systematic(scheme: str, mine: Sequence[TensorReport], kind: Sequence[TensorReport]) -> bool:
    """Whether a scheme is that of whole roles: nearly all tensors of the same role allow it."""
    role = roles(kind)
    own = {role[r.index] for r in mine}
    alike = [r for r in kind if role[r.index] in own]
    allowing = sum(scheme in r.schemes for r in alike)
    return len(mine) >= LEAST and allowing >= NEARLY_ALL * len(alike)


def _best(reports: Sequence[TensorReport], prior: Prior) -> str | None:
    """The scheme that most tensors allow; of several, the one that makes them likeliest."""
    allowed: dict[str, list[Candidate | None]] = defaultdict(list)
    for report in reports:
        for scheme, candidate in survivors(report).items():
            allowed[scheme].append(candidate)

    def key(scheme: str) -> tuple[float, float, int, int, int]:
        lines = allowed[scheme]
        rarity = min((_rarity(c, scheme) for c in lines), default=0)
        likely = math.fsum(c.log_likelihood or 0.0 for c in lines if c) - RARITY_NATS * (
            rarity - 2 * (scheme in prior.used)
        )
        own = BY_ID[scheme].rarity
        return -len(lines), -likely, -prior.votes.get(scheme, 0), own, ORDER[scheme]

    return min((s for s in allowed if s in BY_ID), key=key, default=None)


def survivors(report: TensorReport) -> dict[str, Candidate | None]:
    """The schemes that could have drawn a tensor, with their candidate where it has one."""
    by_id = {i: c for c in report.candidates if c.rejected_by is None for i in c.ids}
    return {scheme: by_id.get(scheme) for scheme in report.schemes}


def _rarity(candidate: Candidate | None, scheme: str) -> int:
    ids = candidate.ids if candidate else (scheme,)
    return min(BY_ID[i].rarity for i in ids if i in BY_ID)


def _line(
    pool: Pool, scheme: str, mine: Sequence[TensorReport], breaks: tuple[int, ...]
) -> RecipeLine:
    lines = [survivors(report)[scheme] for report in mine]
    chances = [c.p_value for c in lines if c and c.p_value is not None]
    likely = [c.log_likelihood for c in lines if c and c.log_likelihood is not None]
    return RecipeLine(
        layer=pool.layer,
        scheme=scheme,
        name=BY_ID[scheme].name,
        text=_text(pool, scheme, mine),
        tensors=tuple(r.index for r in mine),
        breaks=breaks,
        p_value=min(1.0, len(mine) * min(chances)) if chances else None,
        log_likelihood=math.fsum(likely) if len(likely) == len(mine) else None,
    )


def _text(pool: Pool, scheme: str, mine: Sequence[TensorReport]) -> str:
    name = {"zeros": "0", "ones": "1"}.get(scheme, BY_ID[scheme].name)
    total = len(pool.reports)
    if len(mine) == 1:
        where = mine[0].name if total == 1 else f"{mine[0].name} of {total} {pool.layer}"
    elif len(mine) == total:
        where = f"all {count(total)} {pool.layer}"
    else:
        where = f"{count(len(mine))} of {count(total)} {pool.layer}"
    return f"{name} on {where}"


def recipe_text(lines: Sequence[RecipeLine]) -> str:
    """The recipe in one sentence, norms and biases last and in one word each."""
    wheres: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        if line.layer not in {"norms", "norm biases", "biases"}:
            name, _, where = line.text.partition(" on ")
            wheres[name].append(where)
    parts = [f"{name} on {_and(where)}" for name, where in wheres.items()]
    weights, own = _short(lines, "norms", "1"), _short(lines, "norm biases", "0")
    if len(weights) == 1:
        parts.append(f"norms {_and([*weights, *own])}")
    else:
        parts += [f"norms {' or '.join(weights)}"] * bool(weights)
        parts += [f"their biases {' or '.join(own)}"] * bool(own)
    biases = [line for line in lines if line.layer == "biases"]
    whole = len(biases) == 1 and not biases[0].breaks
    if whole:
        parts.append(f"biases {_short(biases, 'biases', 'as PyTorch draws them')[0]}")
    else:
        parts += [line.text for line in biases]
    return f"{'; '.join(parts)}." if parts else ""


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _short(lines: Iterable[RecipeLine], layer: str, default: str) -> list[str]:
    values = {"zeros": "0", "ones": "1", "torch_default": default}
    return [values.get(line.scheme, line.name) for line in lines if line.layer == layer]


def family_of(lines: Sequence[RecipeLine]) -> str | None:
    """The library or model whose own recipe these lines are."""
    schemes: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        schemes[line.layer].add(line.scheme)
    return next((f.name for f in FAMILIES if _is(f, schemes)), None)


def _is(family: Family, schemes: Mapping[str, set[str]]) -> bool:
    there = all(schemes.get(layer, set()) & ids for layer, ids in family.lines.items())
    return there and all(schemes.get(layer, set()) <= ids for layer, ids in family.only.items())
