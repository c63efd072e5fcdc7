"""What pages and API are made of: the stored state by its ports, the settings as values, and the site around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.access.credentials import Random
from monitor.access.ports import Access
from monitor.access.rate import RateLimit
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.ports import Alerts
from monitor.clock import Clock
from monitor.evals.ports import Evals
from monitor.findings.model import IncidentType
from monitor.incidents.playbook import Playbook
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.ports import EvidenceLog, JudgeStore

if TYPE_CHECKING:
    from monitor.web.feed import Feed
    from monitor.web.health import Inbound, Served


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How far one partition of the log is read."""

    partition: str
    source: str
    active: bool
    closed_before_ms: int | None
    """Event time before which its ticks are closed."""
    committed_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Itself:
    """Driftline's own state, as stored.

    Attributes:
        judged_before_ms: event time before which everything is judged; None before the first judgement.
        closed_before_ms: event time before which everything is counted.
        lease_holder: who judges; None where nobody does.
        outbox: notifications that wait.
        rejected: records that gave no event, by reason.
        events: counted so far.
    """

    readers: Sequence[Reader]
    judged_before_ms: int | None
    closed_before_ms: int | None
    lease_holder: str | None
    lease_until_ms: int | None
    outbox: int
    rejected: Mapping[str, int]
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting in force; secrets are masked."""

    path: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The stored state, and the settings of this process."""

    alerts: Alerts
    judge: JudgeStore
    evidence: EvidenceLog
    evals: Evals
    access: Access
    itself: Callable[[], Itself]
    rule: JudgeSettings
    policy: AlertPolicy
    playbooks: Mapping[IncidentType, Playbook]
    settings: Sequence[Setting]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One server of pages.

    Attributes:
        backend: None while the database is not open yet.
        served: metrics and health.
        clock: the service's.
        random: for secrets.
        inbound: takes what other tools send; None: nothing may be sent.
        url: where people reach it, without a slash at the end; empty: wherever it listens.
        open_streams: at most so many live connections.
    """

    backend: Callable[[], Backend | None]
    served: Served
    clock: Clock
    random: Random
    feed: Feed
    inbound: Inbound | None = None
    url: str = ""
    open_streams: int = 500
    logins: RateLimit = field(default_factory=lambda: RateLimit(burst=10, per_minute=10.0))
    changes: RateLimit = field(default_factory=lambda: RateLimit(burst=60, per_minute=120.0))

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https: the cookie is then sent by https alone."""
        return urlsplit(self.url).scheme == "https"

    @property
    def host(self) -> str:
        """Host and port of the URL; empty where none is set."""
        return urlsplit(self.url).netloc
