"""Names a pickle asks for that reach beyond the file: loading it with pickle would call them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from app.core.notices import finding
from app.core.report import Finding, Level
from app.core.wording import listed

# Standard modules, and single names, that start programs, run text, open files or connections.
_REACHING: Final = re.compile(
    r"(os|posix|nt|subprocess|pty|commands|popen2|multiprocessing|sys|ctypes|socket|ssl|http|urllib"
    r"|urllib2|requests|httpx|ftplib|smtplib|webbrowser|shutil|tempfile|runpy|importlib|imp|pkgutil"
    r"|code|codeop|pdb|bdb|timeit|profile|cProfile|pickle|_pickle|dill|cloudpickle|joblib|marshal"
    r"|shelve|asyncio|_thread|platform|pip|torch\.hub|torch\.package"
    r"|torch\.utils\.cpp_extension|numpy\.testing|numpy\.f2py|numpy\.distutils)(\.|$)"
    r"|(builtins|__builtin__|__builtins__)\.(eval|exec|execfile|compile|__import__|open|input|apply"
    r"|getattr|globals|breakpoint)$"
    r"|types\.(FunctionType|LambdaType|CodeType)$|operator\.(attrgetter|methodcaller)$|io\.open$"
)


def reaching(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the names that a model has no use for, and a program that does harm has.

    Args:
        names: As `Checkpoint.globals` lists them.
    """
    return tuple(name for name in names if _REACHING.match(name))


def calls(names: Sequence[str]) -> list[Finding]:
    """The finding on a file that would start more than a model when it is loaded."""
    found = reaching(names)
    if not found:
        return []
    # Old protocols look up classes inside classes by getattr: it alone may be innocent.
    level: Level = "warning" if all(n.endswith(".getattr") for n in found) else "problem"
    message = (
        f"Loading this file with pickle would reach {listed(list(found))}, which no model needs: "
        "do not load it with torch.load(weights_only=False) or pickle. Here nothing of it was "
        "imported or run; ask where the file comes from."
    )
    return [
        finding(
            (level, "pickle_calls"),
            [],
            message,
            measured=float(len(found)),
            limit=0.0,
            source="the global names in the pickle",
        )
    ]
