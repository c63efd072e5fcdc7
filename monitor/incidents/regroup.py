"""Merge, split and re-open: incidents change places, chains keep their whole past and refer to each other.

Each is one transaction: it happened for both incidents or for neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from monitor.clock import DAY_MS
from monitor.errors import Refused
from monitor.findings.model import Finding, Kind
from monitor.incidents import timeline
from monitor.incidents.lifecycle import Change, actor_name, locked, reopened, replace_stored, required_text
from monitor.incidents.model import Entry, Incident, Severity, Status
from monitor.incidents.ports import ResponseStore
from monitor.incidents.severity import higher, severity_of
from monitor.incidents.timeline import What
from monitor.incidents.words import incident_name

REOPEN_WITHIN_MS: Final = 7 * DAY_MS
"""A resolved incident goes on within it; later, or once closed, a new one follows it."""


def merge(
    store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str, into: int
) -> tuple[Change, Change]:
    """Move an incident's findings into another one; returns the change of each, source first.

    The source is closed and names the other one; its number, key and chain stay. Later news of its findings
    goes to the other incident. The lower number is locked first, so that two merges cannot wait for each other.

    Raises:
        NotFound, Refused, StoreUnavailable: as for acknowledging; an incident cannot go into itself, into a closed
            one, or twice.
    """
    if incident_id == into:
        raise Refused(f"{incident_name(into)} cannot be merged into itself")
    both = {each: locked(store, each) for each in sorted((incident_id, into))}
    source, target = both[incident_id], both[into]
    case, kept = store.case(incident_id), store.case(into)
    if case.merged_into is not None:
        raise Refused(f"{incident_name(incident_id)} has been merged into {incident_name(case.merged_into)} already")
    for each in (source, target):
        if each.status is Status.closed:
            raise Refused(f"{incident_name(each.id)} is closed: it is not merged any more")
    words = required_text(text, needed="a reason: why it is the same incident")
    moved = _move(store, store.findings(incident_id=incident_id), into)
    wider = msgspec.structs.replace(
        target,
        severity=higher(target.severity, source.severity),
        onset_low_ms=min(target.onset_low_ms, source.onset_low_ms),
        last_found_ms=max(target.last_found_ms, source.last_found_ms),
    )
    over = msgspec.structs.replace(
        source, status=Status.closed, resolved_at_ms=source.resolved_at_ms or now_ms, closed_at_ms=now_ms
    )
    replace_stored(store, source, over)
    replace_stored(store, target, wider)
    store.save_case(msgspec.structs.replace(case, merged_into=into))
    store.save_case(
        msgspec.structs.replace(
            kept, keys=(*kept.keys, source.key, *case.keys), linked=tuple(sorted({*kept.linked, incident_id}))
        )
    )
    head = store.last_entry(into)
    gone = _append(
        store,
        incident_id,
        What.merged,
        actor,
        now_ms,
        {**words, "into": into, "other_head": _head(head), "findings": moved},
    )
    came = _append(
        store,
        into,
        What.merged_in,
        actor,
        now_ms,
        {**words, "from": incident_id, "key": source.key, "other_head": _head(gone), "findings": moved},
    )
    return Change(over, gone), Change(wider, came)


def split(
    store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str, findings: Sequence[str]
) -> tuple[Change, Change]:
    """Split findings off into an incident of their own; returns the change of each, the old one first.

    Raises:
        NotFound, Refused, StoreUnavailable: as for acknowledging; at least one page must go and one must stay.
    """
    source = locked(store, incident_id)
    if source.status is Status.closed:
        raise Refused(f"{incident_name(incident_id)} is closed: it is not split any more")
    there = {each.id: each for each in store.findings(incident_id=incident_id)}
    unknown = [each for each in findings if each not in there]
    if unknown:
        raise Refused(f"{incident_name(incident_id)} has no finding {unknown[0][:80]!r}")
    taken = [there[each] for each in dict.fromkeys(findings)]
    pages = [each for each in taken if each.kind is Kind.page]
    left = [each for each in there.values() if each.kind is Kind.page and each not in taken]
    if not pages or not left:
        raise Refused("a split takes at least one page and leaves at least one")
    words = required_text(text, needed="a reason: why it is another incident")
    severity = max((severity_of(each) for each in pages), key=_rank)
    made = store.new_incident(
        key=_key(source, pages),
        guardrail=pages[0].guardrail,
        severity=severity,
        title=source.title,
        opened_at_ms=now_ms,
        onset_low_ms=min(each.onset_low_ms for each in pages),
        last_found_ms=max(each.paged_at_ms or each.detected_at_ms for each in pages),
        trouble=pages[0].trouble,
        trouble_rule=pages[0].trouble_rule,
    )
    moved = _move(store, taken, made.id)
    off = _append(store, incident_id, What.split_off, actor, now_ms, {**words, "into": made.id, "findings": moved})
    born = _append(
        store,
        made.id,
        What.split_from,
        actor,
        now_ms,
        {**words, "from": incident_id, "other_head": _head(off), "findings": moved},
    )
    for one, other in ((incident_id, made.id), (made.id, incident_id)):
        case = store.case(one)
        store.save_case(msgspec.structs.replace(case, linked=tuple(sorted({*case.linked, other}))))
    return Change(source, off), Change(made, born)


def reopen(store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str) -> Change:
    """It was not over: a resolved incident goes on within a week; later, or once closed, a new one follows it.

    Raises:
        NotFound, Refused, StoreUnavailable: as for acknowledging; an open incident needs no re-opening.
    """
    incident = locked(store, incident_id)
    words = required_text(text, needed="a reason: the signs that it is not over")
    if incident.status in (Status.open, Status.acknowledged):
        raise Refused(
            f"{incident_name(incident_id)} is {incident.status.value}: only a resolved or closed one can be re-opened"
        )
    case = store.case(incident_id)
    if case.merged_into is not None:
        raise Refused(f"{incident_name(incident_id)} went into {incident_name(case.merged_into)}: re-open that one")
    if incident.status is Status.resolved and now_ms - (incident.resolved_at_ms or 0) <= REOPEN_WITHIN_MS:
        after = reopened(incident)
        replace_stored(store, incident, after)
        entry = _append(store, incident_id, What.reopened, actor, now_ms, {**words, "from": incident.status.value})
        return Change(after, entry)
    made = store.new_incident(
        key=f"{incident.key[:40]}-{now_ms}",
        guardrail=incident.guardrail,
        severity=incident.severity,
        title=incident.title,
        opened_at_ms=now_ms,
        onset_low_ms=incident.onset_low_ms,
        last_found_ms=incident.last_found_ms,
        trouble=incident.trouble,
        trouble_rule=incident.trouble_rule,
    )
    head = store.last_entry(incident_id)
    entry = _append(
        store, made.id, What.follows, actor, now_ms, {**words, "from": incident_id, "other_head": _head(head)}
    )
    _append(store, incident_id, What.note, actor, now_ms, {"text": f"goes on as {incident_name(made.id)}"})
    store.save_case(msgspec.structs.replace(store.case(made.id), linked=(incident_id,)))
    return Change(made, entry)


def _move(store: ResponseStore, findings: Sequence[Finding], into: int) -> list[str]:
    for finding in findings:
        store.save_finding(msgspec.structs.replace(finding, incident_id=into))
    return sorted(finding.id for finding in findings)


def _append(
    store: ResponseStore, incident_id: int, kind: What, actor: str, now_ms: int, data: dict[str, object]
) -> Entry:
    return timeline.append(
        store, incident_id=incident_id, at_ms=now_ms, actor=actor_name(actor), kind=kind, data=data
    )


def _head(entry: Entry | None) -> str:
    """The head of the other chain: an edit of either is seen in both."""
    return "" if entry is None else f"{entry.seq}:{entry.hash}"


def _rank(severity: Severity) -> int:
    return [Severity.warning, Severity.error, Severity.critical].index(severity)


def _key(source: Incident, pages: Sequence[Finding]) -> str:
    """A key of its own, the same on every try."""
    digest = hashlib.sha256("/".join([source.key, *sorted(page.id for page in pages)]).encode()).hexdigest()
    return f"driftline-{digest[:32]}"
