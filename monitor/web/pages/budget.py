"""Budget: what was promised, what people have booked as false, and what the tests have spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from scipy.stats import chi2

from monitor.clock import DAY_MS
from monitor.incidents.booked import book
from monitor.judging.ports import Spent
from monitor.web.asked import Stored
from monitor.web.identity import Asker, site_of
from monitor.web.pages.now import RECENT_MS
from monitor.web.templating import page

router = APIRouter()
MOST_SPENDERS: Final = 25


@router.get("/budget")
def show(
    request: Request, asker: Asker, stored: Stored, days: Annotated[int, Query(ge=1, le=3_650)] = 90
) -> Response:
    """Counts with an interval: few false pages say little about their rate."""
    now_ms, rule = site_of(request).clock.now_ms(), stored.rule
    with stored.alerts.reading() as store:
        found = book(store, since_ms=now_ms - days * DAY_MS, now_ms=now_ms)
    promised = rule.pages * found.span_ms / rule.page_period_ms
    low, high = poisson_limits(found.false_pages)
    return page(
        request,
        "budget.html",
        book=found,
        days=days,
        rule=rule,
        promised=promised,
        low=low,
        high=high,
        spend=_spend(stored),
        period_days=rule.page_period_ms / DAY_MS,
        notice_days=rule.notice_period_ms / DAY_MS,
    )


def poisson_limits(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact limits of the mean of a Poisson count (Garwood, Biometrika 28, 1936).

    >>> low, high = poisson_limits(0)
    >>> low, round(high, 2)
    (0.0, 3.69)
    """
    tail = (1 - confidence) / 2
    low = float(chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    return low, float(chi2.ppf(1 - tail, 2 * count + 2)) / 2


def _spend(stored: Stored) -> Sequence[Spent]:
    newest = stored.evidence.newest_tick()
    if newest is None:
        return []
    return stored.evidence.spent(newest - RECENT_MS // stored.rule.tick_ms)[:MOST_SPENDERS]
