"""A label repeats the event that it speaks of, and is neither a second event nor a duplicate of it."""

from __future__ import annotations

import json

import pytest

from monitor.counting.dedupe import DuplicateFilter, contents_of
from monitor.events.reasons import Reason
from tests.unit.events.blocks import block_of, new_decoder

EVENT = {"v": 1, "event_id": "e1", "time": 1_767_225_600_000, "guardrail": "shield", "verdict": "allow"}
ROUTES = ["decode", "decode_general"]


def decoded(*events: dict, route: str):
    block = block_of([json.dumps(event).encode() for event in events])
    return getattr(new_decoder(), route)(block)


@pytest.mark.parametrize("route", ROUTES)
def test_a_label_is_known_by_what_it_says_of_which_event(route: str) -> None:
    harmful, benign = EVENT | {"harmful": True}, EVENT | {"harmful": False}
    batch = decoded(EVENT, harmful, harmful, benign, EVENT, route=route).batch
    assert batch.harmful.tolist() == [-1, 1, 1, 0, -1]
    duplicates, _ = DuplicateFilter(100).look(batch.event_id, contents_of(batch), batch.offset)
    assert duplicates.tolist() == [False, False, True, False, True]


@pytest.mark.parametrize("route", ROUTES)
def test_a_label_joins_no_request_and_no_conversation(route: str) -> None:
    told = EVENT | {"request_id": "r", "session_id": "s", "text": "some words of a prompt"}
    event, label = (decoded(each, route=route).batch for each in (told, told | {"harmful": True}))
    assert all(column[0] != 0 for column in (event.request_id, event.session_id, event.fingerprint))
    assert all(column[0] == 0 for column in (label.request_id, label.session_id, label.fingerprint))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"harmful": True, "verdict": None}, Reason.missing_field),
        ({"harmful": "true"}, Reason.wrong_type),
        ({"harmful": 1}, Reason.wrong_type),
    ],
)
def test_a_label_without_a_verdict_or_that_is_not_true_or_false_is_refused(
    route: str, change: dict, reason: Reason
) -> None:
    (rejected,) = decoded(EVENT | change, route=route).rejected
    assert rejected.reason is reason
