"""Why a record was not readable: the closed list of reasons, and one rejected record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Reason codes; also the values of the ``reason`` label of the metrics and of the dead letters."""

    null_value = "null_value"
    """The record has no value (a Kafka tombstone)."""
    too_large = "too_large"
    """The value has more bytes than the decoder reads."""
    invalid_json = "invalid_json"
    """Not JSON as RFC 8259 has it: truncated, not UTF-8, NaN or Infinity literals, ..."""
    too_deep = "too_deep"
    """Objects and arrays are nested deeper than the decoder follows."""
    not_an_object = "not_an_object"
    """JSON, but an array, a string, a number, ... instead of an object."""
    wrong_version = "wrong_version"
    """``v`` is not a version that this decoder reads."""
    missing_field = "missing_field"
    """A required field is absent or null."""
    wrong_type = "wrong_type"
    """A known field holds a value of another type."""
    out_of_range = "out_of_range"
    """A known field holds a number, a length or a count outside of its range."""
    unknown_value = "unknown_value"
    """A known field holds a word that is not in its list."""
    no_time = "no_time"
    """Neither the event nor the record has a time."""
    unknown_format = "unknown_format"
    """No wire format that is read has this shape."""
    no_verdict = "no_verdict"
    """The record's format is known, and there is no guardrail's verdict in it."""
    not_judged = "not_judged"
    """No guardrail judged in this record, rightly: a model call without one, the empty last chunk of a stream."""


NO_FAULT: Final = frozenset({Reason.not_judged})
"""Reasons that are counted, and no more: such a record is as it should be, and no dead letter."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is not in the batch, and why.

    Attributes:
        row: its row in the record block.
        offset: its offset.
        reason: the code.
        sentence: the reason for a person: field, value (truncated; never of fields that bear text) and range.
        times: records inside of this one that are rejected for it; 1 where the record is one itself.
    """

    row: int
    offset: int
    reason: Reason
    sentence: str
    times: int = 1


class Rejection(Exception):  # noqa: N818 - an outcome, not a fault
    """Raised inside the general decoder to leave one record; never leaves the decoder."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
