"""Alerts and acts from elsewhere: the nouns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import msgspec


class SourceKind(StrEnum):
    """Who sends."""

    grafana = "grafana"
    alertmanager = "alertmanager"
    slack = "slack"
    pagerduty = "pagerduty"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundSource:
    """A sender that the settings name.

    Attributes:
        name: in the settings, and the last part of its address.
        secret: what it signs with; of Alertmanager, which cannot sign, the bearer token that it sends.
        window_ms: how old or early a signed request may be.
        timestamp_header: of Grafana's signature.
    """

    name: str
    kind: SourceKind
    secret: bytes
    window_ms: int = 300_000
    timestamp_header: str = "X-Grafana-Alerting-Timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundAlert:
    """One alert of a request; every text is one safe, bounded line.

    Attributes:
        fingerprint: the sender's name for the alert; the same for as long as its labels are.
        started_ms: when it began to fire, by the sender's clock.
        reference: where it comes from, a URL; may be empty.
    """

    fingerprint: str
    firing: bool
    name: str
    summary: str
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    started_ms: int
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundAct:
    """A person's act on an incident at another tool.

    Attributes:
        incident: its dedup key, or its number.
        act: acknowledge or resolve.
        actor: the person, as the tool names them.
    """

    incident: str
    act: str
    actor: str


class KnownAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that an incident holds."""

    source: str
    fingerprint: str
    incident_id: int
    name: str
    started_ms: int
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request: an HTTP status and a JSON document."""

    status: int
    document: Mapping[str, object]
