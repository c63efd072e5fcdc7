"""From a finding to the response record: the judge calls :func:`respond` for every new version of a finding.

| the new version | what happens |
| --- | --- |
| a notice | saved; entered into the timeline of the open incident it belongs to, if there is one |
| a page, or a notice upgraded to one | opens an incident, joins the one it belongs to, or re-opens it |
| a page that has ended | entered; when all pages of the incident have ended: suggest to resolve (or resolve) |
| a page that had ended and goes on | entered; re-opens a resolved incident |
| the same with new measurements | saved; nobody is notified |
| the very same, or a notice after its page | nothing |
| any that changes the type of others that fire with it | they are saved; if its incident's type changes: entered |

All of it happens inside the judge's transaction: finding, incident, timeline and outbox move together.
"""

from __future__ import annotations

import hashlib

import msgspec

from monitor.alerting import announce
from monitor.alerting.grouping import SAME, Relation, relation
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.ports import AlertStore
from monitor.alerting.reclassify import classified, reclassify_related
from monitor.findings.model import Finding, Kind
from monitor.incidents import lifecycle
from monitor.incidents.classify import leading
from monitor.incidents.evidence import Capture, Moment
from monitor.incidents.facts import facts
from monitor.incidents.model import Incident, Status
from monitor.incidents.naming import most_telling
from monitor.incidents.severity import higher, severity_of
from monitor.incidents.timeline import What
from monitor.incidents.words import moment, title

NEAR_INCIDENTS = 50
"""Newest incidents of the guardrail that are looked at. A team that leaves more than these open gets a new one."""
_LIVE = (Status.open, Status.acknowledged)


def respond(
    store: AlertStore, finding: Finding, *, now_ms: int, policy: AlertPolicy, exercise: bool = False
) -> Finding:
    """Record a new version of a finding; returns it as stored, with its incident.

    Idempotent: the same version a second time changes nothing.

    Args:
        store: the judge's transaction.
        finding: ``incident_id`` is ignored; the stored one is kept.
        now_ms: the service's clock; it separates live findings from those of a backfill and dates the timeline.
        policy: the team's rules.
        exercise: it is made up; an incident that it opens is marked.

    Raises:
        StoreUnavailable: a person changed the incident at the same moment; run the transaction again.
    """
    known = store.finding(finding.id)
    if known is not None:
        finding = msgspec.structs.replace(
            finding, incident_id=known.incident_id, trouble=known.trouble, trouble_rule=known.trouble_rule
        )
        if known == finding or (known.kind is Kind.page and finding.kind is Kind.notice):
            return known
    else:
        finding = msgspec.structs.replace(finding, incident_id=None)
    response = _Response(store, now_ms=now_ms, policy=policy, exercise=exercise)
    return response.take(known, classified(store, finding))


def still_going_on(store: AlertStore, finding: Finding, *, now_ms: int, policy: AlertPolicy) -> None:
    """Notify about an open page that only history knows: the judge was away when it began, and it is not over.

    Called for every open page when judging has caught up with the present. Idempotent: an incident that some channel
    knows of, or that people have resolved, is left alone.
    """
    known = store.finding(finding.id)
    if known is None or known.incident_id is None or known.ended_at_ms is not None or not policy.channels():
        return
    incident = lifecycle.locked(store, known.incident_id)
    if incident.status not in _LIVE or announce.knowing(store.timeline(incident.id)):
        return
    announce.record(
        store,
        incident,
        what=What.still_going_on,
        data=facts(known, policy.phrases),
        finding=known,
        now_ms=now_ms,
        policy=policy,
    )


class _Response:
    """One version of one finding on its way into the record."""

    def __init__(self, store: AlertStore, *, now_ms: int, policy: AlertPolicy, exercise: bool) -> None:
        self._store = store
        self._exercise = exercise
        self._now_ms = now_ms
        self._policy = policy
        self._happened_ms = now_ms
        """Event time of the present record; it separates history from the present."""

    def take(self, known: Finding | None, finding: Finding) -> Finding:
        changed = reclassify_related(self._store, finding)
        finding = self._respond(known, finding)
        for incident_id in sorted({each.incident_id for each in (*changed, finding) if each.incident_id is not None}):
            self._reclassify(lifecycle.locked(self._store, incident_id), finding)
        return finding

    def _reclassify(self, incident: Incident, finding: Finding) -> None:
        """Recompute the incident type from its pages; closed incidents keep theirs."""
        pages = self._pages(incident)
        after = self._named(_of_type(incident, pages), pages)
        if after != incident and incident.status is not Status.closed:
            lifecycle.replace_stored(self._store, incident, after)
            if after.trouble is not incident.trouble:
                self._typed(incident, after, finding, silent=incident.status is Status.resolved)

    def _named(self, incident: Incident, pages: list[Finding]) -> Incident:
        """The incident under the title of its most telling page."""
        if not pages:
            return incident
        return msgspec.structs.replace(incident, title=title(most_telling(pages), self._policy.phrases))

    def _typed(self, before: Incident, after: Incident, finding: Finding, *, silent: bool) -> None:
        self._record(
            after,
            What.typed,
            finding,
            silent=silent,
            was="" if before.trouble is None else before.trouble.value,
            incident_trouble="" if after.trouble is None else after.trouble.value,
            incident_rule=after.trouble_rule,
        )

    def _respond(self, known: Finding | None, finding: Finding) -> Finding:
        if finding.kind is Kind.notice:
            return self._notice(known, finding)
        self._happened_ms = _paged_at(finding)
        if known is None or known.kind is Kind.notice:
            finding = self._page(finding)
            return self._ended(finding) if finding.ended_at_ms is not None else finding
        self._store.save_finding(finding)
        if known.ended_at_ms is not None and finding.ended_at_ms is None:
            return self._continued(finding, ended_ms=known.ended_at_ms)
        if known.ended_at_ms is None and finding.ended_at_ms is not None:
            return self._ended(finding)
        return finding

    def _notice(self, known: Finding | None, finding: Finding) -> Finding:
        self._happened_ms = finding.detected_at_ms
        if known is None:
            incident, _ = self._belongs_to(finding, among=_LIVE)
            if incident is not None:
                finding = self._saved(finding, incident)
                self._record(incident, What.notice_added, finding)
                return finding
        self._store.save_finding(finding)
        return finding

    def _page(self, finding: Finding, *, again_ms: int | None = None) -> Finding:
        incident, why = self._belongs_to(finding, among=_LIVE)
        if incident is None:
            resolved, closer = self._belongs_to(finding, among=(Status.resolved,))
            why = closer if why is Relation.none_near else why
            incident, why = (resolved, closer) if resolved is not None else (None, why)
        if incident is None:
            return self._opened(finding, why=why, again_ms=again_ms)
        what = What.finding_upgraded if finding.incident_id == incident.id else What.finding_added
        if incident.status is Status.resolved:
            what = What.reopened
        joined = self._with(incident, finding)
        finding = self._saved(finding, joined)
        self._record(joined, what, finding, why=why)
        if joined.trouble is not incident.trouble:
            self._typed(incident, joined, finding, silent=True)  # the message just written contains it
        return finding

    def _opened(self, finding: Finding, *, why: Relation, again_ms: int | None) -> Finding:
        incident = self._store.new_incident(
            key=_key(finding, again_ms),
            guardrail=finding.guardrail,
            severity=severity_of(finding),
            title=title(finding, self._policy.phrases),
            opened_at_ms=self._now_ms,
            onset_low_ms=finding.onset_low_ms,
            last_found_ms=_paged_at(finding),
            trouble=finding.trouble,
            trouble_rule=finding.trouble_rule,
            exercise=self._exercise,
        )
        finding = self._saved(finding, incident)
        self._record(incident, What.opened, finding, why=why)
        return finding

    def _ended(self, finding: Finding) -> Finding:
        self._happened_ms = self._happened_ms if finding.ended_at_ms is None else finding.ended_at_ms
        incident = self._incident_of(finding)
        pages = self._pages(incident)
        all_ended = all(page.ended_at_ms is not None for page in pages)
        live = incident.status in _LIVE
        # One message is enough: the entry with more content is sent.
        self._record(incident, What.finding_ended, finding, silent=all_ended or not live)
        if all_ended and live:
            resolving = self._policy.auto_resolve
            self._record(incident, What.all_ended, finding, silent=resolving, pages=len(pages))
            if resolving:
                reason = f"all findings have ended, the last at {moment(finding.ended_at_ms or self._now_ms)}"
                change = lifecycle.resolve(
                    self._store, incident.id, actor=lifecycle.DRIFTLINE, now_ms=self._now_ms, text=reason
                )
                announce.announce(self._store, change)
        return finding

    def _continued(self, finding: Finding, *, ended_ms: int) -> Finding:
        self._happened_ms = max(ended_ms, _paged_at(finding))
        incident = self._incident_of(finding)
        if incident.status is Status.closed:
            return self._page(finding, again_ms=ended_ms)
        if incident.status is Status.resolved:
            after = lifecycle.reopened(incident)
            lifecycle.replace_stored(self._store, incident, after)
            self._record(after, What.reopened, finding, why=Relation.not_over)
        else:
            self._record(incident, What.finding_continued, finding)
        return finding

    def _belongs_to(self, finding: Finding, *, among: tuple[Status, ...]) -> tuple[Incident | None, Relation]:
        """The newest incident that the finding is part of, locked; or None and why not the newest there is."""
        nearest = Relation.none_near
        near = self._store.incidents(guardrail=finding.guardrail, status=among, limit=NEAR_INCIDENTS)
        for candidate in near:
            incident = lifecycle.locked(self._store, candidate.id)
            if incident.status not in among:
                continue
            found = relation(incident, self._store.findings(incident_id=incident.id), finding, policy=self._policy)
            if found in SAME:
                return incident, found
            nearest = found if nearest is Relation.none_near else nearest
        return None, nearest

    def _with(self, incident: Incident, finding: Finding) -> Incident:
        """The incident with the page in it, stored."""
        severity = higher(incident.severity, severity_of(finding))
        base = lifecycle.reopened(incident) if incident.status is Status.resolved else incident
        after = msgspec.structs.replace(
            base,
            severity=severity,
            onset_low_ms=min(incident.onset_low_ms, finding.onset_low_ms),
            last_found_ms=max(incident.last_found_ms, _paged_at(finding)),
        )
        pages = [*(page for page in self._pages(incident) if page.id != finding.id), finding]
        after = self._named(_of_type(after, pages), pages)
        lifecycle.replace_stored(self._store, incident, after)
        return after

    def _saved(self, finding: Finding, incident: Incident) -> Finding:
        finding = msgspec.structs.replace(finding, incident_id=incident.id)
        self._store.save_finding(finding)
        return finding

    def _incident_of(self, finding: Finding) -> Incident:
        if finding.incident_id is None:
            raise ValueError(f"finding {finding.id} is stored as a page without an incident")
        return lifecycle.locked(self._store, finding.incident_id)

    def _pages(self, incident: Incident) -> list[Finding]:
        return [page for page in self._store.findings(incident_id=incident.id) if page.kind is Kind.page]

    def _record(
        self, incident: Incident, what: What, finding: Finding, *, silent: bool = False, **more: str | int
    ) -> None:
        age_ms = self._now_ms - self._happened_ms
        history = age_ms > self._policy.notify_within_ms
        self._write(
            incident, what, facts(finding, self._policy.phrases) | more, finding=finding, silent=silent or history
        )
        if what in _CAPTURED:
            self._store.request_capture(
                Capture(incident_id=incident.id, finding_id=finding.id, moment=_CAPTURED[what], due_ms=self._now_ms)
            )
        if history and what in _TELLS_OF_A_PAGE:
            data: dict[str, object] = {"finding": finding.id, "age_ms": age_ms}
            self._write(incident, What.found_by_backfill, data, finding=finding, silent=True)

    def _write(
        self, incident: Incident, what: What, data: dict[str, object], *, finding: Finding, silent: bool
    ) -> None:
        announce.record(
            self._store,
            incident,
            what=what,
            data=data,
            finding=finding,
            now_ms=self._now_ms,
            policy=self._policy,
            silent=silent,
        )


_TELLS_OF_A_PAGE = frozenset({What.opened, What.finding_added, What.finding_upgraded, What.reopened})
_CAPTURED = dict.fromkeys(_TELLS_OF_A_PAGE, Moment.found) | {What.finding_ended: Moment.ended}
"""Entries whose evidence is captured as it is then."""


def _of_type(incident: Incident, pages: list[Finding]) -> Incident:
    """The incident with the type that its pages give it, and the rule by which the leading one has it now."""
    found = leading(pages)
    if found is None:
        return incident
    return msgspec.structs.replace(incident, trouble=found.trouble, trouble_rule=found.rule)


def _paged_at(finding: Finding) -> int:
    return finding.detected_at_ms if finding.paged_at_ms is None else finding.paged_at_ms


def _key(finding: Finding, again_ms: int | None) -> str:
    """Stable, at most 76 characters; receivers allow 255 (PagerDuty). The same after a replay."""
    again = "" if again_ms is None else f"@{again_ms}"
    digest = hashlib.sha256(f"{finding.id}{again}".encode()).hexdigest()
    return f"driftline-{digest[:32]}"
