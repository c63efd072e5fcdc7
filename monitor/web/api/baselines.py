"""Baselines: listed, proposed, approved, rolled back."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from monitor.judging import baselines
from monitor.judging.ports import Baseline, BaselineState
from monitor.web.api.asking import CHANGES, LIMIT, Cursor, IdempotencyKey, Limit, cursor_of, once, place_of
from monitor.web.api.models import Page, at, when
from monitor.web.asked import Number, Stored
from monitor.web.identity import Approver, Asker, audited, site_of

router = APIRouter(tags=["baselines"], responses=CHANGES)


class BaselineOut(BaseModel):
    """One baseline."""

    id: int
    state: BaselineState
    guardrail: str
    guardrail_version: str
    category: str
    stage: str
    threshold: float | None
    window_from: datetime
    window_to: datetime
    effective_at: datetime | None
    by: str
    reason: str

    @classmethod
    def of(cls, one: Baseline, tick_ms: int) -> BaselineOut:
        """As it is stored."""
        unit = one.unit
        return cls(
            id=one.id,
            state=one.state,
            guardrail=unit.guardrail,
            guardrail_version=unit.guardrail_version,
            category=unit.category,
            stage=unit.stage,
            threshold=None if unit.threshold_milli < 0 else unit.threshold_milli / 1000,
            window_from=when(one.from_tick * tick_ms),
            window_to=when(one.to_tick * tick_ms),
            effective_at=at(None if one.effective_tick is None else one.effective_tick * tick_ms),
            by=one.approved_by,
            reason=one.reason,
        )


class Baselines(BaseModel):
    """Several."""

    items: list[BaselineOut]


class Proposal(BaseModel):
    """A window to be taken as normal."""

    model_config = ConfigDict(extra="forbid")

    guardrail: str = Field(min_length=1, max_length=200)
    category: str | None = Field(None, max_length=200)
    guardrail_version: str | None = Field(None, max_length=200)
    window_from: AwareDatetime
    window_to: AwareDatetime
    reason: str = Field("", max_length=500)


class Because(BaseModel):
    """A reason."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500)


@router.get("/baselines")
def list_baselines(
    asker: Asker, stored: Stored, state: BaselineState | None = None, limit: Limit = LIMIT, cursor: Cursor = ""
) -> Page[BaselineOut]:
    """Newest first."""
    states = None if state is None else [state]
    found = stored.judge.some_baselines(states=states, before=place_of(cursor), limit=limit + 1)
    more = cursor_of(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[BaselineOut.of(one, stored.rule.tick_ms) for one in found[:limit]], cursor=more)


@router.post("/baselines", status_code=201, response_model=Baselines)
def propose_baseline(
    request: Request, body: Proposal, approver: Approver, stored: Stored, idempotency_key: IdempotencyKey = None
) -> Response:
    """Propose the counts of a window, for each stream of the guardrail."""
    tick_ms = stored.rule.tick_ms

    def do() -> Baselines:
        units = baselines.matching_units(
            stored.judge, guardrail=body.guardrail, category=body.category, version=body.guardrail_version
        )
        first = round(body.window_from.timestamp() * 1000) // tick_ms
        last = -(-round(body.window_to.timestamp() * 1000) // tick_ms)
        made = baselines.propose(
            stored.judge,
            stored.rule,
            units,
            ticks=(first, max(first, last)),
            without=[],
            actor=approver.name,
            reason=body.reason,
            now_ms=site_of(request).clock.now_ms(),
        )
        names = ", ".join(f"baseline {one.id}" for one in made)
        audited(request, approver, "baseline proposed", names, body.reason, through="api")
        return Baselines(items=[BaselineOut.of(one, tick_ms) for one in made])

    return once(request, stored, approver, idempotency_key, body, do, status=HTTPStatus.CREATED)


@router.post("/baselines/{baseline_id}/approve")
def approve_baseline(
    request: Request, baseline_id: Number, body: Because, approver: Approver, stored: Stored
) -> BaselineOut:
    """A new epoch begins with the judge's next tick."""
    made = baselines.approve(stored.judge, baseline_id, actor=approver.name, reason=body.reason)
    audited(request, approver, "baseline approved", f"baseline {made.id}", body.reason, through="api")
    return BaselineOut.of(made, stored.rule.tick_ms)


@router.post("/baselines/{baseline_id}/rollback")
def roll_baseline_back(
    request: Request, baseline_id: Number, body: Because, approver: Approver, stored: Stored
) -> BaselineOut:
    """Approve the counts of a replaced baseline again."""
    now_ms = site_of(request).clock.now_ms()
    made = baselines.roll_back(stored.judge, baseline_id, actor=approver.name, reason=body.reason, now_ms=now_ms)
    audited(request, approver, "baseline rolled back", f"baseline {made.id}", made.reason, through="api")
    return BaselineOut.of(made, stored.rule.tick_ms)
