"""Reminds the owners of action items: a day before they are due, on the date, then every week until they are done.

Idempotent: what is due is stored with the item, the reminder and its next time in one transaction.
"""

from __future__ import annotations

from typing import Final

from monitor.alerting import announce
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.ports import Alerts, EventAction
from monitor.errors import StoreUnavailable
from monitor.incidents import lifecycle
from monitor.incidents.actions import reminded
from monitor.incidents.timeline import What
from monitor.incidents.words import duration, moment

AT_ONCE: Final = 100


def remind_step(alerts: Alerts, *, now_ms: int, policy: AlertPolicy) -> int:
    """Send the reminders that are due; returns how many.

    They go to the owner's contacts; where the settings know none, to the channels of every incident.

    Raises:
        StoreUnavailable: the database is away; the present reminder stays due.
    """
    with alerts.transaction() as store:
        due = [each.id for each in store.due_actions(now_ms=now_ms, limit=AT_ONCE)]
    for action_id in due:
        try:
            _remind(alerts, action_id, now_ms=now_ms, policy=policy)
        except StoreUnavailable:
            if len(due) == 1:
                raise
    return len(due)


def _remind(alerts: Alerts, action_id: int, *, now_ms: int, policy: AlertPolicy) -> None:
    with alerts.transaction() as store:
        item = store.action(action_id)
        if item is None:
            return
        incident = lifecycle.locked(store, item.incident_id)
        item = store.action(action_id) or item
        if item.remind_ms is None or item.remind_ms > now_ms:
            return  # done meanwhile, or reminded by another process
        late = now_ms - item.due_ms
        when = f"overdue by {duration(late)}" if late > 0 else f"due {moment(item.due_ms)}"
        to = policy.plan.contacts.get(item.owner) or policy.channels()
        announce.send(
            store,
            incident,
            what=What.action_due,
            data={"action": item.id, "owner": item.owner, "due_ms": item.due_ms, "overdue": late > 0},
            to=dict.fromkeys(to, EventAction.update),
            now_ms=now_ms,
            policy=policy,
            finding=None,
            page={"people": [item.owner], "why": f"action item {item.name} is {when}: driftline actions list"},
        )
        store.save_action(reminded(item, now_ms))
