"""One stream: how its evidence and its level went, and what its traffic looks like beside its baseline."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from monitor.web.asked import Number, Stored
from monitor.web.identity import Asker, site_of
from monitor.web.problems import Answered
from monitor.web.stream_view import RANGES, stream_page
from monitor.web.templating import page

router = APIRouter()
Range = Literal["1h", "6h", "1d", "7d", "30d"]


@router.get("/streams/{stream_id}")
def show(
    request: Request,
    stream_id: Number,
    asker: Asker,
    stored: Stored,
    question: Annotated[str, Query(max_length=200)] = "",
    range_: Annotated[Range, Query(alias="range")] = "6h",
) -> Response:
    """The page; question and range stand in the address."""
    known = stored.evidence.stream(stream_id)
    if known is None:
        raise Answered(HTTPStatus.NOT_FOUND, f"there is no stream {stream_id}")
    now_ms = site_of(request).clock.now_ms()
    view = stream_page(stored, known, question=question, range_=range_, now_ms=now_ms)
    return page(request, "stream.html", view=view, ranges=list(RANGES), range=range_, tick_ms=stored.rule.tick_ms)
