"""The settings in force, to read: they are changed in their file."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from monitor.web.asked import Stored
from monitor.web.identity import Asker
from monitor.web.templating import page

router = APIRouter()


@router.get("/settings")
def show(request: Request, asker: Asker, stored: Stored) -> Response:
    """Each with where it comes from."""
    return page(request, "settings.html", settings=stored.settings)
