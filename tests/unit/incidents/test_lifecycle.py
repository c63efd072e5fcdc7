from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from monitor.errors import NotFound, Refused, StoreUnavailable
from monitor.incidents import lifecycle, timeline
from monitor.incidents.lifecycle import ALLOWED, Act, possible
from monitor.incidents.model import Severity, Status
from monitor.incidents.ports import ResponseStore
from tests.unit.alerting.record import sqlite_stores

NOW = 1_795_403_520_000


@pytest.fixture
def store() -> Iterator[ResponseStore]:
    with sqlite_stores() as stores, stores.alerts.transaction() as transaction:
        transaction.new_incident(
            key="driftline-1",
            guardrail="prompt-injection",
            severity=Severity.error,
            title="title",
            opened_at_ms=NOW,
            onset_low_ms=NOW,
            last_found_ms=NOW,
        )
        yield transaction


def _in_status(store: ResponseStore, status: Status) -> None:
    if status is not Status.open:
        lifecycle.acknowledge(store, 1, actor="ana", now_ms=NOW)
    if status in (Status.resolved, Status.closed):
        lifecycle.resolve(store, 1, actor="ana", now_ms=NOW, text="fixed")
    if status is Status.closed:
        lifecycle.close(store, 1, actor="ana", now_ms=NOW, text="learned")


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("act", [Act.acknowledge, Act.resolve, Act.close, Act.note])
def test_an_act_is_allowed_where_the_table_says_and_else_refused_with_what_is_possible(
    store: ResponseStore, status: Status, act: Act
) -> None:
    _in_status(store, status)
    before = store.timeline(1)

    def do() -> lifecycle.Change:
        change: lifecycle.Change = getattr(lifecycle, act.value)(store, 1, actor="bob", now_ms=NOW + 1, text="a word")
        return change

    if status in ALLOWED[act]:
        change = do()
        assert store.incident(1) == change.incident
        assert list(store.timeline(1)) == [*before, change.entry]
        assert change.entry.actor == "bob"
    else:
        with pytest.raises(Refused) as refusal:
            do()
        assert f"INC-1 is {status.value}" in str(refusal.value)
        assert ", ".join(possible(status)) in str(refusal.value)
        assert list(store.timeline(1)) == list(before)
    assert timeline.verify(store.timeline(1)) is None


def test_a_whole_life_leaves_its_times_and_names(store: ResponseStore) -> None:
    lifecycle.acknowledge(store, 1, actor="ana", now_ms=NOW + 1, text="looking")
    lifecycle.note(store, 1, actor="bob", now_ms=NOW + 2, text="threshold\nwas moved\x1b[31m")
    lifecycle.resolve(store, 1, actor="ana", now_ms=NOW + 3, text="rolled back")
    lifecycle.close(store, 1, actor="ana", now_ms=NOW + 4, text="canary first")
    incident = store.incident(1)
    assert incident is not None
    assert (incident.acknowledged_by, incident.acknowledged_at_ms) == ("ana", NOW + 1)
    assert (incident.resolved_at_ms, incident.closed_at_ms) == (NOW + 3, NOW + 4)
    assert [entry.kind for entry in store.timeline(1)] == ["acknowledged", "note", "resolved", "closed"]
    assert store.timeline(1)[1].data["text"] == "threshold\nwas moved [31m"


def test_the_second_person_to_acknowledge_learns_who_was_first(store: ResponseStore) -> None:
    lifecycle.acknowledge(store, 1, actor="ana", now_ms=NOW)
    with pytest.raises(Refused, match="INC-1 is acknowledged by ana"):
        lifecycle.acknowledge(store, 1, actor="bob", now_ms=NOW)


@pytest.mark.parametrize("act", ["resolve", "close", "note"])
@pytest.mark.parametrize("text", ["", "  \n\t ", "\x00\x1b"])
def test_words_are_needed_where_others_will_look_for_them(store: ResponseStore, act: str, text: str) -> None:
    _in_status(store, Status.resolved if act == "close" else Status.open)
    with pytest.raises(Refused, match="needs"):
        getattr(lifecycle, act)(store, 1, actor="ana", now_ms=NOW, text=text)


def test_a_novel_is_refused_with_its_length(store: ResponseStore) -> None:
    with pytest.raises(Refused, match="4,000 are allowed"):
        lifecycle.note(store, 1, actor="ana", now_ms=NOW, text="x" * 4001)


def test_the_longest_text_fits_even_if_every_character_is_escaped(store: ResponseStore) -> None:
    lifecycle.note(store, 1, actor="ana", now_ms=NOW, text="\U0001f525" * 4000)
    lifecycle.note(store, 1, actor="ana", now_ms=NOW, text='"' * 4000)
    assert timeline.verify(store.timeline(1)) is None


@pytest.mark.parametrize("name", ["", " \n", "Driftline", "driftline\x00"])
def test_nobody_signs_as_nobody_or_as_the_service(name: str) -> None:
    with pytest.raises(Refused, match="--as"):
        lifecycle.person(name)


def test_an_incident_that_is_not_there_is_named(store: ResponseStore) -> None:
    with pytest.raises(NotFound, match="INC-7"):
        lifecycle.note(store, 7, actor="ana", now_ms=NOW, text="x")


def test_only_a_resolved_incident_is_reopened(store: ResponseStore) -> None:
    incident = store.incident(1)
    assert incident is not None
    with pytest.raises(Refused, match="reopen needs it resolved"):
        lifecycle.reopened(incident)


def test_whoever_decided_on_an_older_status_has_to_look_again(store: ResponseStore) -> None:
    seen = store.incident(1)
    assert seen is not None
    _in_status(store, Status.acknowledged)
    with pytest.raises(StoreUnavailable, match="changed by another person"):
        lifecycle.replace_stored(store, seen, msgspec.structs.replace(seen, status=Status.resolved))
