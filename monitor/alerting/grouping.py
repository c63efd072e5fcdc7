"""Which incident a page belongs to. One rule, in event time:

    Two troubles of one guardrail that overlap, give or take 30 minutes, are one incident.

    incident      [first onset ======= page ==== page ========== ended]--- window ---|
    new onset      ^ joins          ^ joins                 ^ joins       ^ joins    | ^ opens a new one
    still going   [first onset ======= page ==== page ===============================...   joins, for a day

The window is ``group_window_ms``, the day ``group_span_ms`` after the incident's first page. A new finding's onset is
an interval; its later edge is what counts, for when in doubt a person is paged anew. A resolved incident is re-opened
only by trouble that began before it was resolved: then it was not over. A closed one never is.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from monitor.alerting.policy import AlertPolicy
from monitor.findings.model import Finding, Kind
from monitor.incidents.model import Incident, Status


class Relation(StrEnum):
    """The relation of a page to an incident of its guardrail, or the reason why it opens one of its own."""

    still_going = "began while a finding of this incident was still going on"
    soon_after = "began within the grouping window of the last trouble of this incident"
    not_over = "began before this incident was resolved: it was not over"

    none_near = "the guardrail has no incident that this could belong to"
    too_late = "began later than the grouping window after the last trouble of the incident before"
    too_early = "was over longer than the grouping window before the incident there is"
    too_long = "the incident before has been collecting pages for the longest time allowed"
    after_resolution = "began after the incident before was resolved"
    closed = "the incident before is closed"


SAME = frozenset({Relation.still_going, Relation.soon_after, Relation.not_over})
"""The page is part of that incident."""


def relation(incident: Incident, findings: Sequence[Finding], new: Finding, *, policy: AlertPolicy) -> Relation:
    """The relation of a new finding to an incident of the same guardrail with these findings."""
    pages = [finding for finding in findings if finding.kind is Kind.page and finding.id != new.id]
    first_page = min((page.paged_at_ms or page.detected_at_ms for page in pages), default=incident.last_found_ms)
    ends = [page.ended_at_ms for page in pages]
    going_on = None in ends
    last_trouble = max([incident.last_found_ms, *(end for end in ends if end is not None)])

    out = _ruled_out(incident, new)
    if out is not None:
        return out
    if (new.paged_at_ms or new.detected_at_ms) > first_page + policy.group_span_ms:
        return Relation.too_long
    if new.ended_at_ms is not None and new.ended_at_ms + policy.group_window_ms < incident.onset_low_ms:
        return Relation.too_early
    if not going_on and new.onset_high_ms > last_trouble + policy.group_window_ms:
        return Relation.too_late
    if incident.status is Status.resolved:
        return Relation.not_over
    return Relation.still_going if going_on or new.onset_high_ms <= last_trouble else Relation.soon_after


def _ruled_out(incident: Incident, new: Finding) -> Relation | None:
    """People's decisions go before any arithmetic."""
    if incident.status is Status.closed:
        return Relation.closed
    over_ms = incident.resolved_at_ms
    if incident.status is Status.resolved and (over_ms is None or new.onset_high_ms > over_ms):
        return Relation.after_resolution
    return None
