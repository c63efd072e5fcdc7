"""The audit trail and the credentials, for administrators."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from monitor.access.model import Kind, Role
from monitor.web.asked import PAGE, Before, Number, Stored
from monitor.web.identity import Admin, Asker, audited, require, site_of
from monitor.web.problems import Answered
from monitor.web.templating import page

router = APIRouter()


@router.get("/audit")
def show(request: Request, asker: Asker, stored: Stored, before: Before = None) -> Response:
    """Newest first."""
    require(asker, Role.admin)
    with stored.access.reading() as store:
        lines = store.audit(before=before, limit=PAGE + 1)
        tokens = store.credentials(Kind.token)
        sessions = store.credentials(Kind.session, limit=PAGE)
    more = lines[PAGE - 1].id if len(lines) > PAGE else None
    return page(request, "audit.html", lines=lines[:PAGE], more=more, tokens=tokens, sessions=sessions)


@router.post("/credentials/{credential_id}/revoke")
def revoke(request: Request, credential_id: Number, admin: Admin, stored: Stored) -> Response:
    """End a token or a session now."""
    with stored.access.transaction() as store:
        if not store.end_credential(credential_id, now_ms=site_of(request).clock.now_ms()):
            raise Answered(HTTPStatus.CONFLICT, f"there is no credential {credential_id} that still holds")
    audited(request, admin, "credential revoked", f"credential {credential_id}")
    return RedirectResponse("/audit", HTTPStatus.SEE_OTHER.value)
