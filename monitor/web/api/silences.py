"""Silences."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from monitor.access.model import Principal, Role
from monitor.alerting.escalation import paging
from monitor.alerting.silences import SilenceKind, ended_early, new_silence
from monitor.web.api.asking import CHANGES, LIMIT, IdempotencyKey, Limit, once
from monitor.web.api.models import Page, SilenceOut
from monitor.web.asked import Number, Stored
from monitor.web.identity import Asker, Responder, audited, require, site_of

router = APIRouter(tags=["silences"], responses=CHANGES)


class NewSilence(BaseModel):
    """A silence to be."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500)
    ends_at: AwareDatetime
    begins_at: AwareDatetime | None = Field(None, description="Now, if it is left out.")
    guardrails: list[str] = Field([], max_length=100, description="Empty: every guardrail.")
    kind: SilenceKind = SilenceKind.silence


@router.get("/silences")
def list_silences(asker: Asker, stored: Stored, limit: Limit = LIMIT) -> Page[SilenceOut]:
    """The newest."""
    with stored.alerts.reading() as store:
        found = store.silences(limit=limit)
    return Page(items=[SilenceOut.of(one) for one in found], cursor=None)


@router.post("/silences", status_code=201, response_model=SilenceOut)
def add_silence(
    request: Request, body: NewSilence, responder: Responder, stored: Stored, idempotency_key: IdempotencyKey = None
) -> Response:
    """Hold all messages of these guardrails back."""
    now_ms = site_of(request).clock.now_ms()
    _theirs(responder, tuple(body.guardrails))

    def do() -> SilenceOut:
        silence = new_silence(
            kind=body.kind,
            author=responder.name,
            reason=body.reason,
            begin_ms=now_ms if body.begins_at is None else round(body.begins_at.timestamp() * 1000),
            end_ms=round(body.ends_at.timestamp() * 1000),
            guardrails=body.guardrails,
            now_ms=now_ms,
        )
        with stored.alerts.transaction() as store:
            made = store.new_silence(silence)
        audited(request, responder, "silence added", f"silence {made.id}", made.reason, through="api")
        return SilenceOut.of(made)

    return once(request, stored, responder, idempotency_key, body, do, status=HTTPStatus.CREATED)


@router.post("/silences/{silence_id}/end")
def end_silence(request: Request, silence_id: Number, responder: Responder, stored: Stored) -> SilenceOut:
    """End it now: what it held back is paged at once."""
    now_ms = site_of(request).clock.now_ms()
    with stored.alerts.transaction() as store:
        silence = ended_early(store.silence(silence_id), now_ms=now_ms)
        _theirs(responder, silence.guardrails)
        store.update_silence(silence)
        paging.released(store, silence_id, now_ms=now_ms)
    audited(request, responder, "silence ended", f"silence {silence_id}", through="api")
    return SilenceOut.of(silence)


def _theirs(principal: Principal, guardrails: tuple[str, ...]) -> None:
    """Whoever acts on some guardrails alone may silence those, and not all."""
    for name in guardrails or (("every guardrail",) if principal.guardrails else ()):
        require(principal, Role.responder, name)
