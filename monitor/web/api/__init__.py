"""The REST API, one file for each kind of thing; the same service functions as pages and commands."""

from __future__ import annotations

from typing import Final

from monitor.web.api import baselines, incident_acts, incidents, oncall, silences, streams

ROUTERS: Final = (
    incidents.router,
    incident_acts.router,
    silences.router,
    baselines.router,
    streams.router,
    oncall.router,
)
