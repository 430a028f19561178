"""All networks that theory is held against, by name."""

from __future__ import annotations

from typing import Final

from benchmarks._theory_cases import Case
from benchmarks._theory_pictures import PICTURES
from benchmarks._theory_sequences import SEQUENCES
from benchmarks._theory_table import HELD_OUT, TABLE

CASES: Final[dict[str, Case]] = {
    case.name: case for case in (*TABLE, *HELD_OUT, *PICTURES, *SEQUENCES)
}
