"""Retention: how long counts and records are kept."""

from __future__ import annotations

from typing import Final, Self

from pydantic import model_validator

from monitor.clock import DAY_MS, HOUR_MS
from monitor.settings.section import Section, setting
from monitor.settings.values import Duration

HOUR: Final = Duration(HOUR_MS)
DAY: Final = Duration(DAY_MS)
TEN_YEARS: Final = Duration(3_650 * DAY.ms)


class Retention(Section):
    """Retention of counts and records. Data that an approved baseline or an open page needs stays longer."""

    ticks: Duration = setting(
        "7d",
        "counts by the tick; older ones are added up by the hour. An upgrade judges these ticks anew",
        ge=DAY,
        le=TEN_YEARS,
    )
    hours: Duration = setting("400d", "counts by the hour; older ones go", ge=DAY, le=TEN_YEARS)
    ledger: Duration = setting(
        "1d", "the tally of each commit; older ones are added up by the day", ge=HOUR, le=TEN_YEARS
    )
    outbox: Duration = setting(
        "30d", "notifications that were delivered; the timelines of incidents stay", ge=DAY, le=TEN_YEARS
    )

    evidence: Duration = setting(
        "7d", "how long the evidence of each minute is kept", ge=Duration(HOUR_MS), le=Duration(365 * DAY_MS)
    )
    levels: Duration = setting(
        "90d",
        "how long the level of each hour beside its approved level is kept",
        ge=Duration(HOUR_MS),
        le=Duration(3_650 * DAY_MS),
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.hours < self.ticks:
            raise ValueError("hours must not be shorter than ticks: ticks become hours before those go")
        return self
