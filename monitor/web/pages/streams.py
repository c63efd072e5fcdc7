"""The list of streams: which are watched, and why the others are not."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from monitor.judging.progress import Progress, sentence
from monitor.judging.view import StreamState
from monitor.web.asked import PAGE, After, Name, Stored
from monitor.web.identity import Asker
from monitor.web.templating import page

router = APIRouter()


@router.get("/streams")
def list_(
    request: Request,
    asker: Asker,
    stored: Stored,
    state: Annotated[list[str] | None, Query()] = None,
    guardrail: Name = None,
    after: After = 0,
) -> Response:
    """By number."""
    states = [one for one in StreamState if one.name in (state or [])] or None
    found = stored.evidence.some_streams(guardrail=guardrail or None, states=states, after=after, limit=PAGE + 1)
    counts = stored.evidence.count_streams()
    tick_ms = stored.rule.tick_ms
    return page(
        request,
        "streams.html",
        streams=[(one, sentence(Progress(stream=one.stream, rare={}), tick_ms=tick_ms)) for one in found[:PAGE]],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        counts={each: counts.get(each, 0) for each in StreamState},
        chosen=[each.name for each in states or []],
        guardrail=guardrail or "",
    )
