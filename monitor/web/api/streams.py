"""Streams, and their evidence and levels over time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from monitor.errors import NotFound
from monitor.judging.ports import KnownStream
from monitor.judging.progress import Progress, plain
from monitor.judging.view import StreamState
from monitor.web.api.asking import LIMIT, PROBLEMS, Cursor, Limit, cursor_of, place_of
from monitor.web.api.models import Page, when
from monitor.web.asked import Name, Number, Stored
from monitor.web.backend import Backend
from monitor.web.identity import Asker

router = APIRouter(tags=["streams"], responses=PROBLEMS)
Points = Annotated[int, Query(ge=1, le=10_000)]
Signal = Annotated[str | None, Query(max_length=100)]


class StreamOut(BaseModel):
    """One stream; `known` is what `driftline streams --json` prints of it."""

    id: int
    guardrail: str
    category: str
    state: str
    known: dict[str, Any]

    @classmethod
    def of(cls, one: KnownStream, tick_ms: int) -> StreamOut:
        """As it is stored."""
        known = plain(Progress(stream=one.stream, rare={}), tick_ms=tick_ms)
        unit = one.stream.unit
        return cls(
            id=one.id,
            guardrail=unit.guardrail,
            category=unit.category,
            state=one.stream.state.name,
            known=known,
        )


class PointOut(BaseModel):
    """The evidence of one question after one tick; the alarm is at 0."""

    at: datetime
    signal: str
    question: str
    log_evidence: float
    spent: float


class LevelOut(BaseModel):
    """The mean of one question in one hour, against what was approved."""

    at: datetime
    signal: str
    question: str
    events: int
    mean: float
    level: float
    limit: float


class Evidence(BaseModel):
    """The newest points and hours of a stream, oldest first."""

    points: list[PointOut]
    levels: list[LevelOut]


@router.get("/streams")
def list_streams(
    asker: Asker,
    stored: Stored,
    guardrail: Name = None,
    state: Annotated[str | None, Query(pattern="^(learning|waiting|watched|retired|pooled)$")] = None,
    limit: Limit = LIMIT,
    cursor: Cursor = "",
) -> Page[StreamOut]:
    """By number."""
    states = None if state is None else [StreamState[state]]
    found = stored.evidence.some_streams(
        guardrail=guardrail, states=states, after=place_of(cursor) or 0, limit=limit + 1
    )
    more = cursor_of(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[StreamOut.of(one, stored.rule.tick_ms) for one in found[:limit]], cursor=more)


@router.get("/streams/{stream_id}")
def show_stream(stream_id: Number, asker: Asker, stored: Stored) -> StreamOut:
    """One stream."""
    return StreamOut.of(_known(stored, stream_id), stored.rule.tick_ms)


@router.get("/streams/{stream_id}/evidence")
def show_evidence(
    stream_id: Number,
    asker: Asker,
    stored: Stored,
    signal: Signal = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Points = 1_000,
) -> Evidence:
    """Its evidence by the minute, and its levels by the hour."""
    tick_ms, unit = stored.rule.tick_ms, _known(stored, stream_id).stream.unit
    first = None if since is None else round(since.timestamp() * 1000) // tick_ms
    last = None if until is None else round(until.timestamp() * 1000) // tick_ms
    points = stored.evidence.points(unit=unit, signal=signal, from_tick=first, to_tick=last, limit=limit)
    levels = stored.evidence.levels(unit=unit, signal=signal, from_tick=first, to_tick=last, limit=limit)
    return Evidence(
        points=[
            PointOut(
                at=when((one.tick + 1) * tick_ms),
                signal=one.signal,
                question=one.question,
                log_evidence=one.log_evidence,
                spent=one.spent,
            )
            for one in points
        ],
        levels=[
            LevelOut(
                at=when(one.tick * tick_ms),
                signal=one.signal,
                question=one.question,
                events=one.events,
                mean=one.mean,
                level=one.level,
                limit=one.limit,
            )
            for one in levels
        ],
    )


def _known(stored: Backend, stream_id: int) -> KnownStream:
    found = stored.evidence.stream(stream_id)
    if found is None:
        raise NotFound(f"there is no stream {stream_id}")
    return found
