"""What the inputs and outputs of an exported program are: parameters, buffers, the user's own."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.architecture.exported_arguments import argument, malformed, value_name
from app.core.graph import Value
from app.errors import CannotRun
from app.readers.pt2_json import JsonObject, member, objects
from app.readers.records import plain_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A tensor that the program keeps, and the name of its value."""

    value: str
    name: str  # as in the state dict
    learned: bool = False


@dataclass(slots=True, kw_only=True)
class Signature:
    """The program's inputs by what they are, and the values that it gives."""

    parameters: list[Held] = field(default_factory=list)  # and buffers, in the program's order
    constants: list[Held] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    updates: int = 0  # tensors that the program would change as it runs


def read_signature(program: JsonObject) -> Signature:
    """The signature of a serialised program.

    Raises:
        Malformed: If it makes no sense, or names a value twice.
        CannotRun: If an input is no tensor, or nothing comes out.
    """
    signature = member(program, "graph_module", "signature")
    found = Signature()
    for spec in objects(member(signature, "input_specs")):
        kind, about = _tagged(spec)
        _read_input(kind, about, found)
    for spec in objects(member(signature, "output_specs")):
        kind, about = _tagged(spec)
        _read_output(kind, about, found)
    held = [*found.parameters, *found.constants]
    names = [*(item.value for item in held), *found.inputs]
    if len(set(names)) != len(names):
        raise malformed("two of its inputs have one name")
    if not found.inputs or not found.outputs:
        raise CannotRun(reason="it takes no tensor, or gives none.")
    return found


def _tagged(spec: JsonObject) -> tuple[str, object]:
    if len(spec) != 1:
        raise malformed("its signature makes no sense")
    return next(iter(spec.items()))


def _read_input(kind: str, about: object, found: Signature) -> None:
    if kind == "user_input":
        given = argument(member(about, "arg"))
        if isinstance(given, Value):
            if member(about, "arg", "as_tensor") is None:
                raise CannotRun(reason=f"its input {_shown(given.value)} is a number.")
            found.inputs.append(given.value)
        return
    names = {"parameter": "parameter_name", "buffer": "buffer_name"}
    if kind in names:
        name, value = member(about, names[kind]), value_name(member(about, "arg"))
        found.parameters.append(Held(value=value, name=_name(name), learned=kind == "parameter"))
    elif kind == "tensor_constant":
        name, value = member(about, "tensor_constant_name"), value_name(member(about, "arg"))
        found.constants.append(Held(value=value, name=_name(name)))
    elif kind != "constant_input":
        raise CannotRun(reason=f"it holds a {plain_text(kind, limit=40)}, which is no tensor.")


def _read_output(kind: str, about: object, found: Signature) -> None:
    if kind in {"user_output", "loss_output"}:
        arg = member(about, "arg")
        name = member(arg, "as_tensor") if kind == "user_output" else arg
        if name is not None:
            found.outputs.append(value_name(name))
    elif kind.endswith("_mutation"):
        found.updates += 1


def _name(given: object) -> str:
    if not isinstance(given, str):
        raise malformed("a parameter lacks its name")
    return plain_text(given)


def _shown(name: str) -> str:
    return repr(plain_text(name, limit=60))
