"""Signing in with an access token, and out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.config import is_loopback
from app.errors import InitscopeError, NotSignedIn, TooManyTries
from app.store.access import SESSION
from app.web.access import COOKIE, LOGIN, LOGOUT, SEE_OTHER, address_of, local
from app.web.addresses import at, root
from app.web.deps import Services, ServicesHere
from app.web.forms import fields
from app.web.headers import host_name
from app.web.problems import problem_of
from app.web.render import Page, render

if TYPE_CHECKING:
    from app.store.access import Token

LOGIN_LIMIT = 4096  # bytes: a token and a place to go on to
NO_STORE = {"Cache-Control": "no-store"}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPage(Page):
    """The context of login.html."""

    message: str  # why the last try came to nothing, "" at the first
    next: str  # the place to go on to
    in_clear: bool  # the token would travel readable by everybody on the way


@router.get(LOGIN)
async def login(request: Request, services: ServicesHere) -> Response:
    """The form; where no token is asked for, the start page."""
    place = local(request.query_params.get("next", ""))
    if not services.settings.guarded:
        return RedirectResponse(place, SEE_OTHER)
    return _form(request, place)


@router.post(LOGIN)
async def sign_in(request: Request, services: ServicesHere) -> Response:
    """Begin a session with a token, in place of the browser's last one, or of all others."""
    sent = await fields(request, limit=LOGIN_LIMIT)
    place = local(sent.get("next", ""))
    if not services.settings.guarded:
        return RedirectResponse(place, SEE_OTHER)
    try:
        token = await _token(request, services, sent.get("token", "").strip())
    except (NotSignedIn, TooManyTries) as problem:
        return _form(request, place, problem)
    earlier = request.cookies.get(COOKIE, "")
    value = await services.access.sign_in(token, instead_of=earlier, alone="alone" in sent)
    answer = RedirectResponse(place, SEE_OTHER, headers=NO_STORE)
    return _keep(request, answer, value, seconds=SESSION.total_seconds())


@router.post(LOGOUT)
async def sign_out(request: Request, services: ServicesHere) -> Response:
    """End the session."""
    await services.access.sign_out(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse(at(LOGIN), SEE_OTHER, headers=NO_STORE)
    return _keep(request, answer, "", seconds=0)


async def _token(request: Request, services: Services, text: str) -> Token:
    found = await services.door.token(services.access, text, address=address_of(request))
    if found is None:
        raise NotSignedIn(got="one that is not valid" if text else "none")
    return found


def _keep(request: Request, answer: Response, value: str, *, seconds: float) -> Response:
    """The answer with the cookie: out of reach of scripts and of other sites' orders."""
    answer.set_cookie(
        COOKIE,
        value,
        max_age=int(seconds),
        path=root() or "/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


def _form(request: Request, place: str, error: InitscopeError | None = None) -> Response:
    problem = problem_of(error) if error else None
    page = LoginPage(
        title="Sign in",
        message=problem.message if problem else "",
        next=place,
        in_clear=request.url.scheme == "http" and not is_loopback(host_name(request.url.netloc)),
    )
    status = problem.status if problem else 200
    return render(request, "login.html", page, status=status, headers=NO_STORE)
