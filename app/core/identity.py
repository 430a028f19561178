"""Identity matrices and Dirac kernels: one value on a diagonal, zeros elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.core.matrix import Identity
from app.core.matrix_reading import reals
from app.core.statistics import Sketch


def identity(values: np.ndarray, sketch: Sketch) -> Identity | None:
    """Whether a tensor is an identity or a Dirac kernel, by the place of every value.

    Args:
        values: 2 axes or more.
        sketch: Of them.

    Source:
        torch.nn.init.eye_ and dirac_, torch 2.13: dirac_ sets the middle tap, `size // 2`, of the
        channels (g·m + d, d) for each group g of m outputs.
    """
    value = _one_value(sketch)
    if value is None:
        return None
    set_, shape = sketch.count - sketch.zeros, values.shape
    middle = tuple(size // 2 for size in shape[2:])
    for groups in _groups(set_, shape):
        outputs = shape[0] // groups
        inside = np.arange(min(outputs, shape[1]))
        rows = (np.arange(groups)[:, None] * outputs + inside).reshape(-1)
        found = values[(rows, np.tile(inside, groups), *middle)]
        if np.all(reals(found, sketch.dtype, wide=True) == value):
            return Identity(value=value, groups=groups)
    return None


def _one_value(sketch: Sketch) -> float | None:
    """The one value besides 0."""
    cells = sketch.cells
    if sketch.nonfinite or not sketch.zeros or not cells.exact or cells.low.size != 2:
        return None
    return float(cells.low[cells.low != 0.0][0])


def _groups(values_set: int, shape: Sequence[int]) -> list[int]:
    """Numbers of groups with which so many values would be set; a matrix has one."""
    rows, inputs = shape[0], shape[1]
    most = 1 if len(shape) == 2 else min(rows, values_set)
    return [
        groups
        for groups in range(1, most + 1)
        if rows % groups == 0 and groups * min(rows // groups, inputs) == values_set
    ]
