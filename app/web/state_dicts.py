"""An analysed checkpoint that holds tensors alone: what it suggests of the network."""

from __future__ import annotations

from dataclasses import replace

from app.architecture.suggestion import suggested
from app.core.checkpoint import StoredTensor
from app.core.graph import Inventory
from app.core.layers import ParameterFacts
from app.core.report import Overview, TensorRow

MODULES = ("torch.nn.", "__torch__")  # globals of a file that holds modules or programs


def inventory_of(overview: Overview) -> Inventory | None:
    """The layers that a report's tensors show, and a spec to confirm or edit.

    Returns:
        None where the file may say itself how it runs: a whole module or a program.
    """
    named = overview.summary.globals
    if any(name.startswith(MODULES) for name in named) or overview.source.name.endswith(".pt2"):
        return None
    rows = [row for row in overview.rows if not row.group]
    if not rows:
        return None
    return suggested([_tensor(row) for row in rows], [_facts(row) for row in rows])


def parameters_of(overview: Overview) -> tuple[list[StoredTensor], list[ParameterFacts]]:
    """The tensors of a report that belong to no other part of its file, and their layers."""
    rows = [row for row in overview.rows if not row.group]
    first: dict[tuple[object, ...], int] = {}
    tensors = []
    for row in rows:
        tensor, same = _tensor(row), _values(row)
        twin = first.setdefault(same, row.index)
        tied = row.status == "not_judged" and twin != row.index
        tensors.append(replace(tensor, alias_of=twin) if tied else tensor)
    return tensors, [_facts(row) for row in rows]


def _values(row: TensorRow) -> tuple[object, ...]:
    """What two names of the same values have in common; the second is judged no more."""
    return row.shape, row.dtype, row.min, row.max, row.mean, row.std


def _tensor(row: TensorRow) -> StoredTensor:
    return StoredTensor(
        index=row.index,
        name=row.name,
        group=row.group,
        dtype=row.dtype,
        shape=row.shape,
        strides=(),
        offset=0,
        parameter=row.parameter,
    )


def _facts(row: TensorRow) -> ParameterFacts:
    return ParameterFacts(
        module=row.name.rpartition(".")[0],
        kind=row.kind,
        kind_certainty=row.kind_certainty,
        role=row.role,
        fan_in=row.fan_in,
        fan_out=row.fan_out,
        fan_certainty=row.kind_certainty,
        evidence="the report",
    )
