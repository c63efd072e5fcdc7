from __future__ import annotations

import hashlib
import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.incidents.model import Entry
from monitor.incidents.timeline import Broken, Flaw, Head, canonical, entry_after, hashed_content, verify

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53), max_value=2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcäß\x00"), inner, max_size=4),
    max_leaves=12,
)


def chain(length: int, incident_id: int = 1) -> list[Entry]:
    entries: list[Entry] = []
    for number in range(length):
        last = entries[-1] if entries else None
        data = {"text": f"step {number}", "size": number / 7}
        entries.append(
            entry_after(last, incident_id=incident_id, at_ms=1000 + number, actor="ana", kind="note", data=data)
        )
    return entries


def test_canonical_json_is_sorted_tight_and_unescaped() -> None:
    assert canonical({"b": [1, 2.5, None, True], "a": "ü"}) == '{"a":"ü","b":[1,2.5,null,true]}'.encode()


@given(JSON)
def test_what_the_database_gives_back_has_the_same_canonical_json(value: object) -> None:
    stored = msgspec.json.decode(msgspec.json.encode(value))
    assert canonical(stored) == canonical(value)
    assert canonical(json.loads(canonical(value))) == canonical(value)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 2**53 + 1, {1: "a"}, "\ud800", b"bytes", {"x": {1, 2}}, "x" * 70_000, [[[[[[[[[[1]]]]]]]]]]],
    ids=str,
)
def test_what_would_not_read_back_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical(value)


def test_an_untouched_chain_verifies() -> None:
    entries = chain(5)
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert verify(entries) is None
    assert verify([]) is None


def test_the_hash_can_be_recomputed_without_driftline() -> None:
    (entry,) = chain(1)
    fields = {name: hashlib.sha256(value).hexdigest() for name, value in (("size", b"0.0"), ("text", b'"step 0"'))}
    content = hashlib.sha256(f'{{"size":"{fields["size"]}","text":"{fields["text"]}"}}'.encode()).hexdigest()
    by_hand = (
        f'{{"actor":"ana","at_ms":1000,"content":"{content}","incident_id":1,"kind":"note",'
        f'"previous_hash":"{"0" * 64}","seq":1}}'
    )
    assert hashed_content(entry) == by_hand.encode()
    assert hashlib.sha256(by_hand.encode()).hexdigest() == entry.hash


def test_entries_of_versions_that_hashed_their_data_whole_still_verify() -> None:
    (entry,) = chain(1)
    old = msgspec.structs.replace(entry, content="")
    by_hand = (
        '{"actor":"ana","at_ms":1000,"data":{"size":0.0,"text":"step 0"},"incident_id":1,"kind":"note",'
        f'"previous_hash":"{"0" * 64}","seq":1}}'
    )
    old = msgspec.structs.replace(old, hash=hashlib.sha256(by_hand.encode()).hexdigest())
    assert verify([old]) is None
    broken = verify([msgspec.structs.replace(old, data={"text": "a lie", "size": 0.0})])
    assert broken is not None


@given(
    st.integers(0, 4),
    st.sampled_from(["at_ms", "actor", "kind", "data", "previous_hash", "hash", "incident_id", "seq"]),
)
def test_any_changed_field_is_found_at_its_entry(where: int, field: str) -> None:
    entries = chain(5)
    other: dict[str, object] = {"at_ms": 7, "incident_id": 2, "seq": 9, "data": {"text": "a lie"}}
    entries[where] = msgspec.structs.replace(entries[where], **{field: other.get(field, "f" * 64)})
    broken = verify(entries)
    assert broken is not None
    # A first entry that says that it is of another incident is caught by its hash; a forged hash at the end of the
    # chain by itself, too.
    assert broken.seq == where + 1


@given(st.integers(0, 3))
def test_a_removed_entry_is_found_where_it_is_missing(where: int) -> None:
    entries = chain(5)
    del entries[where]
    assert verify(entries) == Broken(seq=where + 1, why=Flaw.wrong_seq)


def test_swapped_entries_are_found() -> None:
    entries = chain(5)
    entries[1], entries[2] = entries[2], entries[1]
    assert verify(entries) == Broken(seq=2, why=Flaw.wrong_seq)


def test_a_rewritten_end_needs_a_notification_to_be_found() -> None:
    entries = chain(5)
    head = Head(seq=5, hash=entries[4].hash)
    forged = [
        *entries[:4],
        entry_after(entries[3], incident_id=1, at_ms=9, actor="eve", kind="note", data={"text": "all was well"}),
    ]
    assert verify(forged) is None
    assert verify(forged, heads=[head]) == Broken(seq=5, why=Flaw.other_head)


def test_a_cut_off_end_needs_a_notification_to_be_found() -> None:
    entries = chain(5)
    head = Head(seq=5, hash=entries[4].hash)
    assert verify(entries[:4]) is None
    assert verify(entries[:4], heads=[head]) == Broken(seq=5, why=Flaw.missing)
    assert verify([*entries, *chain(1)][:5], heads=[head]) is None


def test_content_that_no_entry_can_hold_is_a_flaw_and_not_a_crash() -> None:
    entries = chain(2)
    entries[1] = msgspec.structs.replace(entries[1], data={"n": 2**80})
    assert verify(entries) == Broken(seq=2, why=Flaw.not_canonical)


def test_an_entry_follows_only_one_of_its_own_incident() -> None:
    with pytest.raises(ValueError, match="incident 2 cannot follow one of incident 1"):
        entry_after(chain(1)[0], incident_id=2, at_ms=1, actor="ana", kind="note", data={})
