"""A graph's operations as calls of torch, one after another, on any device and dtype."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from app.core.graph import Argument, Atom, DType, Graph, Node, NonFinite, Value
from app.core.operators import OPERATORS, TRAINING_ARGUMENT
from app.errors import CannotRun, UnknownOperators
from app.probe.device import failed
from app.probe.substitutes import IN_TRAINING, INSTEAD

Environment: TypeAlias = dict[str, Any]  # tensors and sizes by their value's name

LARGEST_SIZE = 2**63 - 1
_SYMBOLIC = {"torch": torch, "_operator": operator}
_ELSEWHERE = frozenset({"layout", "pin_memory", "device", "dtype"})  # as the run has them


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a run decides for all operations."""

    device: torch.device
    dtype: torch.dtype
    training: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation, ready to be called."""

    node: Node
    function: Callable[..., Any]
    positional: tuple[Argument, ...]
    named: dict[str, Argument]
    fixed: dict[str, Any]  # device and dtype of the run
    reads: tuple[str, ...]  # values, each once
    random: bool  # whether it draws numbers


def steps(graph: Graph, setting: Setting) -> tuple[Step, ...]:
    """Every operation of a graph, bound to a run's device, dtype and mode.

    Raises:
        UnknownOperators: If an operation is not on the list.
        CannotRun: If an operation's arguments are not the operator's.
    """
    unknown = sorted({node.op for node in graph.nodes} - OPERATORS)
    if unknown:
        raise UnknownOperators(names=", ".join(unknown))
    return tuple(_step(node, setting) for node in graph.nodes)


def apply(step: Step, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """What an operation gives, as torch gives it.

    Raises:
        CannotRun: If torch cannot run it on these values.
    """
    positional = [_resolved(argument, values) for argument in step.positional]
    named = {name: _resolved(argument, values) for name, argument in step.named.items()}
    try:
        return step.function(*positional, **named, **step.fixed)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        raise cannot_run(f"{step.node.name} ({step.node.op})", error) from None


def cannot_run(what: str, error: Exception) -> Exception:
    """What a failure of torch is told as; one of a device or its memory stays what it is."""
    if failed(error) or "can't allocate memory" in str(error):
        return error
    return CannotRun(reason=f"{what}: {str(error).strip().partition(chr(10))[0]}")


def results(step: Step, given: Any) -> dict[str, Any]:  # noqa: ANN401
    """The named values among what an operation gave."""
    names = step.node.results
    if isinstance(given, torch.Tensor) and len(names) == 1:
        return {names[0]: given} if names[0] else {}
    values: Sequence[Any] = given if isinstance(given, list | tuple) else (given,)
    if len(values) < len(names):
        reason = f"{step.node.name} ({step.node.op}) should give {len(names)} values"
        raise CannotRun(reason=f"{reason}, it gives {len(values)}")
    named = zip(names, values, strict=False)
    return {name: _bounded(step, value) for name, value in named if name}


def _bounded(step: Step, value: Any) -> Any:  # noqa: ANN401
    """A value whose size, if it is a whole number, is one that torch could hold."""
    if isinstance(value, int) and abs(value) > LARGEST_SIZE:
        raise CannotRun(reason=f"{step.node.name} ({step.node.op}) gives a size beyond 2⁶³")
    return value


def reads(node: Node) -> tuple[str, ...]:
    """Names of the values that an operation uses, each once, in order."""
    found: dict[str, None] = {}
    for argument in node.arguments.values():
        for atom in argument if isinstance(argument, tuple) else (argument,):
            if isinstance(atom, Value):
                found[atom.value] = None
    return tuple(found)


def torch_dtype(name: str) -> torch.dtype:
    """Torch's dtype of a name.

    Raises:
        CannotRun: If torch has none.
    """
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise CannotRun(reason=f"expected the name of a torch dtype, got {name!r}")
    return found


def _step(node: Node, setting: Setting) -> Step:
    package, _, rest = node.op.partition(".")
    read = reads(node)
    if package in _SYMBOLIC:
        function = getattr(_SYMBOLIC[package], rest)
        values = tuple(node.arguments.values())
        if any(isinstance(value, tuple | str | DType) for value in values):
            raise CannotRun(reason=f"{node.name} ({node.op}) takes numbers, not lists or words")
        return Step(
            node=node, function=function, positional=values, named={}, fixed={}, reads=read,
            random=False,
        )  # fmt: skip
    return _torch_step(node, setting, _overload(node))


def _overload(node: Node) -> Any:  # noqa: ANN401
    _, name, overload = node.op.split(".")
    try:
        return getattr(getattr(torch.ops.aten, name), overload)
    except AttributeError:
        reason = f"{node.name} is {node.op}, which torch {torch.__version__} does not have"
        raise CannotRun(reason=reason) from None


def _torch_step(
    node: Node,
    setting: Setting,
    function: Any,  # noqa: ANN401
) -> Step:
    schema = {argument.name: argument for argument in function._schema.arguments}
    unknown = node.arguments.keys() - schema.keys()
    if unknown:
        reason = f"{node.name} ({node.op}) has no argument {min(unknown)!r}"
        raise CannotRun(reason=reason)
    given = _in_mode(node, setting)
    fixed = _fixed(node, schema, setting)
    given = {k: v for k, v in given.items() if k not in _ELSEWHERE or isinstance(v, Value)}
    positional: list[Argument] = []
    for name, argument in schema.items():
        if argument.kwarg_only or name not in given:
            break
        positional.append(given.pop(name))
    return Step(
        node=node,
        function=_function(node, setting, function),
        positional=tuple(positional),
        named=given,
        fixed=fixed,
        reads=reads(node),
        random=torch.Tag.nondeterministic_seeded in function.tags,
    )


def _function(node: Node, setting: Setting, function: Callable[..., Any]) -> Callable[..., Any]:
    """Torch's own, or what stands in for it in this mode."""
    trained = IN_TRAINING.get(node.op) if setting.training else None
    return trained or INSTEAD.get(node.op, function)


def _fixed(node: Node, schema: Mapping[str, Any], setting: Setting) -> dict[str, Any]:
    """Device and dtype as the run has them, where the operator takes them."""
    fixed: dict[str, Any] = {}
    if "device" in schema:
        fixed["device"] = setting.device
    asked = node.arguments.get("dtype")
    if isinstance(asked, DType):
        own = torch_dtype(asked.dtype)
        fixed["dtype"] = setting.dtype if own.is_floating_point else own
    return fixed


def _in_mode(node: Node, setting: Setting) -> dict[str, Argument]:
    """The arguments, with training on or off as the run has it.

    A batch norm in training keeps no running statistics: the values of the network stay as they
    are. A norm that has no running statistics takes those of the batch in every mode.
    """
    given = dict(node.arguments)
    switch = TRAINING_ARGUMENT.get(node.op)
    if switch is not None:
        stateless = node.op.endswith("_norm.default") and given.get("running_mean") is None
        given[switch] = setting.training or stateless
        if setting.training and "running_mean" in given:
            given |= {"running_mean": None, "running_var": None}
    if not setting.training and "dropout_p" in given:
        given["dropout_p"] = 0.0
    if not setting.training and switch == "train" and "dropout" in given:
        # cuDNN takes gradients of recurrent layers in training only; without dropout it is one.
        given |= {"train": True, "dropout": 0.0}
    return given


def _resolved(argument: Argument, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    if isinstance(argument, tuple):
        return [_atom(atom, values) for atom in argument]
    return _atom(argument, values)


def _atom(atom: Atom, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    match atom:
        case Value():
            return values[atom.value]
        case NonFinite():
            return float(atom.number)
        case DType():
            return torch_dtype(atom.dtype)
        case _:
            return atom
