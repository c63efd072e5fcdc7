"""Who asks, and whether they may: cookies of sessions, bearer tokens, the secrets of forms, limits on how often."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import Response
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.concurrency import run_in_threadpool

from monitor.access.credentials import SESSION_MS, form_secret, recognised, same_secret
from monitor.access.model import Audited, Kind, Principal, Role
from monitor.web.backend import Backend, Site
from monitor.web.problems import API, Answered

FORM_FIELD: Final = "form"
FORM_HEADER: Final = "X-Driftline-Form"
BEARER: Final = "Bearer "
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

token_scheme = HTTPBearer(auto_error=False, description="A token that `driftline token create` made.")
cookie_scheme = APIKeyCookie(name="driftline", auto_error=False, description="A session of a browser.")


def site_of(request: Request) -> Site:
    """The site that the request came to."""
    site: Site = request.app.state.site
    return site


def backend_of(request: Request) -> Backend:
    """The stored state.

    Raises:
        Answered: 503, the database is not open yet.
    """
    backend = site_of(request).backend()
    if backend is None:
        raise Answered(HTTPStatus.SERVICE_UNAVAILABLE, "the database is not open yet; see /readyz")
    return backend


def cookie_name(site: Site) -> str:
    """``__Host-`` binds it to this host, and to https."""
    return "__Host-driftline" if site.secure else "driftline"


def set_session(site: Site, response: Response, secret: str) -> None:
    """Log the browser in."""
    response.set_cookie(
        cookie_name(site),
        secret,
        max_age=SESSION_MS // 1000,
        httponly=True,
        secure=site.secure,
        samesite="strict",
        path="/",
    )


def session_of(request: Request) -> str:
    """The secret of the session's cookie; empty without one."""
    return request.cookies.get(cookie_name(site_of(request)), "")


def client_of(request: Request) -> str:
    """The address of whoever connects."""
    return request.client.host if request.client is not None else ""


def asking(request: Request, backend: Annotated[Backend, Depends(backend_of)]) -> Principal:
    """Whoever asks; runs on a thread of the pool, and keeps the answer with the request.

    Raises:
        Answered: 401 without a login or a valid token, 429 after many wrong tokens.
    """
    site = site_of(request)
    given = request.headers.get("Authorization", "")
    now_ms = site.clock.now_ms()
    found = None
    if given.startswith(BEARER):
        found = recognised(backend.access, given.removeprefix(BEARER).strip(), {Kind.token}, now_ms=now_ms)
        if found is None:
            limited(site.logins.take(client_of(request), now_ms=now_ms))
    elif session := session_of(request):
        found = recognised(backend.access, session, {Kind.session}, now_ms=now_ms)
    if found is None:
        raise Answered(
            HTTPStatus.UNAUTHORIZED,
            "log in with a link that `driftline login` prints, or send a token of `driftline token create`",
            {"WWW-Authenticate": "Bearer"},
        )
    request.state.principal = found
    return found


def limited(wait_ms: int) -> None:
    """Raises Answered with 429 where there is something to wait for."""
    if wait_ms:
        seconds = -(-wait_ms // 1000)
        raise Answered(
            HTTPStatus.TOO_MANY_REQUESTS, f"too often; try again in {seconds} s", {"Retry-After": str(seconds)}
        )


Asker = Annotated[Principal, Depends(asking)]


def acting(role: Role) -> Callable[[Request], Coroutine[Any, Any, Principal]]:
    """A dependency for whatever changes something: who asks must have this role, and mean it.

    Raises:
        Answered: 401; 403 for a lesser role or a request of another site; 429 for too many changes.
    """

    async def may_act(request: Request) -> Principal:
        principal = await run_in_threadpool(lambda: asking(request, backend_of(request)))
        require(principal, role)
        if principal.kind is Kind.session:
            await _meant(request)
        site = site_of(request)
        limited(site.changes.take(str(principal.credential_id), now_ms=site.clock.now_ms()))
        return principal

    return may_act


Responder = Annotated[Principal, Depends(acting(Role.responder))]
Approver = Annotated[Principal, Depends(acting(Role.approver))]
Admin = Annotated[Principal, Depends(acting(Role.admin))]


def require(principal: Principal, role: Role, guardrail: str | None = None) -> None:
    """Raises Answered with 403 unless they may."""
    if not principal.role.covers(role):
        raise Answered(
            HTTPStatus.FORBIDDEN, f"this needs the role {role.value}; {principal.name} is {principal.role.value}"
        )
    if not principal.may(role, guardrail):
        theirs = ", ".join(principal.guardrails)
        raise Answered(HTTPStatus.FORBIDDEN, f"{principal.name} acts on {theirs} alone, not on {guardrail}")


async def _meant(request: Request) -> None:
    """The session's own page has sent it: another site cannot know the form's secret."""
    origin = request.headers.get("Origin")
    hosts = {request.headers.get("Host", ""), site_of(request).host} - {""}
    foreign = origin is not None and urlsplit(origin).netloc not in hosts
    if foreign or request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Answered(HTTPStatus.FORBIDDEN, "this request came from another site")
    given = request.headers.get(FORM_HEADER)
    if given is None and not request.url.path.startswith(API):
        value = (await request.form()).get(FORM_FIELD)
        given = value if isinstance(value, str) else None
    if given is None or not same_secret(given, form_secret(session_of(request))):
        raise Answered(
            HTTPStatus.FORBIDDEN, "the form is not of this session; load the page again and repeat what you did"
        )


def audited(
    request: Request, principal: Principal, act: str, subject: str, detail: str = "", *, through: str = "page"
) -> None:
    """A line of the audit trail about what has just been done; incidents have their own timelines."""
    site, backend = site_of(request), backend_of(request)
    line = Audited(
        at_ms=site.clock.now_ms(), by=principal.name, through=through, act=act, subject=subject, detail=detail
    )
    with backend.access.transaction() as store:
        store.append_audit(line)
