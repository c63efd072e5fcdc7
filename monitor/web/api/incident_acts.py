"""What may be done with an incident: an address for each act."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from monitor.alerting.ports import AlertStore
from monitor.web.acts import ACTS, IncidentAct, act_on
from monitor.web.api.asking import CHANGES, IdempotencyKey, IfMatch, once
from monitor.web.api.models import IncidentOut, etag_of
from monitor.web.asked import Number, Stored
from monitor.web.identity import Responder, site_of
from monitor.web.problems import Answered

router = APIRouter(tags=["incidents"], responses=CHANGES)


class Acted(BaseModel):
    """What came of it: the incidents as they are now, and which channels are notified."""

    incidents: list[IncidentOut]
    notified: list[str]
    open_pages: int


def _endpoint(act: IncidentAct) -> Callable[..., Any]:
    async def endpoint(
        request: Request,
        incident_id: Number,
        body: Any,
        responder: Responder,
        stored: Stored,
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        def expected(store: AlertStore) -> None:
            incident = store.incident(incident_id)
            entries = store.timeline(incident_id)
            if (
                if_match is not None
                and incident is not None
                and if_match not in (etag_of(incident, len(entries)), "*")
            ):
                raise Answered(HTTPStatus.PRECONDITION_FAILED, "the incident has changed since; read it again")

        def do() -> Acted:
            now_ms = site_of(request).clock.now_ms()
            done = act_on(stored, act, incident_id, body, principal=responder, now_ms=now_ms, expected=expected)
            return Acted(
                incidents=[IncidentOut.of(change.incident) for change in done.changes],
                notified=list(done.channels),
                open_pages=done.open_pages,
            )

        return await run_in_threadpool(lambda: once(request, stored, responder, idempotency_key, body, do))

    endpoint.__annotations__["body"] = act.body
    endpoint.__doc__ = f"{act.label} an incident."
    return endpoint


for _name, _act in ACTS.items():
    router.add_api_route(
        f"/incidents/{{incident_id}}/{_name}",
        _endpoint(_act),
        methods=["POST"],
        name=f"{_name}_incident",
        response_model=Acted,
        summary=f"{_act.label} an incident",
    )
