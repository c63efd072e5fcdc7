"""Retention of counts tick by tick, and the conditions of rolling them up to hours.

Right after a snapshot the judge needs few counts again: a restart goes on from the snapshot. What it still reads tick
by tick is said by :func:`safe_before`, from its state alone. An upgrade goes over the ticks that are left, so their
number is also how much of the past a new version judges anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import msgspec

from monitor.clock import DAY_MS, HOUR_MS
from monitor.findings.model import Finding, Kind
from monitor.judging.ports import JudgementStore
from monitor.judging.state import JudgeState

PIECES: Final = 48
"""Pieces of work in one step: two days of hours when there is much to make up for, a second or two."""


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Retention in milliseconds; counts by event time, the rest by the clock."""

    tick_ms: int
    ticks_ms: int = 7 * DAY_MS
    hours_ms: int = 400 * DAY_MS
    ledger_ms: int = DAY_MS
    outbox_ms: int = 30 * DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """The result of one step."""

    hours: int = 0
    """Hours of ticks that were looked at: rolled up, or left for a baseline."""
    commits: int = 0
    notifications: int = 0


def safe_before(state: JudgeState, *, tick_ms: int) -> int:
    """The tick below which the judge reads counts tick by tick no more.

    It is the oldest of: the next tick to be judged, the windows of units and signals that are still learning, and the
    onsets of pages that are open.
    """
    edges = [state.judged_before]
    for unit in state.units:
        if unit.epoch is None:
            edges += [unit.learning_from] if unit.learning_from >= 0 and not unit.by_hand else []
        else:
            edges += [new.from_tick for new in unit.epoch.new_signals]
    edges += [page.onset_low_ms // tick_ms for page in _open_pages(state)]
    return min(edges)


def retain(
    transaction: Callable[[], AbstractContextManager[JudgementStore]],
    rule: RetentionRule,
    *,
    safe: int,
    judged_before: int,
    now_ms: int,
) -> Retained:
    """Do what is due, in bounded transactions; call it again soon where it did anything.

    Args:
        transaction: opens a judging transaction, under the lease.
        rule: how long what is kept.
        safe: ticks below are not needed one by one, see :func:`safe_before`, as of a snapshot that is stored.
        judged_before: where judging is; the age of counts is measured from there.
        now_ms: the service's clock.

    Raises:
        Fenced: another judge has the lease; what was done is done whole.
    """
    per_hour = HOUR_MS // rule.tick_ms
    edge = min(safe, judged_before - rule.ticks_ms // rule.tick_ms)
    hours = 0
    while per_hour > 1 and hours < PIECES:
        with transaction() as store:
            if not store.roll_up_hour(edge, per_hour=per_hour):
                break
        hours += 1
    with transaction() as store:
        store.forget_counts(min(edge, judged_before - rule.hours_ms // rule.tick_ms))
        notifications = store.forget_delivered(now_ms - rule.outbox_ms)
    commits = 0
    for _ in range(PIECES):
        with transaction() as store:
            rolled = store.roll_up_ledger(now_ms - rule.ledger_ms)
        commits += rolled
        if not rolled:
            break
    return Retained(hours=hours, commits=commits, notifications=notifications)


def _open_pages(part: object) -> Iterator[Finding]:
    """Wherever in the state they are: a page that is forgotten here would lose the counts that it is about."""
    if isinstance(part, Finding):
        if part.kind is Kind.page and part.ended_at_ms is None:
            yield part
    elif isinstance(part, msgspec.Struct):
        for name in part.__struct_fields__:
            yield from _open_pages(getattr(part, name))
    elif isinstance(part, (list, tuple)):
        if part and isinstance(part[0], (msgspec.Struct, list, tuple)) and not _is_numbers(part):
            for one in part:
                yield from _open_pages(one)
    elif isinstance(part, dict):
        for one in part.values():
            yield from _open_pages(one)


def _is_numbers(part: list[object] | tuple[object, ...]) -> bool:
    """Whether the list holds tables of counts, of which there are many."""
    first = part[0]
    while isinstance(first, (list, tuple)):
        if not first:
            return False
        first = first[0]
    return isinstance(first, (int, float))
