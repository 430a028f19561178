"""What is answered when something goes wrong: one status for each error, JSON or a page."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app import errors
from app.errors import InitscopeError
from app.web.addresses import path_of
from app.web.render import Page, json_response, render
from app.web.tracing import HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi.responses import Response

log = logging.getLogger(__name__)

STATUS: dict[type[InitscopeError], int] = {
    errors.InitscopeError: 500,
    errors.Refused: 422,
    errors.NotPython: 422,
    errors.NotACheckpoint: 415,
    errors.EmptyFile: 422,
    errors.Truncated: 422,
    errors.Malformed: 422,
    errors.TooLarge: 413,
    errors.NoTensors: 422,
    errors.UnsupportedFormat: 415,
    errors.OutOfMemory: 507,
    errors.OutOfTime: 504,
    errors.ChildLost: 500,
    errors.Cancelled: 409,
    errors.NotFound: 404,
    errors.UnknownTopic: 404,
    errors.NotReady: 409,
    errors.NoReport: 409,
    errors.Invalid: 422,
    errors.StorageFull: 507,
    errors.DatabaseAway: 503,
    errors.DiskFull: 507,
    errors.Unreadable: 500,
    errors.UploadInterrupted: 400,
    errors.BodyTooLarge: 413,
    errors.NoWorker: 503,
    errors.NoGpuWorker: 503,
    errors.DeviceFailed: 503,
    errors.CannotRun: 422,
    errors.NotAnInput: 422,
    errors.PropagationTooLarge: 507,
    errors.PropagationTooSlow: 504,
    errors.CrossSite: 403,
    errors.NotSignedIn: 401,
    errors.TooManyTries: 429,
    errors.TooManyOrders: 429,
    errors.QueueFull: 429,
    errors.NoToken: 503,
    errors.WorkerExtraMissing: 503,
    errors.UnknownOperators: 422,
    errors.DoesNotFit: 507,
    errors.NotANetwork: 422,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A failure as it is told: by its code to programs, by its sentences to people."""

    status: int
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemPage(Page):
    """The context of problem.html."""

    status: int
    message: str
    hint: str


# What pydantic's error types expect, where its own words are about its insides.
EXPECTED = {
    "missing": "a value",
    "json_invalid": "a JSON document",
    "model_attributes_type": "a JSON object, sent as content-type: application/json",
    "extra_forbidden": "no such field",
    "int_parsing": "a whole number",
    "string_pattern_mismatch": "text of the form {pattern}",
}

UNEXPECTED = Problem(
    status=500,
    code="failed",
    message="The service failed at this request. What happened is in its log.",
    hint="Nothing accepted is lost; try again.",
)


def problem_of(error: InitscopeError) -> Problem:
    """The problem that stands for `error`, with the status of its nearest class in the table."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    return Problem(status=status, code=error.code, message=error.message, hint=error.hint)


def wants_page(request: Request) -> bool:
    """Whether a person's browser asked for a page, rather than a program for data."""
    path = path_of(request.scope)
    if path.startswith(("/api/v1", "/static/")) or path.endswith(".json"):
        return False
    return "text/html" in request.headers.get("accept", "")


def respond(
    request: Request, problem: Problem, *, headers: Mapping[str, str] | None = None
) -> Response:
    """The problem in the form that the client asked for."""
    if not wants_page(request):
        return json_response(body_of(problem), status=problem.status, headers=headers)
    page = ProblemPage(
        title=problem.message, status=problem.status, message=problem.message, hint=problem.hint
    )
    return render(request, "problem.html", page, status=problem.status, headers=headers)


def body_of(problem: Problem) -> dict[str, object]:
    """The problem as the API's error body."""
    return {
        "ok": False,
        "error": problem.code,
        "message": problem.message,
        "hint": problem.hint,
    }


def _of_framework(request: Request, error: HTTPException) -> Problem:
    if error.status_code == 404:
        return problem_of(errors.NotFound(what="page"))
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        message = f"{request.method} is not answered at this address, {allowed} is."
        return Problem(status=405, code="method_not_allowed", message=message)
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    message = f"{error.detail.rstrip('.')}."
    return Problem(status=error.status_code, code=code, message=message)


def _of_validation(error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    kind, place = str(first["type"]), [str(part) for part in first["loc"][1:]]
    if place == ["run_id"]:
        return problem_of(errors.NotFound(what="report"))
    got = "nothing" if kind == "missing" else _short(first.get("input"))
    if kind == "json_invalid":
        place, got = [], f"something else at character {place[-1]}"
    return problem_of(
        errors.Invalid(what=".".join(place) or "the request", expected=_expected(first), got=got)
    )


def _expected(error: Mapping[str, Any]) -> str:
    plain = str(error["msg"])
    for opening in ("Input should be ", "Value error, ", "String should have "):
        plain = plain.removeprefix(opening)
    limits = error.get("ctx", {})
    return EXPECTED.get(str(error["type"]), plain).format_map({"pattern": "", **limits})


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, InitscopeError)  # noqa: S101 - the handler's own registration
    return respond(request, problem_of(error))


async def _on_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler's own registration
    return respond(request, _of_framework(request, error), headers=error.headers)


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the handler's own registration
    return respond(request, _of_validation(error))


async def _on_unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, path_of(request.scope), exc_info=error)
    # Answered outside of the middleware that sends the request's id with every other answer.
    return respond(request, UNEXPECTED, headers={HEADER: request.scope.get("request_id", "")})


def install(app: FastAPI) -> None:
    """Make `app` answer every failure with a problem."""
    app.add_exception_handler(InitscopeError, _on_error)
    app.add_exception_handler(HTTPException, _on_framework)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(Exception, _on_unexpected)
