"""Pages, one file each: what is asked of the stored state, and the template that shows it."""

from __future__ import annotations

from typing import Final

from monitor.web.pages import (
    audit,
    baselines,
    budget,
    controls,
    incident,
    incidents,
    login,
    now,
    oncall,
    playbooks,
    releases,
    settings,
    silences,
    stream,
    streams,
)

ROUTERS: Final = (
    now.router,
    incidents.router,
    incident.router,
    streams.router,
    stream.router,
    baselines.router,
    budget.router,
    silences.router,
    oncall.router,
    playbooks.router,
    controls.router,
    releases.router,
    settings.router,
    audit.router,
    login.router,
)
