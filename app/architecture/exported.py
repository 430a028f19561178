"""Torch's exported program → the graph: read, made functional, checked; nothing of it is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from app.architecture.exported_aliases import without_writes
from app.architecture.exported_arguments import malformed
from app.architecture.exported_calls import Call, Calls, atoms, mapped, read_calls, value_of
from app.architecture.exported_forms import FORMS, canonical
from app.architecture.exported_inputs import batch_of, inputs_of
from app.architecture.exported_names import readable_names
from app.architecture.exported_parameters import constants_of, parameters_of, places_of, tied
from app.architecture.exported_signature import Held, Signature, read_signature
from app.architecture.exported_views import functional_name
from app.architecture.written import with_offsets
from app.core.checkpoint import Checkpoint
from app.core.graph import Graph, Node, Origin, Value
from app.core.operators import OPERATORS
from app.errors import UnknownOperators
from app.readers.pt2_json import JsonObject, member
from app.readers.pt2_modules import module_records
from app.readers.records import plain_text

_NAMES_SHOWN: Final = 12
_NUMBERS: Final = ("_operator.", "torch.sym_", "math.")  # on sizes: harmless where nobody uses them


def read_exported(
    program: JsonObject,
    checkpoint: Checkpoint | None,
    *,
    origin: Origin = "pt2",
    given: Mapping[str, tuple[bool | int | float, ...]] | None = None,
) -> Graph:
    """The graph of an exported program.

    Args:
        program: Torch's serialised ExportedProgram, as JSON, unchecked.
        checkpoint: The tensors stored beside it; None where there are none.
        origin: Where the program came from.
        given: Values of buffers and constants that are not stored, by name, row-major.

    Raises:
        UnknownOperators: If it uses operations that are not on the list; all are named.
        Malformed: If the program makes no sense.
        CannotRun: If it makes sense, but cannot be run as a graph of tensors.
    """
    graph = member(program, "graph_module", "graph")
    if not isinstance(graph, dict):
        raise malformed("its graph is missing")
    signature, values = read_signature(program), given or {}
    found = read_calls(graph)
    _refuse_unknown([call.op for call in found.calls if not call.op.startswith(_NUMBERS)])
    _refuse_disorder(found.calls, signature)
    found, outputs = without_writes(found, signature.outputs)
    calls = needed([canonical(call) for call in found.calls], outputs)
    _refuse_unknown([call.op for call in calls])
    places = places_of(checkpoint)
    ties = tied(signature.parameters, places)
    found = Calls(calls=_renamed(calls, ties), values=found.values)
    parameters, constants = _held(signature, found.calls, outputs, ties=ties, given=values)
    batch = batch_of(program, signature.inputs, found.values)
    network = Graph(
        origin=origin,
        inputs=inputs_of(signature.inputs, found.values, found.calls),
        parameters=parameters_of(parameters, found, modules=module_records(program), places=places),
        constants=constants_of(constants, found.values, places=places, given=values),
        nodes=nodes_of(found, outputs),
        outputs=tuple(ties.get(name, name) for name in outputs),
        batch=batch.size,
        fixed_batch=batch.fixed,
        notes=_notes(signature),
    )
    return with_offsets(network)


def _refuse_unknown(operators: Iterable[str]) -> None:
    unknown = {
        op
        for op in operators
        if op not in OPERATORS and op not in FORMS and functional_name(op) is None
    }
    if not unknown:
        return
    shown = sorted(plain_text(op, limit=80) for op in unknown)
    more = f" and {len(shown) - _NAMES_SHOWN} more" if len(shown) > _NAMES_SHOWN else ""
    raise UnknownOperators(names=", ".join(shown[:_NAMES_SHOWN]) + more)


def _refuse_disorder(calls: Sequence[Call], signature: Signature) -> None:
    """Refuse a program whose operations use what is not there yet, or give one name twice."""
    held = [*signature.parameters, *signature.constants]
    known = {*(item.value for item in held), *signature.inputs}
    for call in calls:
        for name in _used(call):
            if name not in known:
                raise malformed(f"{call.op} uses {name[:80]!r}, which nothing before it gives")
        for name in filter(None, call.results):
            if name in known:
                raise malformed(f"the name {name[:80]!r} is given twice")
            known.add(name)
    for name in signature.outputs:
        if name not in known:
            raise malformed(f"its result {name[:80]!r} is given by no operation")


def _used(call: Call) -> Iterator[str]:
    return (atom.value for atom in atoms(call.arguments) if isinstance(atom, Value))


def needed(calls: Sequence[Call], outputs: Sequence[str]) -> list[Call]:
    """The operations on which a result depends."""
    needed, kept = set(outputs), []
    for call in reversed(calls):
        if needed.intersection(call.results):
            needed.update(_used(call))
            kept.append(call)
    return kept[::-1]


def _renamed(calls: Sequence[Call], ties: dict[str, str]) -> list[Call]:
    return [replace(call, arguments=mapped(call.arguments, ties)) for call in calls]


def _held(
    signature: Signature,
    calls: Sequence[Call],
    outputs: Sequence[str],
    *,
    ties: Mapping[str, str],
    given: Mapping[str, object],
) -> tuple[list[Held], list[Held]]:
    """Parameters and buffers, tied ones once; and the constants that are used."""
    used = {name for call in calls for name in _used(call)}.union(outputs)
    fixed = [item for item in signature.parameters if item.name in given]
    own = [item for item in signature.parameters if item.name not in given]
    constants = [item for item in [*signature.constants, *fixed] if item.value in used]
    return [item for item in own if item.value not in ties], constants


def nodes_of(found: Calls, outputs: Sequence[str]) -> tuple[Node, ...]:
    """The operations with names for people; results that nobody uses are left unnamed."""
    used = {name for call in found.calls for name in _used(call)}.union(outputs)
    return tuple(
        Node(
            name=name,
            op=call.op,
            arguments=call.arguments,
            results=tuple(result if result in used else "" for result in call.results),
            shapes=tuple(value_of(found.values, result).shape for result in call.results),
            module=call.module,
            kind=call.kind.rpartition(".")[2],
        )
        for name, call in zip(readable_names(found.calls), found.calls, strict=True)
    )


def _notes(signature: Signature) -> tuple[str, ...]:
    if not signature.updates:
        return ()
    return (f"Updates of {signature.updates:,} tensors, such as running statistics, are left out.",)
