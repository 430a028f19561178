"""The log: what went wrong or was asked, on stderr, as JSON lines or as text for a person."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, TextIO

import orjson
from pythonjsonlogger.orjson import OrjsonFormatter
from typing_extensions import override

Chosen = Literal["json", "text"]
Form = Literal["auto"] | Chosen

ACCESS: Final = "app.access"  # the logger of answered requests
HIDDEN: Final = "***"
# An access token, and what any Authorization header or URL with a password may hold.
SECRETS: Final = re.compile(
    r"isc_[0-9a-f]{10}_[0-9A-Za-z_-]{43}|(?<=Bearer )[^\s\"']+|(?<=://)[^\s/@\"']*(?=@)"
)
FIELDS: Final = ("levelname", "name", "message")
NAMES: Final = {"levelname": "level", "name": "logger"}
TEXT: Final = "%(levelname)s %(name)s: %(message)s"

_request: ContextVar[str] = ContextVar("request", default="")
_job: ContextVar[str] = ContextVar("job", default="")


def configure(form: Form = "text", *, secrets: Iterable[str] = (), worker: str = "") -> Chosen:
    """Send what this process logs to stderr.

    Args:
        form: "json", one object a line; "text"; "auto" is text on a terminal, else JSON.
        secrets: Texts that no line may show.
        worker: Name of this process among the workers; "" where it is none.

    Returns:
        The form of its lines.
    """
    chosen: Chosen = ("text" if sys.stderr.isatty() else "json") if form == "auto" else form
    handler = _Stderr()
    handler.addFilter(_Context(worker))
    handler.setFormatter(_Discreet(_formatter(chosen), secrets))
    root = logging.getLogger()
    root.handlers = [*(one for one in root.handlers if not isinstance(one, _Stderr)), handler]
    root.setLevel(logging.WARNING)
    # A person at the terminal is told of trouble alone, a log collector of every request.
    logging.getLogger("app").setLevel(logging.INFO if chosen == "json" else logging.WARNING)
    _adopt("dbos", handler)
    return chosen


def _adopt(name: str, handler: logging.Handler) -> None:
    """Make a library that brings a handler of its own use ours."""
    logger = logging.getLogger(name)
    logger.handlers = [handler]
    logger.propagate = False


def asked(request: str) -> None:
    """Put a request's id on every line that its task logs from now on."""
    _request.set(request)


@contextmanager
def carrying(job: str) -> Iterator[None]:
    """While the block runs, put a job's id and its run's on every line of its task."""
    token = _job.set(job)
    try:
        yield
    finally:
        _job.reset(token)


def _formatter(form: str) -> logging.Formatter:
    if form == "text":
        return logging.Formatter(TEXT)
    return OrjsonFormatter(list(FIELDS), rename_fields=dict(NAMES), timestamp="time")


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what is stderr at the moment."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Context(logging.Filter):
    """Adds whose line it is."""

    def __init__(self, worker: str) -> None:
        super().__init__()
        self._worker = worker

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        job = _job.get()
        found = {
            "request_id": _request.get(),
            "run": job.partition("-")[0],
            "job": job,
            "worker": self._worker,
        }
        record.__dict__.update({name: text for name, text in found.items() if text})
        return True


class _Discreet(logging.Formatter):
    """Another formatter's lines without what nobody may read there."""

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._inner = inner
        known = {text for text in secrets if text}
        quoted = {orjson.dumps(text).decode()[1:-1] for text in known}
        self._known = sorted(known | quoted, key=len, reverse=True)

    @override
    def format(self, record: logging.LogRecord) -> str:
        line = self._inner.format(record)
        for text in self._known:
            line = line.replace(text, HIDDEN)
        return SECRETS.sub(HIDDEN, line)
