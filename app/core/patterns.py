"""Laws that set values by their places, not each alike: identities and sparse columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagonal:
    """1 where an input meets its own output, 0 elsewhere: an identity, or Dirac kernels.

    `torch.nn.init.dirac_` with groups sets as many ones as without.
    """

    rows: int
    columns: int  # inputs of one unit, times the taps of a kernel
    taps: int = 1
    law: Literal["identity", "dirac"] = "identity"

    @property
    def bound(self) -> float:
        """1."""
        return 1.0

    @property
    def std(self) -> float:
        """`√(p(1-p))` with p the share of ones."""
        share = min(self.rows, self.columns // self.taps) / (self.rows * self.columns)
        return math.sqrt(share * (1 - share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparse:
    """As many exact zeros in every column, the rest normal: `torch.nn.init.sparse_`.

    Which share of a column is zero is the caller's choice and not part of the law.
    """

    std: float  # of the values that are drawn, weight units
    law: Literal["sparse"] = "sparse"

    @property
    def bound(self) -> None:
        """No value is impossible."""
        return
