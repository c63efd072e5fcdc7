"""Sends measures of containment: what was approved, what is to be taken back, what has had its time.

    contain_step(alerts, receivers, rules, now_ms=..., policy=...)     every second, by the lease holder

A measure is claimed before it is sent and marked afterwards: whoever is killed in between sends it again, with the
same idempotency key, so that the receiver does it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from monitor.alerting import announce
from monitor.alerting.channels.base import ChannelError
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.ports import Alerts, AlertStore
from monitor.incidents import lifecycle
from monitor.incidents.containment import WAITING, Measure, MeasureRule, MeasureState, recorded, undoing
from monitor.incidents.timeline import What
from monitor.incidents.words import incident_name, plain, rfc3339

AT_ONCE: Final = 20
AGAIN_MS: Final = 10_000
"""Between two tries of one sending."""
VERSION: Final = 1


class MeasureReceiver(Protocol):
    """What carries a measure out."""

    @property
    def longest_ms(self) -> int:
        """The longest that one request takes."""

    def request(self, document: Mapping[str, object], *, key: str) -> str:
        """Ask for it; returns the receiver's answer, one safe line.

        Args:
            document: the request.
            key: idempotency key: the same for every try of one thing.

        Raises:
            ChannelError: it was not taken.
        """


def contain_step(
    alerts: Alerts,
    receivers: Mapping[str, MeasureReceiver],
    rules: Mapping[str, MeasureRule],
    *,
    now_ms: int,
    policy: AlertPolicy,
) -> int:
    """Do what is due; returns how many measures were.

    Raises:
        StoreUnavailable: the database is away; what was sent and could not be marked is sent again.
    """
    with alerts.transaction() as store:
        due = [each.id for each in store.due_measures(now_ms=now_ms, limit=AT_ONCE)]
    for measure_id in due:
        claimed = _claim(alerts, measure_id, receivers, rules, now_ms=now_ms, policy=policy)
        if claimed is None:
            continue
        answer, failure = _sent(claimed, receivers)
        with alerts.transaction() as store:
            _mark(store, claimed, answer, failure, rules, now_ms=now_ms, policy=policy)
    return len(due)


def _claim(
    alerts: Alerts,
    measure_id: int,
    receivers: Mapping[str, MeasureReceiver],
    rules: Mapping[str, MeasureRule],
    *,
    now_ms: int,
    policy: AlertPolicy,
) -> Measure | None:
    """The measure, to be sent by us alone for a while; None where there is nothing to send."""
    with alerts.transaction() as store:
        measure = _locked(store, measure_id)
        if measure is None or measure.due_ms is None or measure.due_ms > now_ms:
            return None
        if measure.state is MeasureState.proposed:
            lapsed = msgspec.structs.replace(measure, state=MeasureState.lapsed, due_ms=None, ended_ms=now_ms)
            _tell(store, lapsed, What.measure_refused, {"why": "nobody approved it in time"}, now_ms, policy)
            return None
        if measure.state is MeasureState.taken:
            rule = rules.get(measure.rule)
            measure = undoing(measure, now_ms=now_ms, give_up_ms=rule.give_up_ms if rule else AGAIN_MS)
        if measure.state not in WAITING:
            store.save_measure(msgspec.structs.replace(measure, due_ms=None))
            return None
        receiver = receivers.get(measure.rule)
        longest = receiver.longest_ms if receiver is not None else 0
        claimed = msgspec.structs.replace(measure, due_ms=now_ms + longest + AGAIN_MS, attempts=measure.attempts + 1)
        store.save_measure(claimed)
        return claimed


def _sent(measure: Measure, receivers: Mapping[str, MeasureReceiver]) -> tuple[str, ChannelError | None]:
    receiver = receivers.get(measure.rule)
    if receiver is None:
        return "", ChannelError(f"the settings have no measure {measure.rule!r} any more", permanent=True)
    verb = "try" if measure.dry_run else "undo" if measure.state is MeasureState.undoing else "do"
    try:
        return receiver.request(request(measure, verb), key=f"{measure.name}-{verb}"), None
    except ChannelError as error:
        return "", error


def request(measure: Measure, verb: str) -> dict[str, object]:
    """What a receiver is asked: the same document for each try."""
    return {
        "version": VERSION,
        "verb": verb,
        "dry_run": verb == "try",
        "measure": measure.name,
        "name": measure.rule,
        "action": measure.action.value,
        "parameters": dict(measure.parameters),
        "incident": incident_name(measure.incident_id),
        "reason": measure.reason,
        "proposed_by": measure.proposed_by,
        "approved_by": measure.approved_by,
        "approved_at": None if measure.approved_ms is None else rfc3339(measure.approved_ms),
    }


def _mark(
    store: AlertStore,
    claimed: Measure,
    answer: str,
    failure: ChannelError | None,
    rules: Mapping[str, MeasureRule],
    *,
    now_ms: int,
    policy: AlertPolicy,
) -> None:
    present = _locked(store, claimed.id)
    if present != claimed:
        return  # the claim had run out, and somebody else goes on with it
    if failure is not None:
        over = failure.permanent or now_ms >= (claimed.give_up_at_ms or 0)
        wait_ms = max(AGAIN_MS, failure.retry_after_ms or 0)
        if not over:
            store.save_measure(msgspec.structs.replace(claimed, due_ms=now_ms + wait_ms, error=str(failure)))
            return
        failed = _failed(claimed, plain(str(failure), longest=500), now_ms)
        verb = "undo" if claimed.state is MeasureState.undoing else "do"
        data = {"verb": verb, "error": failed.error, "attempts": claimed.attempts}
        _tell(store, failed, What.measure_failed, data, now_ms, policy)
        return
    data = {"answer": answer, "attempts": claimed.attempts, "approved_by": claimed.approved_by}
    if claimed.dry_run:
        tried = msgspec.structs.replace(claimed, state=MeasureState.tried, due_ms=None, ended_ms=now_ms)
        _tell(store, tried, What.measure_tried, data, now_ms, policy)
    elif claimed.state is MeasureState.undoing:
        undone = msgspec.structs.replace(claimed, state=MeasureState.undone, due_ms=None, ended_ms=now_ms)
        _tell(store, undone, What.measure_undone, data, now_ms, policy)
    else:
        rule = rules.get(claimed.rule)
        until = None if rule is None or rule.lasts_ms is None else now_ms + rule.lasts_ms
        taken = msgspec.structs.replace(
            claimed, state=MeasureState.taken, taken_ms=now_ms, undo_at_ms=until, due_ms=until, attempts=0
        )
        _tell(store, taken, What.measure_taken, data | {"until_ms": until}, now_ms, policy)


def _failed(claimed: Measure, error: str, now_ms: int) -> Measure:
    """What could not be taken back still stands: a person has to do it, or to try again."""
    if claimed.state is MeasureState.undoing:
        return msgspec.structs.replace(
            claimed, state=MeasureState.taken, due_ms=None, undo_at_ms=None, attempts=0, error=error
        )
    return msgspec.structs.replace(claimed, state=MeasureState.failed, due_ms=None, ended_ms=now_ms, error=error)


def _locked(store: AlertStore, measure_id: int) -> Measure | None:
    measure = store.measure(measure_id)
    if measure is None:
        return None
    lifecycle.locked(store, measure.incident_id)
    return store.measure(measure_id)


def _tell(
    store: AlertStore, measure: Measure, kind: What, data: Mapping[str, object], now_ms: int, policy: AlertPolicy
) -> None:
    incident = lifecycle.locked(store, measure.incident_id)
    change = recorded(store, incident, measure, kind, now_ms=now_ms, data=data)
    announce.announce(store, change)
