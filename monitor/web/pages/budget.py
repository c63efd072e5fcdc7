"""Budget: what was promised, what people have booked as false, and what the tests have spent."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from scipy.stats import chi2

from monitor.clock import DAY_MS
from monitor.incidents.booked import book
from monitor.web.asked import Stored
from monitor.web.identity import Asker, site_of
from monitor.web.templating import page

router = APIRouter()
SPEND_POINTS: Final = 10_000
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


def _spend(stored: Stored) -> list[tuple[str, str, float]]:
    """Guardrail, category and false alarms spent so far, of the streams in the newest stored points."""
    newest: dict[tuple[str, ...], tuple[int, float]] = {}
    for one in stored.evidence.points(limit=SPEND_POINTS):
        key = (one.unit.guardrail, one.unit.guardrail_version, one.unit.category, one.signal, one.question)
        if key not in newest or newest[key][0] <= one.tick:
            newest[key] = (one.tick, one.spent)
    sums: dict[tuple[str, str], float] = {}
    for (guardrail, _, category, _, _), (_, spent) in newest.items():
        sums[guardrail, category] = sums.get((guardrail, category), 0.0) + spent
    ranked = sorted(sums.items(), key=lambda item: -item[1])[:MOST_SPENDERS]
    return [(guardrail, category, spent) for (guardrail, category), spent in ranked]
