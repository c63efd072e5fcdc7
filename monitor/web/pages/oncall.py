"""Who is on call, until when, who is next; and how a page could end in silence."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from monitor.clock import DAY_MS
from monitor.oncall.coverage import digest
from monitor.oncall.duty import duties
from monitor.oncall.policy import weaknesses
from monitor.oncall.zones import wall_clock
from monitor.web.asked import Stored
from monitor.web.identity import Asker, site_of
from monitor.web.pages.now import local_minute
from monitor.web.templating import page

router = APIRouter()
AHEAD_MS = 14 * DAY_MS


@router.get("/oncall")
def show(request: Request, asker: Asker, stored: Stored) -> Response:
    """The calendar of two weeks, schedule by schedule."""
    now_ms, plan = site_of(request).clock.now_ms(), stored.policy.plan
    schedules = [
        {
            "name": name,
            "clock": wall_clock(each.zone),
            "zone": each.zone,
            "now": digest(each, now_ms),
            "duties": duties(each, now_ms, now_ms + AHEAD_MS)[:60],
        }
        for name, each in plan.schedules.items()
    ]
    return page(
        request,
        "oncall.html",
        schedules=schedules,
        minute=local_minute,
        policy=plan.active,
        weaknesses=list(weaknesses(plan, now_ms))[:50],
    )
