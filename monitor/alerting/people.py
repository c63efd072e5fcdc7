"""A person's change of an incident, as the command line, the pages and the API all make it.

done = change(stores.alerts, lifecycle.acknowledge, 7, actor="ann", now_ms=clock.now_ms(), text="")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

from monitor.alerting.announce import announce
from monitor.alerting.ports import Alerts, AlertStore
from monitor.errors import StoreUnavailable
from monitor.findings.model import Kind
from monitor.incidents.lifecycle import Change

T = TypeVar("T")
TRIES: Final = 5
"""Tries of a change that collides with another person's."""
Act = Callable[..., Change | tuple[Change, ...]]
"""A function of lifecycle, casework, regroup or hand_over."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it.

    Attributes:
        changes: of one incident, or of both that a merge or split concerns.
        channels: that are notified.
        open_pages: pages of the incident that have not ended.
    """

    changes: Sequence[Change]
    channels: Sequence[str]
    open_pages: int


def change(
    alerts: Alerts,
    act: Act,
    incident_id: int,
    *,
    actor: str,
    now_ms: int,
    text: str,
    first: Callable[[AlertStore], None] = lambda store: None,
    more: Mapping[str, object] = MappingProxyType({}),
) -> Done:
    """Make the change and notify the channels, in one transaction; run again where another person's came first.

    Args:
        alerts: opens the transaction.
        act: what is done.
        incident_id: to which incident.
        actor: by whom.
        now_ms: the service's clock.
        text: the person's words.
        first: called at the beginning of the transaction; an exception of it ends it.
        more: what else the act takes.

    Raises:
        NotFound, Refused: by the act.
        StoreUnavailable: the database is away, or others were faster each time.
    """

    def attempt(store: AlertStore) -> Done:
        first(store)
        done = act(store, incident_id, actor=actor, now_ms=now_ms, text=text, **more)
        changes = done if isinstance(done, tuple) else (done,)
        channels = sorted({channel for each in changes for channel in announce(store, each)})
        findings = store.findings(incident_id=incident_id)
        open_pages = sum(each.kind is Kind.page and each.ended_at_ms is None for each in findings)
        return Done(changes, channels, open_pages)

    return in_turn(alerts, attempt)


def in_turn(alerts: Alerts, attempt: Callable[[AlertStore], T]) -> T:
    """The result of a change in one transaction; run again where another person's came first.

    Raises:
        StoreUnavailable: the database is away, or others were faster each time.
    """
    for left in reversed(range(TRIES)):
        try:
            with alerts.transaction() as store:
                return attempt(store)
        except StoreUnavailable:
            if left == 0:
                raise
    raise AssertionError("the last try returns or raises")
