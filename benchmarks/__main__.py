"""Run the benchmarks: all of them, or those named on the command line."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def names() -> list[str]:
    """The benchmarks of this folder, in alphabetical order."""
    here = Path(__file__).parent
    return sorted(file.stem for file in here.glob("*.py") if not file.stem.startswith("_"))


def main(wanted: list[str]) -> None:
    """Run each wanted benchmark's `main()`.

    Args:
        wanted: Names of benchmarks; empty for all.
    """
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        sys.exit(f"expected some of {', '.join(names())}, got {', '.join(unknown)}")
    for name in wanted or names():
        print(f"== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
