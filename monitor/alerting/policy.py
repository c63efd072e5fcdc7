"""A team's decisions about alerting, as values; the settings build it, the response follows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from monitor.clock import HOUR_MS
from monitor.incidents.controls import Control
from monitor.incidents.words import Phrases
from monitor.oncall.policy import Plan

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One channel that is notified of incidents."""

    channel: str
    """Its name in the settings."""
    notices: bool = False
    """Whether it is also notified of notices that belong to an incident; off by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """The rules of the response.

    Attributes:
        routes: the channels that are notified of incidents; none: they are recorded only.
        group_window_ms: how long after the last trouble of a guardrail the next one still is the same incident.
        group_span_ms: how long one incident collects pages at most, counted from its first page, so that trouble
            that never ends does not swallow everything that comes later.
        notify_within_ms: a finding detected longer ago was found by a backfill: recorded, never notified.
        auto_resolve: resolve an incident when all its findings have ended. Off: people resolve.
        address: where a person finds the incident, a URL or a command; ``{id}`` stands for its number. May be empty.
        controls: the control statement of each guardrail that has one.
        phrases: what the questions of the signals are called.
        deployment: name of this deployment, shown in every message.
        playbooks: incident type -> type, version and hash of its playbook, as an incident keeps it.
        plan: who is on call, and who is paged until somebody acknowledges.
    """

    routes: tuple[Route, ...] = ()
    group_window_ms: int = 30 * MINUTE_MS
    group_span_ms: int = 24 * HOUR_MS
    notify_within_ms: int = HOUR_MS
    auto_resolve: bool = False
    address: str = ""
    controls: Mapping[str, Control] = field(default_factory=lambda: _NO_CONTROLS)
    phrases: Phrases = field(default_factory=lambda: _NO_PHRASES)
    plan: Plan = field(default_factory=Plan)
    deployment: str = ""
    playbooks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for name in ("group_window_ms", "group_span_ms", "notify_within_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.address and "{id}" not in self.address:
            raise ValueError(f"address must hold {{id}}, where the incident's number goes, got {self.address!r}")
        names = [route.channel for route in self.routes]
        if len(set(names)) < len(names):
            raise ValueError(f"a channel may have one route, got {names}")

    def address_of(self, incident_id: int) -> str | None:
        """The command or URL that shows this incident."""
        return self.address.replace("{id}", str(incident_id)) or None

    def channels(self, *, notices: bool = False) -> tuple[str, ...]:
        """The channels that are notified of pages, or of notices."""
        return tuple(route.channel for route in self.routes if route.notices or not notices)


_NO_CONTROLS: Mapping[str, Control] = MappingProxyType({})
_NO_PHRASES: Mapping[tuple[str, str], str] = MappingProxyType({})
