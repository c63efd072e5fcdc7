"""Playbooks: the response to each type of incident."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import Response

from monitor.findings.model import IncidentType
from monitor.web.asked import Stored
from monitor.web.identity import Asker
from monitor.web.problems import Answered
from monitor.web.templating import page

router = APIRouter()


@router.get("/playbooks")
def list_(request: Request, asker: Asker, stored: Stored) -> Response:
    """All of them."""
    return page(request, "playbooks.html", books=list(stored.playbooks.values()))


@router.get("/playbooks/{kind}")
def show(request: Request, kind: str, asker: Asker, stored: Stored) -> Response:
    """One, in its six parts."""
    known = {each.value: each for each in IncidentType}
    book = stored.playbooks.get(known[kind]) if kind in known else None
    if book is None:
        raise Answered(HTTPStatus.NOT_FOUND, f"there is no playbook for {kind[:60]!r}")
    return page(request, "playbook.html", book=book)
