"""Every page that there is, by its address on the story's database; a new page is added here or a test fails."""

from __future__ import annotations

from typing import Final

from monitor.web import pages

PAGES: Final = {
    "/": "/",
    "/incidents": "/incidents",
    "/incidents/{incident_id}": "/incidents/1",
    "/streams": "/streams",
    "/streams/{stream_id}": "/streams/1",
    "/baselines": "/baselines",
    "/baselines/{baseline_id}": "/baselines/1",
    "/budget": "/budget",
    "/silences": "/silences",
    "/oncall": "/oncall",
    "/playbooks": "/playbooks",
    "/playbooks/{kind}": "/playbooks/probing",
    "/controls": "/controls",
    "/releases": "/releases",
    "/settings": "/settings",
    "/audit": "/audit",
    "/login": "/login",
}
NOT_HTML: Final = frozenset({"/incidents/{incident_id}/report"})


def routes() -> set[str]:
    """The paths of all pages that are read."""
    return {
        str(route.path)  # type: ignore[attr-defined]
        for router in pages.ROUTERS
        for route in router.routes
        if "GET" in (getattr(route, "methods", None) or ())
    }
