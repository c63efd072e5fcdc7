"""Logging in by a link that works once, and out again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from monitor.access.credentials import redeem
from monitor.access.model import Role
from monitor.errors import Refused
from monitor.web.asked import Stored
from monitor.web.identity import Asker, acting, audited, client_of, cookie_name, limited, set_session, site_of
from monitor.web.templating import page

router = APIRouter()
PATH = r"^/([a-z0-9-][a-z0-9/-]*)?$"
"""Pages of this site alone: a link must not lead elsewhere."""
Goal = Annotated[str, Query(max_length=100, pattern=PATH)]
GoalOfForm = Annotated[str, Form(max_length=100, pattern=PATH)]
Code = Annotated[str, Query(max_length=100)]


@router.get("/login")
def login(request: Request, code: Code = "", to: Goal = "/") -> Response:
    """Asks before it uses the link up: programs that look at links in messages must not."""
    return page(request, "login.html", code=code, to=to, refused="")


@router.post("/login")
def log_in(
    request: Request, stored: Stored, code: Annotated[str, Form(max_length=100)], to: GoalOfForm = "/"
) -> Response:
    """Use the link up."""
    site = site_of(request)
    now_ms = site.clock.now_ms()
    limited(site.logins.take(client_of(request), now_ms=now_ms))
    try:
        with stored.access.transaction() as store:
            principal, secret = redeem(store, code, now_ms=now_ms, random=site.random)
    except Refused as error:
        return page(request, "login.html", status=HTTPStatus.FORBIDDEN, code="", to=to, refused=str(error))
    audited(request, principal, "logged in", f"session {principal.credential_id}", f"as {principal.role.value}")
    answer = RedirectResponse(to, HTTPStatus.SEE_OTHER.value)
    set_session(site, answer, secret)
    return answer


@router.post("/logout")
async def log_out(request: Request, stored: Stored) -> Response:
    """End the session."""
    principal: Asker = await acting(Role.viewer)(request)
    site = site_of(request)
    with stored.access.transaction() as store:
        store.end_credential(principal.credential_id, now_ms=site.clock.now_ms())
    audited(request, principal, "logged out", f"session {principal.credential_id}")
    answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER.value)
    answer.delete_cookie(cookie_name(site), path="/", secure=site.secure, httponly=True, samesite="strict")
    return answer
