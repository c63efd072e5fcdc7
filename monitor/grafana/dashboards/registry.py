"""Every dashboard, from the general to the particular: one file and one line here add one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from monitor.grafana.dashboards.fleet import fleet
from monitor.grafana.dashboards.guardrail import guardrail
from monitor.grafana.dashboards.incidents import incidents
from monitor.grafana.dashboards.itself import itself
from monitor.grafana.dashboards.stream import stream

DASHBOARDS: Final[Sequence[Callable[[], dict[str, Any]]]] = (fleet, guardrail, stream, incidents, itself)
