"""What the compute child does: carry inputs through a network with the values that files hold."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from app.core.checkpoint import StoredTensor
from app.core.graph import Constant, Graph, Inventory, Parameter
from app.core.recipes import recipe
from app.errors import CannotRun
from app.jobs.networks import PARCEL, Parcel, Where
from app.probe.build import Fresh
from app.probe.device import chosen, text, using
from app.probe.measure import Measurement, measure
from app.readers.mapped import Mapped, values
from app.store.documents import ORDER

Tell: TypeAlias = Callable[[Any], None]
Array: TypeAlias = NDArray[np.generic]

SUBSTITUTE: Final = "torch_default"  # draws what a checkpoint lacks
NARROW: Final = ("bfloat16", "float8")  # dtypes that numpy has no form of


def measure_network(descriptor: int, arguments: dict[str, Any], progress: Tell) -> Measurement:
    """What was measured of a network.

    Args:
        descriptor: The network's file.
        arguments: {"parcel", "order", "device", "threads", "memory_bytes", "weights": whether a
            checkpoint follows, "inputs": whether a batch follows}.
        progress: Told operations done and their total.

    Raises:
        DeviceFailed: If the device is not there or fails.
        InitscopeError: Whatever keeps the network from running.
    """
    torch.set_num_threads(arguments["threads"])
    parcel = PARCEL.validate_python(arguments["parcel"])
    order = ORDER.validate_python(arguments["order"])
    graph = parcel.network
    if isinstance(graph, Inventory):
        raise CannotRun(reason=graph.reason)
    with using(arguments["device"]), ExitStack() as stack:
        files = _mapped(stack, descriptor, arguments)
        try:
            return measure(
                graph,
                order,
                load=_Loader(graph, parcel, files),
                batch_file=_batch(parcel, files),
                device=arguments["device"],
                memory_bytes=arguments["memory_bytes"],
                on_progress=lambda done, total: progress({"done": done, "total": total}),
            )
        except RuntimeError as failure:
            if "can't allocate memory" in str(failure):  # the CPU's: torch has no error for it
                raise MemoryError from failure
            raise


def find_device(_descriptor: None, arguments: dict[str, str], _progress: Tell) -> str:
    """The name of a device, as reports show it.

    Raises:
        Invalid: If this machine has no such device.
    """
    return text(chosen(arguments["device"]))


@dataclass(slots=True)
class _Files:
    network: Mapped
    weights: Mapped | None
    inputs: Mapped | None

    def of(self, where: Where) -> Mapped:
        found = self.network if where == "network" else self.weights
        if found is None:
            raise CannotRun(reason="the checkpoint of its weights is missing.")
        return found


class _Loader:
    """Values of parameters and constants: where a file holds them, else as torch draws them."""

    def __init__(self, graph: Graph, parcel: Parcel, files: _Files) -> None:
        self._graph = graph
        self._places = parcel.places
        self._files = files
        self._fresh: Fresh | None = None

    def __call__(self, wanted: Parameter | Constant) -> Array:
        place = self._places.get(wanted.value)
        if place is not None:
            return numbers(self._files.of(place.file), place.tensor)
        if isinstance(wanted, Constant) or not wanted.learned:
            what = wanted.name if isinstance(wanted, Parameter) else wanted.value
            raise CannotRun(reason=f"no file holds the values of {what}.")
        if self._fresh is None:
            self._fresh = Fresh(recipe(self._graph, SUBSTITUTE), None)
        drawn: Array = self._fresh.values(wanted, 0).numpy()
        return drawn


def numbers(mapped: Mapped, tensor: StoredTensor) -> Array:
    """A tensor's values as numpy knows numbers; a view of the file where their dtype allows it."""
    stored = values(mapped, tensor)
    if not tensor.dtype.startswith(NARROW):
        return stored
    patterns = torch.from_numpy(np.ascontiguousarray(stored))
    widened: Array = patterns.view(getattr(torch, tensor.dtype)).float().numpy()
    return widened


def _mapped(stack: ExitStack, descriptor: int, arguments: dict[str, Any]) -> _Files:
    others = iter(arguments.get("others", ()))
    return _Files(
        network=stack.enter_context(Mapped(descriptor)),
        weights=stack.enter_context(Mapped(next(others))) if arguments["weights"] else None,
        inputs=stack.enter_context(Mapped(next(others))) if arguments["inputs"] else None,
    )


def _batch(parcel: Parcel, files: _Files) -> Array | None:
    if parcel.inputs is None or files.inputs is None:
        return None
    return numbers(files.inputs, parcel.inputs)
