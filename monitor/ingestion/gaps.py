"""Gaps: records of a log that cannot be handed out. They are reported, never skipped in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class GapReason(StrEnum):
    """Why a range of offsets cannot be read; used in logs, metrics and incidents."""

    expired = "expired"  # retention removed the records before they were read
    corrupt = "corrupt"  # the checksum, the compression or the structure of a record batch is wrong
    too_large = "too_large"  # a record batch expands beyond the limit of the settings


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets ``from_offset`` up to but without ``to_offset`` of one partition that were not handed out.

    ``detail`` describes the gap; it never holds text of a record.
    """

    partition: str
    from_offset: int
    to_offset: int
    reason: GapReason
    detail: str


OnGap = Callable[[Gap], None]
"""Receives every gap on the polling thread, before any later record of the partition is handed out; must not raise.
At
least once: a restart from a position before the gap reports it again."""


def ignore_gap(_: Gap) -> None:
    """For callers that count no gaps."""
