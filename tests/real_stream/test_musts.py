"""What is seen of the labelled stream, when, and typed as what."""

from __future__ import annotations

import pytest

from tests.real_stream.musts import verdicts
from tests.real_stream.replayed import Told, told
from tests.real_stream.stream import real_stream

SEED = 1
SHOWN_SO_FAR = {
    ("probing", "paged"),
    ("output-toxicity shift", "paged"),
    ("library update", "no page"),
    ("nulls", "no false page"),
}


@pytest.fixture(scope="module")
def one() -> Told:
    return told(real_stream(SEED))


def test_the_stream_shows_what_it_must(one: Told) -> None:
    held = {(v.about, v.must): v.held for v in verdicts(one)}
    assert not [name for name in SHOWN_SO_FAR if not held[name]]


def test_nothing_is_lost_on_the_way(one: Told) -> None:
    summary = one.replay.summary
    assert summary.events == len(one.stream.lines)
    assert (summary.dead_lettered, summary.duplicates) == (0, 0)
