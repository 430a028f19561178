"""`initscope lint FILE`: the mistakes in an init function, on stdout."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

import orjson

from app.architecture.initreading import LEVELS, MOST_BYTES, Mistake, Reading, read_init
from app.cli.terminal import plain
from app.config import Settings
from app.errors import Invalid

STDIN = Path("-")


def run(asked: Namespace, settings: Settings) -> int:  # noqa: ARG001 - every command gets them
    """Print what is found.

    Returns:
        0, or 1 if a mistake is at or above --fail-on.

    Raises:
        Invalid: If the file cannot be read.
        NotPython: If it is no Python, or too long.
    """
    found = read_init(_text(asked.path))
    if asked.json:
        sys.stdout.buffer.write(orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2) + b"\n")
    else:
        sys.stdout.write(listing(found, name=str(asked.path)))
    sys.stdout.flush()
    if asked.fail_on is None:
        return 0
    least = LEVELS.index(asked.fail_on)
    return int(any(LEVELS.index(one.level) <= least for one in found.mistakes))


def listing(found: Reading, *, name: str) -> str:
    """The mistakes as a compiler tells them: file, line, level, sentence, and the correction."""
    blocks = [_block(one, name) for one in found.mistakes]
    return "\n".join([*blocks, plain(found.headline)]) + "\n"


def _block(one: Mistake, name: str) -> str:
    head = f"{name}:{one.line}: {one.level}: {one.message} [{one.code}]"
    correction = "\n".join(f"    + {plain(line)}" for line in one.correction.split("\n"))
    return f"{plain(head)}\n    {plain(one.expression)}\n{correction}\n"


def _text(path: Path) -> str:
    try:
        if path == STDIN:
            raw = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(MOST_BYTES + 1)
    except OSError as problem:
        why = problem.strerror or "it cannot be read"
        raise Invalid(what="FILE", expected="Python source", got=f"{path}: {why}") from None
    return raw.decode("utf-8", "replace")
