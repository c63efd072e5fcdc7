"""Heads outside of the database, and what whoever owns the database can and cannot hide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import delete, update

from monitor.alerting.anchoring import Anchors, read_anchors
from monitor.errors import TryAgain
from monitor.incidents import lifecycle
from monitor.incidents.model import Entry
from monitor.incidents.timeline import Broken, Flaw, entry_after, verify
from monitor.storage.response_tables import incidents, timeline
from monitor.storage.stores import Stores
from tests.unit.alerting.record import HOUR, T0, Judge, page, sqlite_stores

NOTES = 5


@pytest.fixture
def stores() -> Iterator[Stores]:
    """One incident: opened, then five notes."""
    with sqlite_stores() as opened:
        Judge(opened).finds(page("f1"))
        with opened.alerts.transaction() as store:
            for number in range(NOTES):
                lifecycle.note(store, 1, actor="ann", now_ms=T0 + HOUR, text=f"note {number}")
        yield opened


def broken(stores: Stores, anchors: Path | None = None) -> Broken | None:
    """What verifying finds, with the heads of the file or without."""
    heads = [] if anchors is None else read_anchors(anchors).get(1, [])
    with stores.alerts.transaction() as store:
        return verify(store.timeline(1), heads=heads)


def entries(stores: Stores) -> list[Entry]:
    with stores.alerts.transaction() as store:
        return list(store.timeline(1))


def rewritten(stores: Stores, since: int, **changes: object) -> None:
    """The owner recomputes the chain from an entry on, as the service would have written it."""
    old = entries(stores)
    last = old[since - 2] if since > 1 else None
    with stores.database.writing() as connection:
        for each in old[since - 1 :]:
            data = {**each.data, **changes} if each.seq == since else each.data
            new = entry_after(last, incident_id=1, at_ms=each.at_ms, actor=each.actor, kind=each.kind, data=data)
            row = msgspec.structs.asdict(new) | {"data": msgspec.json.encode(new.data).decode()}
            connection.execute(update(timeline).where(timeline.c.seq == each.seq).values(row))
            last = new


def test_heads_are_appended_once_and_only_of_what_has_grown(stores: Stores, tmp_path: Path) -> None:
    file = tmp_path / "out" / "heads.jsonl"
    anchors = Anchors(file)
    assert anchors.step(stores.alerts, now_ms=T0 + HOUR) == 1
    assert anchors.step(stores.alerts, now_ms=T0 + HOUR) == 0
    with stores.alerts.transaction() as store:
        lifecycle.note(store, 1, actor="ann", now_ms=T0 + 2 * HOUR, text="one more")
    assert anchors.step(stores.alerts, now_ms=T0 + 2 * HOUR) == 1
    assert Anchors(file).step(stores.alerts, now_ms=T0 + 2 * HOUR) == 0, "a new process reads what is there"
    assert [head.seq for head in read_anchors(file)[1]] == [NOTES + 1, NOTES + 2]
    assert broken(stores, file) is None


def test_a_line_that_was_cut_off_is_passed_over(stores: Stores, tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    Anchors(file).step(stores.alerts, now_ms=T0 + HOUR)
    file.write_text(file.read_text() + '{"incident": 1, "se')
    assert len(read_anchors(file)[1]) == 1
    assert read_anchors(tmp_path / "none") == {}


def test_a_file_that_cannot_be_written_is_passing_trouble(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "heads").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(TryAgain, match="directory"):
        Anchors(tmp_path / "heads").step(stores.alerts, now_ms=T0 + HOUR)
    with pytest.raises(TryAgain, match="directory"):
        Anchors(tmp_path / "file" / "heads").step(stores.alerts, now_ms=T0 + HOUR)


def test_an_edited_entry_is_found_by_the_chain_alone(stores: Stores) -> None:
    with stores.database.writing() as connection:
        connection.execute(update(timeline).where(timeline.c.seq == 3).values(data='{"text": "a lie"}'))
    assert broken(stores) == Broken(3, Flaw.wrong_hash)


@pytest.mark.parametrize("seq", [1, 3])
def test_a_removed_entry_is_found_by_the_chain_alone(stores: Stores, seq: int) -> None:
    with stores.database.writing() as connection:
        connection.execute(delete(timeline).where(timeline.c.seq == seq))
    assert broken(stores) == Broken(seq, Flaw.wrong_seq)


def test_the_newest_entries_cut_off_are_found_by_a_head_outside_alone(stores: Stores, tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    Anchors(file).step(stores.alerts, now_ms=T0 + HOUR)
    with stores.database.writing() as connection:
        connection.execute(delete(timeline).where(timeline.c.seq > 4))
    assert broken(stores) is None, "the chain alone cannot know"
    assert broken(stores, file) == Broken(NOTES + 1, Flaw.missing)


def test_a_chain_computed_anew_is_found_by_a_head_outside_alone(stores: Stores, tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    Anchors(file).step(stores.alerts, now_ms=T0 + HOUR)
    rewritten(stores, 3, text="a lie")
    assert "a lie" in str(entries(stores)[2].data)
    assert broken(stores) is None, "the chain alone cannot know"
    assert broken(stores, file) == Broken(NOTES + 1, Flaw.other_head)


def test_what_was_written_after_the_last_head_can_be_rewritten_unseen(stores: Stores, tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    Anchors(file).step(stores.alerts, now_ms=T0 + HOUR)
    with stores.alerts.transaction() as store:
        lifecycle.note(store, 1, actor="ann", now_ms=T0 + HOUR, text="after the head")
    rewritten(stores, NOTES + 2, text="a lie")
    assert broken(stores, file) is None, "the limit of the method, as the README says"
    Anchors(file).step(stores.alerts, now_ms=T0 + HOUR)
    rewritten(stores, NOTES + 2, text="another lie")
    assert broken(stores, file) == Broken(NOTES + 2, Flaw.other_head)


def test_an_incident_removed_with_its_timeline_is_known_to_the_anchors(stores: Stores, tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    Anchors(file).step(stores.alerts, now_ms=T0 + HOUR)
    with stores.database.writing() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql("DELETE FROM outbox")
        connection.exec_driver_sql("DELETE FROM captures")
        connection.exec_driver_sql("DELETE FROM findings")
        connection.execute(delete(timeline))
        connection.execute(delete(incidents))
    assert verify([], heads=read_anchors(file)[1]) == Broken(NOTES + 1, Flaw.missing)


def test_a_status_changed_in_place_contradicts_the_timeline_and_nothing_else_tells(stores: Stores) -> None:
    with stores.database.writing() as connection:
        connection.execute(update(incidents).values(status="closed"))
    assert broken(stores) is None
    assert "closed" not in {entry.kind for entry in entries(stores)}
