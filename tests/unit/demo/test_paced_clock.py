"""Simulated time waits for the judge, and never stands still for good."""

from __future__ import annotations

from monitor.demo.paced_clock import CREEP, PacedClock


class _Real:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def started(*, speed: float = 100.0, lead_ms: int = 60_000) -> tuple[PacedClock, _Real]:
    real = _Real()
    clock = PacedClock(start_ms=1_000, speed=speed, monotonic=real, lead_ms=lead_ms)
    clock.start()
    return clock, real


def test_it_stands_still_until_it_is_started() -> None:
    real = _Real()
    clock = PacedClock(start_ms=1_000, speed=100.0, monotonic=real)
    real.now = 5.0
    assert clock.now_ms() == 1_000
    clock.start()
    real.now = 5.1
    assert clock.now_ms() == 11_000


def test_while_the_judge_keeps_up_it_runs_at_full_speed() -> None:
    clock, real = started()
    for step in range(1, 101):
        real.now = step * 0.1
        assert clock.now_ms() == 1_000 + step * 10_000
        clock.judged_to(clock.now_ms() - 30_000)


def test_a_judge_that_stops_holds_time_back_to_a_creep() -> None:
    clock, real = started()
    real.now = 0.6
    assert clock.now_ms() == 61_000  # the lead is used up
    real.now = 1.6
    assert clock.now_ms() == 61_000 + int(CREEP * 1000)


def test_however_often_it_is_read_it_tells_the_same_time() -> None:
    once, real_once = started()
    often, real_often = started()
    for hundredth in range(1, 200):
        real_often.now = hundredth / 100
        often.now_ms()
    real_once.now = 1.99
    assert abs(once.now_ms() - often.now_ms()) <= 1


def test_when_the_judge_has_caught_up_time_runs_again() -> None:
    clock, real = started()
    real.now = 1.6
    held = clock.now_ms()
    clock.judged_to(held)
    real.now = 1.7
    assert clock.now_ms() == held + 10_000


def test_a_slow_demo_is_never_sped_up_by_falling_behind() -> None:
    clock, real = started(speed=2.0, lead_ms=0)
    real.now = 1.0
    assert clock.now_ms() == 3_000
