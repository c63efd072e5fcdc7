"""Jobs: when they run, and how a late or failing one shows in metrics and health."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from prometheus_client import CollectorRegistry

from monitor.errors import StoreUnavailable
from monitor.metrics import Metrics
from monitor.wiring.jobs import FAILURES, LONGEST_PAUSE_S, STALE_S, Job, Jobs, WallClockJump


class Scene:
    """Jobs on a clock of the test's own."""

    def __init__(self, *jobs: Job) -> None:
        self.now = 1_000.0
        self.leads = False
        self.failure: Exception | None = None
        self.registry = CollectorRegistry()
        self.jobs = Jobs(
            jobs,
            Metrics(self.registry),
            leads=lambda: self.leads,
            on_failure=lambda error: setattr(self, "failure", error),
            timer=lambda: self.now,
        )

    def health(self) -> dict[str, str | None]:
        return {check.name: check.reason() for check in self.jobs.healthy()}

    def readiness(self) -> dict[str, str | None]:
        return {check.name: check.reason() for check in self.jobs.ready()}

    def metric(self, name: str, job: str) -> float | None:
        return self.registry.get_sample_value(name, {"job": job})


def raising(error: Exception) -> Callable[[], None]:
    def step() -> None:
        raise error

    return step


def test_jobs_run_again_and_again_until_the_block_is_left():
    ran = {"a": threading.Semaphore(0), "b": threading.Semaphore(0)}
    scene = Scene(*(Job(name, 0.01, semaphore.release) for name, semaphore in ran.items()))
    with scene.jobs.running():
        assert all(semaphore.acquire(timeout=20) for semaphore in ran.values() for _ in range(3))
    for semaphore in ran.values():
        while semaphore.acquire(blocking=False):
            pass
    assert not ran["a"].acquire(timeout=0.05)


def test_only_the_leader_runs_what_is_for_the_leader():
    ran: list[str] = []
    job = Job("retention", 600.0, lambda: ran.append("x"), leader_only=True)
    scene = Scene(job)
    scene.jobs.run(job)
    assert ran == []
    scene.leads = True
    scene.jobs.run(job)
    assert ran == ["x"]


def test_a_job_that_fails_is_counted_and_said_to_fail_once_it_does_so_again_and_again():
    outcomes = [*[StoreUnavailable("the database is away")] * FAILURES, None]

    def step() -> None:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome

    job = Job("grafana", 60.0, step)
    scene = Scene(job)
    assert scene.metric("driftline_job_failures_total", "grafana") == 0
    for failures in range(1, FAILURES + 1):
        scene.jobs.run(job)
        scene.jobs.run(job)  # the pause after a failure lasts: nothing is tried
        assert scene.metric("driftline_job_failures_total", "grafana") == failures
        said = "failed 3 times in a row: the database is away" if failures == FAILURES else None
        assert scene.readiness() == {"job grafana": said}
        scene.now += LONGEST_PAUSE_S
    assert scene.health() == {"grafana": None}  # a restart would not help
    scene.jobs.run(job)
    assert scene.readiness() == {"job grafana": None}
    assert scene.failure is None


def test_an_error_that_nobody_expects_is_handed_on():
    job = Job("judge", 0.1, raising(ZeroDivisionError("x")))
    scene = Scene(job)
    scene.jobs.run(job)
    assert isinstance(scene.failure, ZeroDivisionError)


@pytest.mark.parametrize(("every_s", "late_after"), [(0.1, STALE_S), (600.0, 1_800.0)])
def test_a_job_that_shows_no_life_is_late(every_s, late_after):
    job = Job("judge", every_s, lambda: None)
    scene = Scene(job)
    scene.jobs.run(job)
    scene.now += late_after
    assert scene.health() == {"judge": None}
    assert scene.metric("driftline_job_age_seconds", "judge") == late_after
    scene.now += 1
    assert scene.health() == {"judge": f"no heartbeat for {late_after + 1:.0f} s"}
    scene.jobs.alive("judge")  # from inside a long step
    assert scene.health() == {"judge": None}


def test_a_job_of_others_is_not_late_here():
    job = Job("retention", 600.0, lambda: None, leader_only=True)
    scene = Scene(job)
    scene.now += 1_700
    scene.jobs.run(job)
    scene.now += 1_700
    assert scene.health() == {"retention": None}


def test_two_jobs_of_one_name_are_refused():
    with pytest.raises(ValueError, match="same name"):
        Scene(Job("a", 1.0, lambda: None), Job("a", 2.0, lambda: None))


def test_a_process_without_jobs_starts_no_scheduler():
    before = threading.active_count()
    with Scene().jobs.running():
        assert threading.active_count() == before


def test_a_wall_clock_that_was_set_stops_no_job():
    beats = threading.Semaphore(0)
    wall = {"at": 5_000.0}
    jump = WallClockJump(wall=lambda: wall["at"] + time.monotonic())
    scene = Scene(Job("judge", 0.05, beats.release))
    with scene.jobs.running(jump):
        assert beats.acquire(timeout=20)
        wall["at"] -= 3_600
        assert jump.happened()
        assert not jump.happened()
        wall["at"] -= 3_600  # seen by the look itself this time: the jobs are scheduled anew and go on
        time.sleep(2.5)
        while beats.acquire(blocking=False):
            pass
        assert beats.acquire(timeout=20)


def test_jobs_that_wait_in_the_future_of_a_clock_set_back_are_scheduled_anew(monkeypatch):
    beats = threading.Semaphore(0)
    wall = {"at": 0.0}
    scene = Scene(Job("judge", 0.05, beats.release))
    made = []

    def scheduler(**options):
        made.append(BackgroundScheduler(**options))
        return made[0]

    monkeypatch.setattr("monitor.wiring.jobs.BackgroundScheduler", scheduler)
    with scene.jobs.running(WallClockJump(wall=lambda: wall["at"] + time.monotonic())):
        assert beats.acquire(timeout=20)
        made[0].modify_job(
            "judge", next_run_time=datetime.now(UTC) + timedelta(hours=1)
        )  # what a set-back clock does
        time.sleep(0.2)
        while beats.acquire(blocking=False):
            pass
        wall["at"] -= 3_600
        assert beats.acquire(timeout=20)
