"""A person's own init function, pasted as text: read, never run, and its mistakes named."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.architecture import (
    initreading_branches,
    initreading_calls,
    initreading_draws,
    initreading_order,
    initreading_owned,
    initreading_tensors,
    initreading_use,
)
from app.architecture.initreading_paste import Level, Paste, Remark, paste_of
from app.errors import NotPython

MOST_BYTES: Final = 64 * 1024
MOST_LINES: Final = 2000
MOST_SHOWN: Final = 160  # characters of an expression
MOST_FINDINGS: Final = 200
MOST_BITS: Final = 4096  # of a whole number; Python writes out no more than 4,300 digits
LEVELS: Final[tuple[Level, ...]] = ("problem", "warning", "info")
_RULES: Final = (
    initreading_branches,
    initreading_calls,
    initreading_draws,
    initreading_order,
    initreading_owned,
    initreading_tensors,
    initreading_use,
)
_FENCE: Final = re.compile(r"(?m)^[ \t]*```[^\n]*$")
_PROMPT: Final = re.compile(r"(?m)^[ \t]*(?:>>>|\.\.\.)(?: |$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One finding about a pasted text."""

    level: Level
    code: str  # short and stable: "data", "apply_on_tensor", "type_equals"
    line: int  # of the text, from 1
    expression: str  # as it stands there
    message: str  # what happens, and why
    correction: str  # code that may take its place


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a text says and does wrong."""

    functions: tuple[str, ...]  # names of those that it defines
    draws: int  # calls that set a tensor
    mistakes: tuple[Mistake, ...]  # by line
    headline: str


def read_init(text: str) -> Reading:
    """The mistakes in an init function.

    Args:
        text: Python source, at most 64 KiB; it is parsed and never run.

    Returns:
        Findings in the order of their lines. "problem": it raises, or does not do what it says;
        "warning": it runs and likely does not what is meant; "info": there is a better way.

    Raises:
        NotPython: If it is empty, too long, nested too deeply, or no Python; with the line.
    """
    source, tree = _parsed(_checked(text))
    _expect_numbers(tree)
    try:
        paste = paste_of(tree)
        found = _mistakes(paste, source)
    except RecursionError:
        raise NotPython(reason=_TOO_DEEP) from None
    draws = sum(initreading_draws.drawn_by(paste, spot) is not None for spot in paste.spots)
    return Reading(
        functions=tuple(paste.functions),
        draws=draws,
        mistakes=found,
        headline=_headline(found, draws=draws),
    )


_TOO_DEEP: Final = "its expressions are nested too deeply. Paste the init function alone."


def _expect_numbers(tree: ast.Module) -> None:
    """Nothing, where every number can be written out again.

    Raises:
        NotPython: If one has thousands of digits.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=int() as number) if number.bit_length() > MOST_BITS:
                reason = f"line {node.lineno}: a number of more than {MOST_BITS:,} bits."
                raise NotPython(reason=reason, line=node.lineno)


def _checked(text: str) -> str:
    """The text with plain line ends and no margin.

    Raises:
        NotPython: If it is empty or too long, or no text.
    """
    size = len(text.encode("utf-8", "replace"))
    if size > MOST_BYTES:
        raise NotPython(
            reason=f"expected at most {MOST_BYTES:,} bytes, got {size:,}. Paste the init function "
            "and the layers it is for."
        )
    if "\0" in text:
        raise NotPython(reason="it holds zero bytes, so it is no text.")
    text = _whole(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    if text.count("\n") > MOST_LINES:
        raise NotPython(reason=f"expected at most {MOST_LINES:,} lines. Paste the function alone.")
    if not text.strip():
        raise NotPython(reason="the text is empty. Paste a function such as def init_weights(m): …")
    return textwrap.dedent(text.expandtabs(4)) + "\n"


def _parsed(source: str) -> tuple[str, ast.Module]:
    """The text, without what forums put around code where it needs that, and its tree."""
    try:
        return source, ast.parse(source)
    except SyntaxError as error:
        bare = textwrap.dedent(_PROMPT.sub("", _FENCE.sub("", source)))
        try:
            return bare, ast.parse(bare)
        except (SyntaxError, RecursionError, MemoryError, ValueError):
            raise _refused(error, source) from None
    except (RecursionError, MemoryError, ValueError):
        raise NotPython(reason=_TOO_DEEP) from None


def _refused(error: SyntaxError, source: str) -> NotPython:
    line = error.lineno or 1
    lines = source.split("\n")
    shown = lines[line - 1].strip()[:80] if line <= len(lines) else ""
    return NotPython(reason=f"line {line}: {error.msg}: {shown}", line=line)


def _mistakes(paste: Paste, source: str) -> tuple[Mistake, ...]:
    """What the rules say, by line; at most the first few hundred."""
    remarks = [
        remark for spot in paste.spots for rule in _RULES for remark in rule.remarks(paste, spot)
    ]
    remarks.sort(key=lambda one: (_line(one), LEVELS.index(one.level), one.code))
    lines = source.encode().split(b"\n")
    found = dict.fromkeys(_mistake(remark, lines) for remark in remarks[:MOST_FINDINGS])
    return tuple(found)


def _line(remark: Remark) -> int:
    return getattr(remark.node, "lineno", 1)


def _mistake(remark: Remark, lines: Sequence[bytes]) -> Mistake:
    expression = " ".join(_segment(remark.node, lines).split())
    if len(expression) > MOST_SHOWN:
        expression = f"{expression[:MOST_SHOWN]}…"
    return Mistake(
        level=remark.level,
        code=remark.code,
        line=_line(remark),
        expression=expression,
        message=_whole(remark.message),
        correction=_whole(remark.correction),
    )


def _whole(text: str) -> str:
    """The text without halves of characters, which a string of the person's may hold."""
    return text.encode("utf-8", "replace").decode()


def _segment(node: ast.AST, lines: Sequence[bytes]) -> str:
    """A node as it stands in the text; ast counts columns in bytes."""
    if not isinstance(node, ast.expr | ast.stmt) or node.end_lineno is None:
        return ast.unparse(node)
    whole = list(lines[node.lineno - 1 : node.end_lineno])
    whole[-1] = whole[-1][: node.end_col_offset]
    whole[0] = whole[0][node.col_offset :]
    return b"\n".join(whole).decode("utf-8", "replace")


def _headline(found: Sequence[Mistake], *, draws: int) -> str:
    if not found:
        if not draws:
            return "Nothing here draws a weight."
        return "No mistake found."
    words = {"problem": ("problem", "problems"), "warning": ("warning", "warnings")}
    words["info"] = ("remark", "remarks")
    counts = {level: sum(one.level == level for one in found) for level in LEVELS}
    told = [f"{n} {words[level][n > 1]}" for level, n in counts.items() if n]
    return f"{', '.join(told)}, the first in line {found[0].line}."
