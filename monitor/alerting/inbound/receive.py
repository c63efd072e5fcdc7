"""What requests of other tools do to incidents: one call per request, whatever server it came in by.

    reply = receive(alerts, sources, "grafana", headers, body, now_ms=..., policy=...)

| an alert | what happens |
| --- | --- |
| that Driftline made itself, in whatever way it comes back | nothing: recognised by its labels, named in the reply |
| firing, of a guardrail with an unresolved incident | extends it |
| firing, of none | opens an incident |
| ``DatasourceError``, ``DatasourceNoData``, Driftline's own rules | trouble of the monitor: an incident of its own |
| firing, known and not ended; or ended before, with the same beginning | nothing: it was told before |
| resolved | entered; when all alerts and pages of the incident have ended: suggests to resolve |

An act (acknowledge, resolve) is a person's act here: of the person on call of that name, or under the name that the
other tool gives, marked with the tool.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Final

import structlog

from monitor.alerting import announce
from monitor.alerting.inbound import parse
from monitor.alerting.inbound.genuine import refusal
from monitor.alerting.inbound.model import InboundAct, InboundAlert, InboundSource, KnownAlert, Reply, SourceKind
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.ports import Alerts, AlertStore
from monitor.errors import Refused
from monitor.findings.model import IncidentType, Kind
from monitor.incidents import lifecycle
from monitor.incidents.model import Incident, Severity, Status
from monitor.incidents.severity import higher
from monitor.incidents.timeline import What
from monitor.incidents.words import incident_name, plain

OURS: Final = frozenset({"DriftlineIncident", "DriftlineIncidentOpen"})
"""Alerts that report an incident of ours: what the Alertmanager channel sends, and the rule on open incidents."""
OF_THE_MONITOR: Final = frozenset({"DatasourceError", "DatasourceNoData"})
MONITOR: Final = "(monitor)"
"""Stands for the guardrail in incidents about the monitoring itself."""
MONITOR_RULE: Final = "monitor_trouble: what should watch the guardrails has reported trouble of its own"
REPORTED_RULE: Final = "reported: an alert of another tool, without evidence of ours"
NEAR: Final = 50
_SEVERITIES: Final[Mapping[str, Severity]] = {
    "critical": Severity.critical,
    "page": Severity.critical,
    "error": Severity.error,
    "high": Severity.error,
    "warning": Severity.warning,
}
_LIVE: Final = (Status.open, Status.acknowledged)
_LOG: Final = structlog.stdlib.get_logger("driftline.inbound")


def receive(
    alerts: Alerts,
    sources: Mapping[str, InboundSource],
    name: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now_ms: int,
    policy: AlertPolicy,
) -> Reply:
    """Take one request.

    Args:
        alerts: the response record.
        sources: by name, of the settings.
        name: the last part of the address that was called.
        headers, body: as they arrived.
        now_ms: the service's clock.
        policy: the team's rules.

    Raises:
        StoreUnavailable: the database is away; the sender tries again.
    """
    source = sources.get(name)
    if source is None:
        return Reply(404, {"error": f"the settings have no inbound source {plain(name)!r}"})
    known = parse.headers_of(headers)
    why = refusal(source, known, body, now_ms=now_ms)
    if why is not None:
        _LOG.warning("inbound request refused", source=name, why=why)
        return Reply(401, {"error": why})
    try:
        return _genuine(alerts, source, known, body, now_ms=now_ms, policy=policy)
    except Refused as error:
        return Reply(400, {"error": str(error)})


def _genuine(
    alerts: Alerts,
    source: InboundSource,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now_ms: int,
    policy: AlertPolicy,
) -> Reply:
    if source.kind is SourceKind.slack:
        acts = parse.slack_acts(body)
    elif source.kind is SourceKind.pagerduty:
        acts, at_ms = parse.pagerduty_acts(body)
        if at_ms is None or abs(now_ms - at_ms) > source.window_ms:
            raise Refused(f"the event is more than {source.window_ms // 1000} s old or early")
    else:
        return _alerts(
            alerts, source, parse.alerts(body), _digest(source, headers, body), now_ms=now_ms, policy=policy
        )
    with alerts.transaction() as store:
        if not store.first_time(_digest(source, headers, body), now_ms=now_ms, window_ms=source.window_ms):
            return Reply(200, {"ignored": ["this request was taken before"]})
        done = [_act(store, source, each, now_ms=now_ms, people=policy.plan.contacts) for each in acts]
    return Reply(200, {"acts": done})


def _digest(source: InboundSource, headers: Mapping[str, str], body: bytes) -> str:
    """What makes a request the same as another: its sender, its signed time, its body."""
    at = headers.get(source.timestamp_header.lower(), "") + headers.get("x-slack-request-timestamp", "")
    return hashlib.sha256(f"{source.name}\n{at}\n".encode() + body).hexdigest()


def _act(store: AlertStore, source: InboundSource, act: InboundAct, *, now_ms: int, people: Collection[str]) -> str:
    """Do what a person did elsewhere; who is on call here under the same name is that person."""
    found = _named(store, act.incident)
    if found is None:
        return f"no incident {act.incident!r}"
    actor = act.actor if act.actor in people else f"{act.actor or 'somebody'} ({source.kind.value})"
    try:
        if act.act == "acknowledge":
            change = lifecycle.acknowledge(store, found.id, actor=actor, now_ms=now_ms, text=f"through {source.name}")
        else:
            change = lifecycle.resolve(store, found.id, actor=actor, now_ms=now_ms, text=f"resolved at {source.name}")
    except Refused as error:  # acknowledged twice, or over: what was wanted is so already
        return str(error)
    announce.announce(store, change)
    return f"{incident_name(found.id)} {change.entry.kind} by {actor}"


def _named(store: AlertStore, incident: str) -> Incident | None:
    if incident.isascii() and incident.isdigit() and len(incident) < 19:
        return store.incident(int(incident))
    return store.incident_by_key(incident)


def _alerts(
    alerts: Alerts,
    source: InboundSource,
    given: list[InboundAlert],
    digest: str,
    *,
    now_ms: int,
    policy: AlertPolicy,
) -> Reply:
    opened: list[str] = []
    extended: list[str] = []
    ignored: list[str] = []
    with alerts.transaction() as store:
        signed = source.kind is not SourceKind.alertmanager
        if signed and not store.first_time(digest, now_ms=now_ms, window_ms=source.window_ms):
            return Reply(200, {"opened": [], "extended": [], "ignored": ["this request was taken before"]})
        for alert in given:
            _OneAlert(store, source, alert, now_ms=now_ms, policy=policy).take(opened, extended, ignored)
    return Reply(200, {"opened": opened, "extended": extended, "ignored": ignored})


class _OneAlert:
    """One alert on its way into the record."""

    def __init__(
        self, store: AlertStore, source: InboundSource, alert: InboundAlert, *, now_ms: int, policy: AlertPolicy
    ) -> None:
        self._store = store
        self._source = source
        self._alert = alert
        self._now_ms = now_ms
        self._policy = policy
        self._severity = _SEVERITIES.get(alert.labels.get("severity", "").lower(), Severity.warning)
        self._of_monitor = alert.name in OF_THE_MONITOR or alert.name.startswith("Driftline")

    def take(self, opened: list[str], extended: list[str], ignored: list[str]) -> None:
        alert = self._alert
        if is_ours(alert):
            ignored.append(f"{alert.name}: Driftline's own, not looped")
            return
        known = self._store.known_alert(self._source.name, alert.fingerprint)
        if not alert.firing:
            if known is None or known.ended_ms is not None:
                ignored.append(f"{alert.name}: resolved, and not known as firing")
            else:
                extended.append(self._resolved(known))
            return
        if known is not None and (known.ended_ms is None or alert.started_ms <= known.started_ms):
            ignored.append(f"{alert.name}: known since before")
            return
        incident = self._belongs_to()
        if incident is None:
            opened.append(self._opened())
        else:
            extended.append(self._extended(incident))

    @property
    def _guardrail(self) -> str:
        if self._of_monitor:
            return MONITOR
        return self._alert.labels.get("guardrail") or f"(alert {self._alert.name})"

    def _belongs_to(self) -> Incident | None:
        near = self._store.incidents(guardrail=self._guardrail, status=_LIVE, limit=NEAR)
        for each in near:
            incident = lifecycle.locked(self._store, each.id)
            if incident.status in _LIVE and not incident.exercise:
                return incident
        return None

    def _opened(self) -> str:
        alert = self._alert
        whole = f"{self._source.name}/{alert.fingerprint}/{alert.started_ms}"
        incident = self._store.new_incident(
            key=f"driftline-{hashlib.sha256(whole.encode()).hexdigest()[:32]}",
            guardrail=self._guardrail,
            severity=self._severity,
            title=plain(f"{alert.name}: {alert.summary}", longest=250),
            opened_at_ms=self._now_ms,
            onset_low_ms=min(alert.started_ms, self._now_ms),
            last_found_ms=self._now_ms,
            trouble=IncidentType.data_fault if self._of_monitor else IncidentType.unclassified,
            trouble_rule=MONITOR_RULE if self._of_monitor else REPORTED_RULE,
        )
        self._record(incident, What.opened)
        self._keep(incident)
        return incident_name(incident.id)

    def _extended(self, incident: Incident) -> str:
        after = lifecycle.found_again(
            incident,
            severity=higher(incident.severity, self._severity),
            onset_ms=min(self._alert.started_ms, self._now_ms),
            found_ms=self._now_ms,
        )
        lifecycle.replace_stored(self._store, incident, after)
        self._record(after, What.alert_received)
        self._keep(after)
        return incident_name(incident.id)

    def _resolved(self, known: KnownAlert) -> str:
        into = self._store.case(known.incident_id).merged_into
        incident = lifecycle.locked(self._store, known.incident_id if into is None else into)
        self._store.save_known_alert(_ended(known, self._now_ms))
        self._record(incident, What.alert_resolved)
        pages = [each for each in self._store.findings(incident_id=incident.id) if each.kind is Kind.page]
        open_alerts = [each for each in self._store.known_alerts(incident.id) if each.ended_ms is None]
        if incident.status in _LIVE and not open_alerts and all(page.ended_at_ms is not None for page in pages):
            self._record(incident, What.all_ended)
        return incident_name(incident.id)

    def _keep(self, incident: Incident) -> None:
        self._store.save_known_alert(
            KnownAlert(
                source=self._source.name,
                fingerprint=self._alert.fingerprint,
                incident_id=incident.id,
                name=self._alert.name,
                started_ms=self._alert.started_ms,
            )
        )

    def _record(self, incident: Incident, what: What) -> None:
        alert = self._alert
        announce.record(
            self._store,
            incident,
            what=what,
            data={
                "source": self._source.name,
                "alert": alert.name,
                "fingerprint": alert.fingerprint,
                "summary": alert.summary,
                "labels": dict(alert.labels),
                "started_ms": alert.started_ms,
                "reference": alert.reference,
            },
            finding=None,
            now_ms=self._now_ms,
            policy=self._policy,
        )


def is_ours(alert: InboundAlert) -> bool:
    """Whether Driftline itself is behind an alert, so that an incident would report an incident."""
    labels = alert.labels
    return (
        alert.name in OURS
        or labels.get("dedup_key", "").startswith("driftline-")
        or labels.get("origin", "").lower() == "driftline"
    )


def _ended(known: KnownAlert, now_ms: int) -> KnownAlert:
    return KnownAlert(
        source=known.source,
        fingerprint=known.fingerprint,
        incident_id=known.incident_id,
        name=known.name,
        started_ms=known.started_ms,
        ended_ms=now_ms,
    )
