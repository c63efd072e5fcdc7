"""Take a text out of the record, where it should never have been written: the chain holds, and says who did it.

What people wrote may hold personal data or the text of a prompt. The field's hash takes its place, so that everything
else of the entry still verifies. Whoever knows the text can prove that it was the one; whoever can guess a short text
can do so too.
"""

from __future__ import annotations

from typing import Final

import msgspec

from monitor.errors import NotFound, Refused
from monitor.incidents.lifecycle import Change, locked, required_text, write
from monitor.incidents.ports import ResponseStore
from monitor.incidents.timeline import What, is_redacted, redacted_value
from monitor.incidents.words import incident_name

FIELDS: Final = ("text", "summary", "labels", "factors", "answer")
"""Fields that people or other tools write; the others are Driftline's own, and other entries rest on them."""


def redact(
    store: ResponseStore, incident_id: int, *, actor: str, now_ms: int, text: str, seq: int, field: str = "text"
) -> Change:
    """Redact one field of one entry.

    Raises:
        NotFound, Refused, StoreUnavailable: as for acknowledging; the reason is needed, and the entry must have such
            a field, not be redacted before, and be of a version that hashes fields apart.
    """
    words = required_text(text, needed="a reason: why it may not stay")
    incident = locked(store, incident_id)
    entry = next((each for each in store.timeline(incident_id) if each.seq == seq), None)
    name = incident_name(incident_id)
    if entry is None:
        raise NotFound(f"{name} has no entry {seq}")
    if field not in FIELDS or field not in entry.data:
        there = ", ".join(each for each in FIELDS if each in entry.data) or "none"
        raise Refused(f"entry {seq} of {name} has no {field!r} that can be redacted; it has {there}")
    if not entry.content:
        raise Refused(
            f"entry {seq} of {name} was written by a version that hashed it whole: redacting breaks the chain"
        )
    if is_redacted(entry.data[field]):
        raise Refused(f"{field!r} of entry {seq} of {name} is redacted already")
    gone = redacted_value(entry.data[field])
    store.redact_entry(msgspec.structs.replace(entry, data={**entry.data, field: gone}))
    data = {**words, "seq": seq, "field": field, "sha256": str(next(iter(gone.values())))}
    return write(store, incident, incident, actor=actor, now_ms=now_ms, kind=What.redacted, data=data)
