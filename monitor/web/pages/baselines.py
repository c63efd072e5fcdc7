"""Baselines: proposed, compared with the one in force, approved, rolled back."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from monitor.errors import NotFound, Refused
from monitor.judging import baselines
from monitor.judging.ports import BaselineState
from monitor.judging.view import StreamState
from monitor.web.asked import PAGE, Before, Number, Stored
from monitor.web.backend import Backend
from monitor.web.identity import Approver, Asker, audited, site_of
from monitor.web.problems import Answered, status_of
from monitor.web.templating import page

router = APIRouter()
Words = Annotated[str, Form(max_length=500)]


@router.get("/baselines")
def list_(
    request: Request,
    asker: Asker,
    stored: Stored,
    state: Annotated[list[BaselineState] | None, Query()] = None,
    before: Before = None,
) -> Response:
    """Newest first."""
    return _listed(request, stored, state=state, before=before)


@router.post("/baselines")
def propose(
    request: Request,
    approver: Approver,
    stored: Stored,
    guardrail: Annotated[str, Form(max_length=200)],
    start: Annotated[str, Form(max_length=40)],
    end: Annotated[str, Form(max_length=40)],
    category: Annotated[str, Form(max_length=200)] = "",
    reason: Words = "",
) -> Response:
    """Propose the counts of a window."""
    tick_ms = stored.rule.tick_ms
    try:
        first, last = _tick(start, tick_ms), -(-_ms(end) // tick_ms)
        if last <= first:
            raise Refused("the window ends before it begins")
        units = baselines.matching_units(stored.judge, guardrail=guardrail, category=category or None, version=None)
        made = baselines.propose(
            stored.judge,
            stored.rule,
            units,
            ticks=(first, last),
            without=[],
            actor=approver.name,
            reason=reason,
            now_ms=site_of(request).clock.now_ms(),
        )
    except (NotFound, Refused) as error:
        return _listed(request, stored, status=status_of(error), refused=str(error))
    names = ", ".join(f"baseline {one.id}" for one in made)
    audited(request, approver, "baseline proposed", names, reason)
    to = f"/baselines/{made[0].id}" if len(made) == 1 else "/baselines?state=proposed"
    return RedirectResponse(to, HTTPStatus.SEE_OTHER.value)


@router.get("/baselines/{baseline_id}")
def show(request: Request, baseline_id: Number, asker: Asker, stored: Stored) -> Response:
    """One, with the levels that follow from it, beside the one in force."""
    return _shown(request, stored, baseline_id)


@router.post("/baselines/{baseline_id}/approve")
def approve(
    request: Request, baseline_id: Number, approver: Approver, stored: Stored, reason: Words = ""
) -> Response:
    """Approve a proposal."""
    try:
        made = baselines.approve(stored.judge, baseline_id, actor=approver.name, reason=reason)
    except (NotFound, Refused) as error:
        return _shown(request, stored, baseline_id, status=status_of(error), refused=str(error))
    audited(request, approver, "baseline approved", f"baseline {made.id}", reason)
    return RedirectResponse(f"/baselines/{made.id}", HTTPStatus.SEE_OTHER.value)


@router.post("/baselines/{baseline_id}/rollback")
def roll_back(
    request: Request, baseline_id: Number, approver: Approver, stored: Stored, reason: Words = ""
) -> Response:
    """Go back to a replaced one."""
    now_ms = site_of(request).clock.now_ms()
    try:
        made = baselines.roll_back(stored.judge, baseline_id, actor=approver.name, reason=reason, now_ms=now_ms)
    except (NotFound, Refused) as error:
        return _shown(request, stored, baseline_id, status=status_of(error), refused=str(error))
    audited(request, approver, "baseline rolled back", f"baseline {made.id}", made.reason)
    return RedirectResponse(f"/baselines/{made.id}", HTTPStatus.SEE_OTHER.value)


def _listed(
    request: Request,
    stored: Backend,
    *,
    state: list[BaselineState] | None = None,
    before: int | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    refused: str = "",
) -> Response:
    found = stored.judge.some_baselines(states=state, before=before, limit=PAGE + 1)
    return page(
        request,
        "baselines.html",
        status=status,
        baselines=found[:PAGE],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        states=list(BaselineState),
        chosen=[one.value for one in state or []],
        tick_ms=stored.rule.tick_ms,
        judged=stored.judge.judged_before(),
        refused=refused,
    )


def _shown(
    request: Request, stored: Backend, baseline_id: int, *, status: HTTPStatus = HTTPStatus.OK, refused: str = ""
) -> Response:
    found = stored.judge.baseline(baseline_id)
    if found is None:
        raise Answered(HTTPStatus.NOT_FOUND, f"there is no baseline {baseline_id}")
    in_force = stored.judge.some_baselines(unit=found.unit, states=[BaselineState.approved], limit=1)
    watched = stored.evidence.count_streams().get(StreamState.watched, 1)
    both = [found, *(one for one in in_force if one.id != found.id)]
    shown = list(baselines.views(stored.judge, stored.rule, both, streams=float(max(1, watched))))
    other = {(one.signal, one.question): one for one in shown[1].levels} if len(shown) > 1 else {}
    return page(
        request,
        "baseline.html",
        status=status,
        view=shown[0],
        other=shown[1] if len(shown) > 1 else None,
        rows=[(one, other.get((one.signal, one.question))) for one in shown[0].levels if one.limit is not None],
        untested=[one for one in shown[0].levels if one.limit is None],
        tick_ms=stored.rule.tick_ms,
        refused=refused,
    )


def _ms(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text[:40]!r} is not a time such as 2026-11-01T00:00") from None
    return round((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _tick(text: str, tick_ms: int) -> int:
    return _ms(text) // tick_ms
