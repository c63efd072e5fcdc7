"""The list of incidents, by page; the address holds the filters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from monitor.incidents.model import Status
from monitor.web.asked import PAGE, Before, Name, Stored
from monitor.web.identity import Asker
from monitor.web.templating import page

router = APIRouter()


@router.get("/incidents")
def list_(
    request: Request,
    asker: Asker,
    stored: Stored,
    status: Annotated[list[Status] | None, Query()] = None,
    guardrail: Name = None,
    before: Before = None,
) -> Response:
    """Newest first."""
    with stored.alerts.reading() as store:
        found = store.incidents(guardrail=guardrail or None, status=status, before=before, limit=PAGE + 1)
        counts = store.count_incidents()
    totals = {each: sum(n for (of, _), n in counts.items() if of is each) for each in Status}
    return page(
        request,
        "incidents.html",
        incidents=found[:PAGE],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        totals=totals,
        chosen=[each.value for each in status or []],
        guardrail=guardrail or "",
    )
