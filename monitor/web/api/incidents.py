"""Incidents, to read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from monitor.access.model import Role
from monitor.errors import NotFound
from monitor.incidents.model import Status
from monitor.incidents.words import incident_name
from monitor.web.acts import ACTS
from monitor.web.api.asking import LIMIT, PROBLEMS, Cursor, Limit, cursor_of, place_of
from monitor.web.api.models import (
    CaseOut,
    EntryOut,
    FindingOut,
    IncidentOut,
    IncidentWhole,
    Page,
    etag_of,
)
from monitor.web.asked import Name, Number, Stored
from monitor.web.identity import Asker

router = APIRouter(tags=["incidents"], responses=PROBLEMS)


@router.get("/incidents")
def list_incidents(
    asker: Asker,
    stored: Stored,
    status: Annotated[list[Status] | None, Query(max_length=len(Status))] = None,
    guardrail: Name = None,
    limit: Limit = LIMIT,
    cursor: Cursor = "",
) -> Page[IncidentOut]:
    """Incidents, newest first."""
    with stored.alerts.reading() as store:
        found = store.incidents(guardrail=guardrail, status=status, before=place_of(cursor), limit=limit + 1)
    more = cursor_of(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[IncidentOut.of(one) for one in found[:limit]], cursor=more)


@router.get("/incidents/{incident_id}")
def show_incident(incident_id: Number, response: Response, asker: Asker, stored: Stored) -> IncidentWhole:
    """One incident with its findings and its timeline; its `ETag` changes with every change."""
    with stored.alerts.reading() as store:
        incident = store.incident(incident_id)
        if incident is None:
            raise NotFound(f"there is no {incident_name(incident_id)}")
        case, entries = store.case(incident_id), store.timeline(incident_id)
        findings = store.findings(incident_id=incident_id)
    response.headers["ETag"] = etag_of(incident, len(entries))
    may = asker.may(Role.responder, incident.guardrail)
    return IncidentWhole(
        **IncidentOut.of(incident).model_dump(),
        case=CaseOut.of(case),
        findings=[FindingOut.of(one, stored.policy.phrases) for one in findings],
        timeline=[EntryOut.of(one) for one in entries],
        acts=[name for name, act in ACTS.items() if may and act.offered(incident, case)],
    )
