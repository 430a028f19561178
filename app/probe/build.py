"""The values of a network's parameters and constants, one at a time, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from app.core.graph import Constant, Graph, Parameter
from app.core.recipes import Recipe
from app.errors import CannotRun
from app.probe.draws import draw, draw_blocks, stream
from app.probe.interpreter import Setting, torch_dtype
from app.probe.statistics import squares

Load: TypeAlias = Callable[[Parameter | Constant], NDArray[np.generic]]


class Origin(Protocol):
    """Where a network's parameters come from."""

    def values(self, parameter: Parameter, seed: int) -> torch.Tensor:
        """The parameter's values on the CPU, in any dtype."""
        ...


class Fresh:
    """Draws of a recipe; what it has no law for comes from the file, times its factor."""

    def __init__(self, recipe: Recipe, load: Load | None) -> None:
        self._recipe = recipe
        self._load = load

    def values(self, parameter: Parameter, seed: int) -> torch.Tensor:
        """Drawn from a stream of the parameter's own."""
        name, shape = parameter.name, parameter.shape
        packed = self._recipe.packed.get(name)
        if packed is not None:
            return draw_blocks(packed, shape, stream(seed, name))
        law = self._recipe.laws.get(name)
        if law is not None:
            return draw(law, shape, stream(seed, name))
        kept = _loaded(parameter, self._load)
        factor = self._recipe.factors.get(name)
        return kept if factor is None else kept * factor


class Given:
    """A checkpoint's own weights, the same for every seed."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def values(self, parameter: Parameter, seed: int) -> torch.Tensor:  # noqa: ARG002
        """As the file has them."""
        return _loaded(parameter, self._load)


class Network:
    """A graph's parameters and constants by the names of their values.

    Args:
        graph: The network.
        origin: Where its parameters come from.
        setting: Device and dtype of the run.
        load: Gives the values of constants that a file holds.
        keep: Whether all seeds have the same parameters, which stay in memory.
    """

    def __init__(
        self,
        graph: Graph,
        origin: Origin,
        setting: Setting,
        load: Load | None,
        *,
        keep: bool = False,
    ) -> None:
        self.kept = keep
        self.rms: dict[str, float | None] = {}  # of the parameters of the seed at hand
        self._parameters = {each.value: each for each in graph.parameters}
        self._constants = {each.value: each for each in graph.constants}
        self._origin, self._setting, self._load = origin, setting, load
        self._cache: dict[str, torch.Tensor] = {}

    def values(self, names: Iterable[str], seed: int) -> dict[str, torch.Tensor]:
        """Those of the names that are parameters or constants, on the run's device and dtype."""
        found = {}
        for name in names:
            if name in self._constants:
                found[name] = self._constant(self._constants[name])
            elif name in self._parameters:
                found[name] = self._parameter(self._parameters[name], seed)
        return found

    @property
    def learned(self) -> Mapping[str, Parameter]:
        """The learned parameters, by value."""
        return {value: each for value, each in self._parameters.items() if each.learned}

    def _parameter(self, parameter: Parameter, seed: int) -> torch.Tensor:
        if parameter.value in self._cache:
            return self._cache[parameter.value]
        values = self._origin.values(parameter, seed)
        if parameter.learned and parameter.name not in self.rms:
            self.rms[parameter.name] = squares(values).settle().rms
        placed = _placed(values, parameter.dtype, self._setting)
        if self.kept:
            self._cache[parameter.value] = placed
        return placed

    def _constant(self, constant: Constant) -> torch.Tensor:
        if constant.value not in self._cache:
            values = _written(constant) if constant.values is not None else None
            values = _loaded(constant, self._load) if values is None else values
            self._cache[constant.value] = _placed(values, constant.dtype, self._setting)
        return self._cache[constant.value]


def _written(constant: Constant) -> torch.Tensor:
    return torch.tensor(constant.values, dtype=torch_dtype(constant.dtype)).reshape(constant.shape)


def _placed(values: torch.Tensor, dtype: str, setting: Setting) -> torch.Tensor:
    own = torch_dtype(dtype)
    kind = setting.dtype if own.is_floating_point else own
    return values.to(device=setting.device, dtype=kind)


def _loaded(wanted: Parameter | Constant, load: Load | None) -> torch.Tensor:
    name = wanted.name if isinstance(wanted, Parameter) else wanted.value
    if load is None:
        raise CannotRun(
            reason=f"{name} has no values: it is no learned parameter that can be drawn"
        )
    array = np.asarray(load(wanted))
    if array.shape != wanted.shape:
        reason = f"{name} should have shape {wanted.shape}, its file gives {array.shape}"
        raise CannotRun(reason=reason)
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(np.array(array, order="C"))
