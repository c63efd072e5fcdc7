"""Silences and maintenance windows: what holds pages back for a while, by whom, why, and until when.

A silence never hides: the incident is opened and written down as always, its entries say which silence held them
back, and when the silence ends while the incident is open, the channels are notified and paging begins, with that
reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from monitor.clock import DAY_MS
from monitor.errors import NotFound, Refused
from monitor.incidents.lifecycle import person
from monitor.incidents.model import Incident
from monitor.incidents.words import plain

LONGEST_MS: Final = 30 * DAY_MS
"""A longer pause is not a silence: change the margin, or stop watching the signal."""
LONGEST_REASON: Final = 500
UNUSED_AFTER_MS: Final = 7 * DAY_MS


class SilenceKind(StrEnum):
    """Its purpose."""

    silence = "silence"
    maintenance = "maintenance"


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """One silence.

    Attributes:
        id: 0 until it is stored.
        author, reason: a person, and why.
        begin_ms, end_ms: when it holds, the end exclusive; ending it early moves the end.
        guardrails: which ones; empty: all.
        created_ms: when it was made.
        matched: incidents' entries that it held back.
        last_matched_ms: when it did so last.
    """

    id: int = 0
    kind: SilenceKind = SilenceKind.silence
    author: str
    reason: str
    begin_ms: int
    end_ms: int
    guardrails: tuple[str, ...] = ()
    created_ms: int
    matched: int = 0
    last_matched_ms: int | None = None

    def holds(self, incident: Incident, at_ms: int) -> bool:
        """Whether it holds this incident's messages back at this moment."""
        return self.begin_ms <= at_ms < self.end_ms and (not self.guardrails or incident.guardrail in self.guardrails)


def new_silence(
    *,
    kind: SilenceKind,
    author: str,
    reason: str,
    begin_ms: int,
    end_ms: int,
    guardrails: Sequence[str],
    now_ms: int,
) -> Silence:
    """A silence that may be stored.

    Raises:
        Refused: it has no reason, no author, no end ahead, or lasts longer than 30 days.
    """
    reason = plain(reason, longest=LONGEST_REASON)
    if not reason:
        raise Refused("a silence needs a reason: add --reason TEXT, why nobody should be paged")
    if end_ms <= max(begin_ms, now_ms):
        raise Refused("a silence must end after it begins, and in the future")
    if end_ms - max(begin_ms, now_ms) > LONGEST_MS:
        raise Refused(
            f"a silence lasts at most {LONGEST_MS // DAY_MS} days; renew it, or change the signal's settings"
        )
    return Silence(
        kind=kind,
        author=person(author),
        reason=reason,
        begin_ms=begin_ms,
        end_ms=end_ms,
        guardrails=tuple(plain(each) for each in guardrails),
        created_ms=now_ms,
    )


def ended_early(silence: Silence | None, *, now_ms: int) -> Silence:
    """The silence with its end moved to now.

    Raises:
        NotFound: there is none.
        Refused: it has ended already.
    """
    if silence is None:
        raise NotFound("there is no silence with this number; `driftline silences list` shows all")
    if silence.end_ms <= now_ms:
        raise Refused(f"silence {silence.id} has ended already")
    return msgspec.structs.replace(silence, end_ms=now_ms)


def unused(silence: Silence, now_ms: int) -> bool:
    """Whether it has matched nothing for a week."""
    since = max(silence.begin_ms, silence.last_matched_ms or 0)
    return now_ms - since > UNUSED_AFTER_MS


def ended_words(silence: Silence, now_ms: int) -> str:
    """``silence 3 by kim (upgrade) ended 14 minutes ago``."""
    what = f"{silence.kind.value} {silence.id} by {silence.author} ({silence.reason})"
    return f"{what} ended {ago(now_ms - silence.end_ms)}"


def ago(length_ms: int) -> str:
    """``14 minutes ago``; minutes up to two hours, hours up to two days, then days."""
    minutes = max(0, length_ms // 60_000)
    if minutes < 1:
        return "just now"
    if minutes < 120:
        count, unit = minutes, "minute"
    else:
        count, unit = (minutes // 60, "hour") if minutes < 2880 else (minutes // 1440, "day")
    return f"{count} {unit}{'' if count == 1 else 's'} ago"
