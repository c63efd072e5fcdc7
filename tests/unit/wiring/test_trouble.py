"""Passing trouble: a growing pause, one line when it begins and ends, and one a minute in between."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from monitor.errors import StoreUnavailable
from monitor.wiring.trouble import Trouble


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def trouble(time: Time) -> Trouble:
    return Trouble("judging", longest_s=5.0, monotonic=time)


def test_nothing_is_wrong_at_first(trouble: Trouble) -> None:
    assert trouble.due()
    assert trouble.reason is None
    with capture_logs() as lines:
        trouble.over()
    assert lines == []


def test_pauses_grow_up_to_the_longest_and_begin_anew(trouble: Trouble, time: Time) -> None:
    pauses = [trouble.failed(StoreUnavailable("away")) for _ in range(6)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert not trouble.due()
    time.now += 5.0
    assert trouble.due()
    trouble.over()
    assert trouble.failed(StoreUnavailable("away again")) == 0.5


def test_ten_minutes_of_trouble_are_a_dozen_lines(trouble: Trouble, time: Time) -> None:
    with capture_logs() as lines:
        while time.now < 600:
            time.now += trouble.failed(StoreUnavailable("database x: away"))
        trouble.over()
    assert [line["event"] for line in lines] == [
        "judging paused",
        *["judging still paused"] * 9,
        "judging goes on",
    ]
    assert all("away" in line["error"] for line in lines[:-1])


def test_the_reason_says_since_when_and_why(trouble: Trouble, time: Time) -> None:
    trouble.failed(StoreUnavailable("the disk is full"))
    time.now += 12
    assert trouble.reason == "paused for 12 s: the disk is full"
