"""Action items: what is to be done otherwise after an incident, by whom, until when; reminded of until it is done.

Owner and due date are required: an action without them is a wish. Runs inside the caller's transaction.
"""

from __future__ import annotations

from typing import Final

import msgspec

from monitor.clock import DAY_MS
from monitor.errors import NotFound, Refused
from monitor.incidents.lifecycle import Change, actor_name, locked, person, required_text
from monitor.incidents.ports import ResponseStore
from monitor.incidents.timeline import What, append
from monitor.incidents.words import moment

REMIND_BEFORE_MS: Final = DAY_MS
REMIND_AGAIN_MS: Final = 7 * DAY_MS
"""An overdue action is named again every week."""
LATEST_MS: Final = 730 * DAY_MS


class ActionItem(msgspec.Struct, frozen=True, kw_only=True):
    """One action item.

    Attributes:
        id: 1, 2, 3...; shown as ``A-1``.
        remind_ms: when its owner is reminded next; None: never, it is done.
        before_ms: the due dates that it had before.
    """

    id: int
    incident_id: int
    text: str
    owner: str
    due_ms: int
    added_by: str
    added_ms: int
    remind_ms: int | None
    done_by: str | None = None
    done_ms: int | None = None
    before_ms: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """``A-1``."""
        return f"A-{self.id}"

    def overdue(self, now_ms: int) -> bool:
        """Whether it is open past its date."""
        return self.done_ms is None and self.due_ms < now_ms


def add(
    store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str, owner: str, due_ms: int
) -> tuple[ActionItem, Change]:
    """Add an action item; possible in every status, also after closing.

    Raises:
        NotFound, Refused: no such incident; no text, no owner, or a due date that is past or beyond two years.
    """
    words = required_text(text, needed="a text: what is to be done otherwise")
    incident = locked(store, incident_id)
    if not now_ms < due_ms <= now_ms + LATEST_MS:
        raise Refused(f"an action item is due in the future, within two years; {moment(due_ms)} is not")
    item = store.new_action(
        ActionItem(
            id=0,
            incident_id=incident_id,
            text=str(words["text"]),
            owner=person(owner),
            due_ms=due_ms,
            added_by=actor_name(actor),
            added_ms=now_ms,
            remind_ms=max(now_ms, due_ms - REMIND_BEFORE_MS),
        )
    )
    data = {**words, "action": item.id, "owner": item.owner, "due_ms": due_ms}
    entry = append(
        store, incident_id=incident_id, at_ms=now_ms, actor=actor_name(actor), kind=What.action_added, data=data
    )
    return item, Change(incident, entry)


def done(store: ResponseStore, action_id: int, *, actor: str, now_ms: int, text: str) -> tuple[ActionItem, Change]:
    """It is done; the text says how one can see that.

    Raises:
        NotFound, Refused: no such item, it is done already, or the text is empty.
    """
    words = required_text(text, needed="a text: what was done, and how it shows")
    item = found(store, action_id)
    incident = locked(store, item.incident_id)
    item = found(store, action_id)
    if item.done_ms is not None:
        raise Refused(f"{item.name} was done by {item.done_by} at {moment(item.done_ms)}")
    after = msgspec.structs.replace(item, done_by=actor_name(actor), done_ms=now_ms, remind_ms=None)
    store.save_action(after)
    data = {**words, "action": item.id, "owner": item.owner, "late_ms": max(0, now_ms - item.due_ms)}
    entry = append(
        store, incident_id=item.incident_id, at_ms=now_ms, actor=actor_name(actor), kind=What.action_done, data=data
    )
    return after, Change(incident, entry)


def reminded(item: ActionItem, now_ms: int) -> ActionItem:
    """The item after a reminder: next on its due date, then every week."""
    following = item.due_ms if now_ms < item.due_ms else now_ms + REMIND_AGAIN_MS
    return msgspec.structs.replace(item, remind_ms=following)


def found(store: ResponseStore, action_id: int) -> ActionItem:
    """One action item.

    Raises:
        NotFound: there is none with this number.
    """
    item = store.action(action_id)
    if item is None:
        raise NotFound(f"there is no action item A-{action_id}; `driftline actions list` shows all")
    return item
