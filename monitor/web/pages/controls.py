"""The control register: what each guardrail is for, and whether its log agrees."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from monitor.judging.control_register import control_register
from monitor.web.asked import Stored
from monitor.web.identity import Asker
from monitor.web.templating import page

router = APIRouter()
MOST = 500


@router.get("/controls")
def show(request: Request, asker: Asker, stored: Stored) -> Response:
    """Undefined controls first."""
    entries = sorted(control_register(stored.judge, stored.policy.controls), key=lambda one: one.control is not None)
    return page(request, "controls.html", entries=entries[:MOST], more=max(0, len(entries) - MOST))
