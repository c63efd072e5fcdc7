"""The timeline: append-only entries, chained by SHA-256.

The hash of an entry covers the canonical JSON of all its other fields, the hash of the entry before it among them.
Changing, inserting, removing or reordering entries breaks the chain at the first place touched. Cutting off the
newest entries does not: that is caught by the head (seq and hash) that every notification carried outside.

The data of an entry is hashed field by field, and the entry covers the hash of those hashes. So one field can be
redacted: its hash takes its place, the chain holds, and a later entry records who took it out and why. Entries of
versions before cover their data as a whole; they verify by that rule, and cannot be redacted.

Source: the linked time-stamps of Haber and Stornetta, "How to Time-Stamp a Digital Document", J. Cryptology 3 (1991).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from monitor.incidents.model import Entry
from monitor.incidents.ports import ResponseStore

REDACTED: Final = "redacted_sha256"
"""The one key of what stands in the place of a redacted field."""
ZERO_HASH: Final = "0" * 64
"""The former hash named in the first entry."""
MOST_BYTES: Final = 64 * 1024
"""Bytes of an entry's canonical JSON. A note has at most 4,000 characters, 16 kB in UTF-8, 24 kB in JSON."""
_DEEPEST: Final = 8
_LARGEST_INT: Final = 2**53
"""Integers beyond it are rounded by readers that know doubles only (JavaScript, jq)."""


class What(StrEnum):
    """The kinds of entries."""

    opened = "opened"
    finding_added = "finding_added"
    finding_upgraded = "finding_upgraded"
    finding_ended = "finding_ended"
    finding_continued = "finding_continued"
    notice_added = "notice_added"
    typed = "typed"
    found_by_backfill = "found_by_backfill"
    still_going_on = "still_going_on"
    all_ended = "all_ended"
    acknowledged = "acknowledged"
    resolved = "resolved"
    reopened = "reopened"
    closed = "closed"
    note = "note"
    paged = "paged"
    nobody_on_call = "nobody_on_call"
    nobody_reached = "nobody_reached"
    acknowledgement_expired = "acknowledgement_expired"
    snoozed = "snoozed"
    escalated = "escalated"
    snooze_ended = "snooze_ended"
    assigned = "assigned"
    deadline_missed = "deadline_missed"
    silenced = "silenced"
    silence_ended = "silence_ended"
    merged = "merged"
    merged_in = "merged_in"
    split_off = "split_off"
    split_from = "split_from"
    follows = "follows"
    triaged = "triaged"
    declared = "declared"
    phase_reached = "phase_reached"
    noise = "noise"
    evidence = "evidence"
    redacted = "redacted"
    measure_proposed = "measure_proposed"
    measure_tried = "measure_tried"
    measure_approved = "measure_approved"
    measure_refused = "measure_refused"
    measure_taken = "measure_taken"
    measure_failed = "measure_failed"
    measure_undone = "measure_undone"
    action_added = "action_added"
    action_done = "action_done"
    action_due = "action_due"
    alert_received = "alert_received"
    alert_resolved = "alert_resolved"
    drill_measured = "drill_measured"


class Flaw(StrEnum):
    """Why an entry does not fit into its chain."""

    other_incident = "belongs to another incident"
    wrong_seq = "its number is not the next one: an entry is missing, doubled or out of order"
    wrong_link = "does not name the hash of the entry before it"
    wrong_hash = "its content does not give its hash: it was changed after it was written"
    not_canonical = "holds a value that no entry can hold: it was changed after it was written"
    missing = "is not there, but a notification named it: the newest entries were cut off"
    other_head = "has another hash than the notification named: the record was rewritten"
    unrecorded = "was redacted, and no later entry says by whom"


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry at some moment, as a notification carried it."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that does not fit, and why."""

    seq: int
    why: Flaw


def canonical(value: object) -> bytes:
    """JSON in the one form that is hashed: sorted keys, no whitespace, UTF-8 unescaped, shortest round-trip floats.

    Raises:
        ValueError: the value holds what does not read back as it was written (NaN, infinity, integers beyond 2^53,
            keys that are no strings, lone surrogates, other types), is nested deeper than 8 or longer than 64 KiB.
    """
    _check(value, depth=0)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    data = text.encode("utf-8")
    if len(data) > MOST_BYTES:
        raise ValueError(f"an entry may have {MOST_BYTES} bytes of canonical JSON, this one has {len(data)}")
    return data


def hashed_content(entry: Entry) -> bytes:
    """The exact bytes that ``entry.hash`` is the SHA-256 of."""
    covered: dict[str, object] = {"content": entry.content} if entry.content else {"data": entry.data}
    return canonical(
        covered
        | {
            "actor": entry.actor,
            "at_ms": entry.at_ms,
            "incident_id": entry.incident_id,
            "kind": entry.kind,
            "previous_hash": entry.previous_hash,
            "seq": entry.seq,
        }
    )


def content_of(data: Mapping[str, object]) -> str:
    """Hex SHA-256 over the canonical JSON of {field: hash of its value}; a redacted field brings its hash along.

    Raises:
        ValueError: as for :func:`canonical`.
    """
    canonical(data)  # its size as a whole
    return hashlib.sha256(canonical({name: _field_hash(value) for name, value in data.items()})).hexdigest()


def redacted_value(value: object) -> dict[str, object]:
    """What stands in the place of a redacted field: its hash."""
    return {REDACTED: _field_hash(value)}


def is_redacted(value: object) -> bool:
    """Whether this is what stands in the place of a redacted field."""
    return isinstance(value, dict) and set(value) == {REDACTED} and isinstance(value[REDACTED], str)


def _field_hash(value: object) -> str:
    if isinstance(value, dict) and is_redacted(value):
        return str(value[REDACTED])
    return hashlib.sha256(canonical(value)).hexdigest()


def entry_after(
    last: Entry | None, *, incident_id: int, at_ms: int, actor: str, kind: str, data: Mapping[str, object]
) -> Entry:
    """The entry that continues a timeline after ``last`` (None: begins it).

    Raises:
        ValueError: ``last`` is of another incident, or ``data`` has no canonical form.
    """
    if last is not None and last.incident_id != incident_id:
        raise ValueError(f"entry of incident {incident_id} cannot follow one of incident {last.incident_id}")
    unsigned = Entry(
        incident_id=incident_id,
        seq=1 if last is None else last.seq + 1,
        at_ms=at_ms,
        actor=actor,
        kind=str(kind),
        data=dict(data),
        previous_hash=ZERO_HASH if last is None else last.hash,
        hash="",
        content=content_of(data),
    )
    return msgspec.structs.replace(unsigned, hash=hashlib.sha256(hashed_content(unsigned)).hexdigest())


def append(
    store: ResponseStore, *, incident_id: int, at_ms: int, actor: str, kind: str, data: Mapping[str, object]
) -> Entry:
    """Write the next entry of an incident's timeline.

    Raises:
        StoreUnavailable: another writer took this seq; run the transaction again.
    """
    last = store.last_entry(incident_id)
    entry = entry_after(last, incident_id=incident_id, at_ms=at_ms, actor=actor, kind=kind, data=data)
    store.append_entry(entry)
    return entry


def verify(entries: Iterable[Entry], *, heads: Iterable[Head] = ()) -> Broken | None:
    """Whether a whole timeline, by seq, is as it was written; None if it is.

    Args:
        entries: from seq 1 on.
        heads: what notifications carried; proves that nothing after them was cut off or rewritten.
    """
    last: Entry | None = None
    hashes: dict[int, str] = {}
    redacted: set[int] = set()
    for entry in entries:
        why = _flaw(last, entry)
        if why is not None:
            return Broken(seq=entry.seq if why is not Flaw.wrong_seq else _next_seq(last), why=why)
        hashes[entry.seq] = entry.hash
        if any(is_redacted(value) for value in entry.data.values()):
            redacted.add(entry.seq)
        if entry.kind == What.redacted:
            redacted.discard(_int_of(entry.data.get("seq")))
        last = entry
    if redacted:
        return Broken(seq=min(redacted), why=Flaw.unrecorded)
    for head in sorted(heads, key=lambda head: head.seq):
        if head.seq not in hashes:
            return Broken(seq=head.seq, why=Flaw.missing)
        if hashes[head.seq] != head.hash:
            return Broken(seq=head.seq, why=Flaw.other_head)
    return None


def _flaw(last: Entry | None, entry: Entry) -> Flaw | None:
    if last is not None and entry.incident_id != last.incident_id:
        return Flaw.other_incident
    if entry.seq != _next_seq(last):
        return Flaw.wrong_seq
    if entry.previous_hash != (ZERO_HASH if last is None else last.hash):
        return Flaw.wrong_link
    try:
        right = hashlib.sha256(hashed_content(entry)).hexdigest()
        content = content_of(entry.data) if entry.content else ""
    except ValueError:
        return Flaw.not_canonical
    return None if (entry.hash, entry.content) == (right, content) else Flaw.wrong_hash


def _int_of(value: object) -> int:
    return value if isinstance(value, int) else 0


def _next_seq(last: Entry | None) -> int:
    return 1 if last is None else last.seq + 1


def _check(value: object, *, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"an entry may be nested {_DEEPEST} deep")
    match value:
        case None | bool():
            pass
        case str():
            value.encode("utf-8")  # UnicodeEncodeError, a ValueError, for lone surrogates
        case int() if abs(value) > _LARGEST_INT:
            raise ValueError(f"integers beyond 2^53 do not read back everywhere, got {value}")
        case float() if not math.isfinite(value):
            raise ValueError(f"JSON has no {value}")
        case int() | float():
            pass
        case list() | tuple():
            for item in value:
                _check(item, depth=depth + 1)
        case dict():
            if not all(isinstance(key, str) for key in value):
                raise ValueError(f"keys must be strings, got {list(value)!r}")
            for item in (*value.keys(), *value.values()):
                _check(item, depth=depth + 1)
        case _:
            raise ValueError(f"an entry cannot hold a {type(value).__name__}")
