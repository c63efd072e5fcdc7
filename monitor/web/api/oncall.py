"""Who is on call, and who asks."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel

from monitor.access.model import Role
from monitor.oncall.coverage import digest
from monitor.oncall.policy import weaknesses
from monitor.web.api.asking import PROBLEMS
from monitor.web.api.models import at, when
from monitor.web.asked import Stored
from monitor.web.identity import Asker, site_of

router = APIRouter(tags=["on call"], responses=PROBLEMS)


class DutyOut(BaseModel):
    """Who is on call by one schedule; nobody in a gap."""

    schedule: str
    people: list[str]
    until: datetime | None
    next: list[str]
    next_gap_at: datetime | None


class OnCallOut(BaseModel):
    """Everybody, and how a page could end in silence."""

    now: list[DutyOut]
    weaknesses: list[str]


class Me(BaseModel):
    """Who asks."""

    name: str
    role: Role
    guardrails: list[str]


@router.get("/oncall")
def who_is_on_call(request: Request, asker: Asker, stored: Stored) -> OnCallOut:
    """Now, by schedule."""
    now_ms, plan = site_of(request).clock.now_ms(), stored.policy.plan
    found = [digest(each, now_ms) for each in plan.schedules.values()]
    duties = [
        DutyOut(
            schedule=one.schedule,
            people=list(one.duty.people),
            until=when(one.duty.end_ms) if one.then is not None else None,
            next=list(one.then.people) if one.then is not None else [],
            next_gap_at=at(next((gap.begin_ms for gap in one.gaps if gap.intended is None), None)),
        )
        for one in found
    ]
    return OnCallOut(now=duties, weaknesses=list(weaknesses(plan, now_ms)))


@router.get("/me")
def who_asks(asker: Asker) -> Me:
    """The name and role of the token or session."""
    return Me(name=asker.name, role=asker.role, guardrails=list(asker.guardrails))
