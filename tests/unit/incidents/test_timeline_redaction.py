"""A redacted text is gone, the chain holds, and the record says who took it out."""

from __future__ import annotations

import msgspec
import pytest

from monitor.errors import NotFound, Refused
from monitor.incidents import lifecycle
from monitor.incidents.exported import lines, read
from monitor.incidents.redaction import redact
from monitor.incidents.timeline import Flaw, verify
from tests.unit.alerting.record import HOUR, T0, Judge, page, sqlite_stores

SECRET = "the prompt was: my name is Kim"


def test_a_redacted_note_is_gone_and_the_chain_holds_also_as_a_file() -> None:
    with sqlite_stores() as stores:
        Judge(stores).finds(page("f1"))
        with stores.alerts.transaction() as store:
            note = lifecycle.note(store, 1, actor="ann", now_ms=T0 + HOUR, text=SECRET).entry
            redact(store, 1, actor="kim", now_ms=T0 + HOUR, text="a person's name", seq=note.seq)
            entries = store.timeline(1)
            text = "\n".join(lines(entries))
    assert SECRET not in text
    assert verify(entries) is None
    assert verify(read(text.encode().splitlines())[1]) is None
    last = entries[-1]
    assert (last.kind, last.actor, last.data["seq"]) == ("redacted", "kim", note.seq)


def test_a_field_that_is_taken_out_without_an_entry_is_named() -> None:
    with sqlite_stores() as stores:
        Judge(stores).finds(page("f1"))
        with stores.alerts.transaction() as store:
            lifecycle.note(store, 1, actor="ann", now_ms=T0 + HOUR, text=SECRET)
            redact(store, 1, actor="kim", now_ms=T0 + HOUR, text="a name", seq=2)
            entries = list(store.timeline(1))
    broken = verify(entries[:2])
    assert broken is not None
    assert (broken.seq, broken.why) == (2, Flaw.unrecorded)


def test_what_replaces_a_redacted_field_is_checked_too() -> None:
    with sqlite_stores() as stores:
        Judge(stores).finds(page("f1"))
        with stores.alerts.transaction() as store:
            lifecycle.note(store, 1, actor="ann", now_ms=T0 + HOUR, text=SECRET)
            redact(store, 1, actor="kim", now_ms=T0 + HOUR, text="a name", seq=2)
            entries = list(store.timeline(1))
    entries[1] = msgspec.structs.replace(entries[1], data={**entries[1].data, "text": {"redacted_sha256": "0" * 64}})
    broken = verify(entries)
    assert broken is not None
    assert (broken.seq, broken.why) == (2, Flaw.wrong_hash)


@pytest.mark.parametrize(
    ("seq", "field", "error", "why"),
    [
        (9, "text", NotFound, "no entry 9"),
        (1, "notified", Refused, "no 'notified' that can be redacted"),
        (1, "text", Refused, "it has none"),
    ],
)
def test_only_what_people_wrote_can_be_redacted(seq: int, field: str, error: type[Exception], why: str) -> None:
    with sqlite_stores() as stores:
        Judge(stores).finds(page("f1"))
        with stores.alerts.transaction() as store, pytest.raises(error, match=why):
            redact(store, 1, actor="kim", now_ms=T0 + HOUR, text="a name", seq=seq, field=field)


def test_nothing_is_redacted_twice_nor_where_the_entry_was_hashed_whole() -> None:
    with sqlite_stores() as stores:
        Judge(stores).finds(page("f1"))
        with stores.alerts.transaction() as store:
            lifecycle.note(store, 1, actor="ann", now_ms=T0 + HOUR, text=SECRET)
            redact(store, 1, actor="kim", now_ms=T0 + HOUR, text="a name", seq=2)
            with pytest.raises(Refused, match="redacted already"):
                redact(store, 1, actor="kim", now_ms=T0 + HOUR, text="a name", seq=2)
