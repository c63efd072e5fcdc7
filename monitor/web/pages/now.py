"""Now: what needs somebody, what is not watched, who is on call, and whether Driftline itself is well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from monitor.clock import HOUR_MS
from monitor.incidents.model import Incident, Severity, Status
from monitor.incidents.words import duration
from monitor.judging.progress import Progress, sentence
from monitor.judging.view import StreamState
from monitor.oncall.coverage import Now, digest
from monitor.oncall.zones import WallClock, wall_clock
from monitor.render.heat import HeatMap, heat_map
from monitor.signals.registry import SIGNALS
from monitor.web.asked import Stored
from monitor.web.backend import Backend, Itself
from monitor.web.identity import Asker, site_of
from monitor.web.templating import page

router = APIRouter()

MOST_INCIDENTS: Final = 25
MOST_ROWS: Final = 20
"""Guardrails in the heat map, those with the strongest evidence."""
MOST_UNWATCHED: Final = 10
RECENT_MS: Final = 5 * 60_000
"""The heat map shows the strongest evidence of so much event time."""
UNWATCHED: Final = (StreamState.learning, StreamState.waiting, StreamState.retired, StreamState.pooled)
LIVE: Final = (Status.open, Status.acknowledged)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """One schedule now, by its own clock."""

    now: Now
    until: str
    gap: str


@router.get("/")
def now(request: Request, asker: Asker, stored: Stored) -> Response:
    """The first page."""
    now_ms = site_of(request).clock.now_ms()
    with stored.alerts.reading() as store:
        counts = store.count_incidents()
        live = store.incidents(status=LIVE, limit=MOST_INCIDENTS)
        silences = [one for one in store.silences(limit=50) if one.end_ms > now_ms - HOUR_MS]
    streams = stored.evidence.count_streams()
    unwatched = stored.evidence.some_streams(states=UNWATCHED, limit=MOST_UNWATCHED)
    itself = stored.itself()
    waiting = sum(n for (status, _), n in counts.items() if status is Status.open)
    return page(
        request,
        "now.html",
        sentence=_sentence(waiting, streams, itself, now_ms),
        calm=waiting == 0,
        incidents=sorted(live, key=_urgency),
        open_now=sum(n for (status, _), n in counts.items() if status in LIVE),
        heat=_heat(stored),
        unwatched=[
            (one, sentence(Progress(stream=one.stream, rare={}), tick_ms=stored.rule.tick_ms)) for one in unwatched
        ],
        unwatched_count=sum(streams.get(state, 0) for state in UNWATCHED),
        watched_count=streams.get(StreamState.watched, 0),
        silences=silences,
        oncall=[_on_call(stored, name, now_ms) for name in stored.policy.plan.schedules],
        itself=itself,
        lag_ms=_lag_ms(itself),
    )


def _urgency(incident: Incident) -> tuple[bool, int, int]:
    """Nobody's first, then by severity, then the oldest."""
    taken = incident.status is not Status.open
    return taken, list(Severity).index(incident.severity), incident.opened_at_ms


def _sentence(waiting: int, counts: Mapping[StreamState, int], itself: Itself, now_ms: int) -> str:
    need = "Nothing needs you" if waiting == 0 else f"{_count(waiting, 'incident')} need{'s' * (waiting == 1)} you"
    unwatched = sum(counts.get(state, 0) for state in UNWATCHED)
    blind = f"{_count(unwatched, 'stream')} not watched" if unwatched else "every stream is watched"
    known = [at for at in (itself.closed_before_ms, itself.judged_before_ms) if at is not None]
    if not known:
        newest = "no event was counted yet"
    else:
        age = now_ms - max(known)
        newest = f"the newest counted event is {duration(age)} old" if age >= 0 else "events are ahead of the clock"
    return f"{need}; {blind}; {newest}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _heat(stored: Backend) -> HeatMap | None:
    newest = stored.evidence.newest_tick()
    if newest is None:
        return None
    strongest = stored.evidence.strongest(newest - RECENT_MS // stored.rule.tick_ms)
    rows = list(dict.fromkeys(one.guardrail for one in strongest))[:MOST_ROWS]
    shown = {one.signal for one in strongest}
    columns = [signal.name for signal in SIGNALS if signal.name in shown]
    columns += sorted(shown - set(columns))
    return heat_map({(one.guardrail, one.signal): one.log_evidence for one in strongest}, rows=rows, columns=columns)


def _on_call(stored: Backend, name: str, now_ms: int) -> OnCall:
    schedule = stored.policy.plan.schedules[name]
    clock, found = wall_clock(schedule.zone), digest(schedule, now_ms)
    gap = next((one for one in found.gaps if one.intended is None), None)
    return OnCall(
        now=found,
        until=f"{local_minute(clock, found.duty.end_ms)} {clock.zone}" if found.then is not None else "",
        gap="" if gap is None else f"{local_minute(clock, gap.begin_ms)} to {local_minute(clock, gap.end_ms)}",
    )


def local_minute(clock: WallClock, at_ms: int) -> str:
    """``2026-12-07 09:00`` by the clock of a schedule."""
    return clock.text(at_ms)[:16].replace("T", " ")


def _lag_ms(itself: Itself) -> int | None:
    if itself.closed_before_ms is None or itself.judged_before_ms is None:
        return None
    return max(0, itself.closed_before_ms - itself.judged_before_ms)
