"""Silences: active and past, added and ended."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from monitor.access.model import Role
from monitor.alerting.escalation import paging
from monitor.alerting.silences import SilenceKind, ended_early, new_silence, unused
from monitor.errors import NotFound, Refused
from monitor.web.asked import Number, Stored
from monitor.web.backend import Backend
from monitor.web.forms import MINUTES, length_words
from monitor.web.identity import Asker, Responder, audited, require, site_of
from monitor.web.problems import status_of
from monitor.web.templating import page

router = APIRouter()


@router.get("/silences")
def list_(request: Request, asker: Asker, stored: Stored) -> Response:
    """Newest first."""
    return _listed(request, stored)


@router.post("/silences")
def add(
    request: Request,
    responder: Responder,
    stored: Stored,
    reason: Annotated[str, Form(max_length=500)],
    minutes: Annotated[int, Form(ge=1, le=43_200)],
    guardrail: Annotated[str, Form(max_length=200)] = "",
    kind: Annotated[SilenceKind, Form()] = SilenceKind.silence,
) -> Response:
    """Hold pages back from now on."""
    now_ms = site_of(request).clock.now_ms()
    require(responder, Role.responder, guardrail or ("every guardrail" if responder.guardrails else None))
    try:
        silence = new_silence(
            kind=kind,
            author=responder.name,
            reason=reason,
            begin_ms=now_ms,
            end_ms=now_ms + minutes * 60_000,
            guardrails=[guardrail] if guardrail else [],
            now_ms=now_ms,
        )
    except Refused as error:
        return _listed(request, stored, status=status_of(error), refused=str(error))
    with stored.alerts.transaction() as store:
        made = store.new_silence(silence)
    audited(request, responder, "silence added", f"silence {made.id}", made.reason)
    return RedirectResponse("/silences", HTTPStatus.SEE_OTHER.value)


@router.post("/silences/{silence_id}/end")
def end(request: Request, silence_id: Number, responder: Responder, stored: Stored) -> Response:
    """End one now: what it held back is paged at once."""
    now_ms = site_of(request).clock.now_ms()
    try:
        with stored.alerts.transaction() as store:
            silence = ended_early(store.silence(silence_id), now_ms=now_ms)
            for name in silence.guardrails or ((None,) if not responder.guardrails else ("every guardrail",)):
                require(responder, Role.responder, name)
            store.update_silence(silence)
            paging.released(store, silence_id, now_ms=now_ms)
    except (NotFound, Refused) as error:
        return _listed(request, stored, status=status_of(error), refused=str(error))
    audited(request, responder, "silence ended", f"silence {silence_id}")
    return RedirectResponse("/silences", HTTPStatus.SEE_OTHER.value)


def _listed(request: Request, stored: Backend, *, status: HTTPStatus = HTTPStatus.OK, refused: str = "") -> Response:
    now_ms = site_of(request).clock.now_ms()
    with stored.alerts.reading() as store:
        found = store.silences(limit=200)
    return page(
        request,
        "silences.html",
        status=status,
        silences=[(one, unused(one, now_ms)) for one in found],
        lengths=[(each, length_words(each)) for each in MINUTES],
        kinds=list(SilenceKind),
        refused=refused,
    )
