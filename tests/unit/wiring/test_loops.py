"""Loops: each on its own, by the monotonic clock; a failure ends its own and is handed on."""

from __future__ import annotations

import threading
import time

from monitor.wiring.loops import Loop, running


def test_a_wall_clock_that_is_set_back_stops_nothing(monkeypatch: object) -> None:
    beats = threading.Semaphore(0)
    with running([Loop("beat", beats.release, 0.01)], lambda error: None):
        assert beats.acquire(timeout=10)
        real, real_ns = time.time, time.time_ns
        time.time, time.time_ns = lambda: real() - 3600, lambda: real_ns() - 3_600_000_000_000  # type: ignore[assignment]
        try:
            for _ in range(5):
                assert beats.acquire(timeout=10)
        finally:
            time.time, time.time_ns = real, real_ns


def test_a_failure_is_handed_on_and_the_others_go_on() -> None:
    failures: list[Exception] = []
    beats = threading.Semaphore(0)
    failed = threading.Event()

    def fail() -> None:
        raise ValueError("broken")

    def note(error: Exception) -> None:
        failures.append(error)
        failed.set()

    with running([Loop("bad", fail, 0.001), Loop("good", beats.release, 0.001)], note):
        assert failed.wait(10)
        for _ in range(20):
            assert beats.acquire(timeout=10)
    assert [str(error) for error in failures] == ["broken"]


def test_a_step_that_has_begun_is_waited_for() -> None:
    begun, done = threading.Event(), []

    def slow() -> None:
        begun.set()
        time.sleep(0.2)
        done.append(1)

    with running([Loop("slow", slow, 0.001)], lambda error: None):
        assert begun.wait(10)
    assert done
