"""Jobs: what a process does again and again beside counting, each one line in the list of the role that needs it.

    Job("escalate", every_s=5.0, step=response.escalate, leader_only=True)

One scheduler runs them all, none of them twice at a time. A step claims what it works on in the database, so that a
step that is missed, late or run twice changes nothing; what was missed is made up by one run. A step raises TryAgain
where the next one may succeed: that is counted, the job pauses for longer each time, and /readyz gives the reason.
Any other error ends the process, and a supervisor starts it anew.

APScheduler goes by the wall clock, and one that is set back by an hour would stop every job for an hour. So the wall
clock is compared with the monotonic one, and the jobs are scheduled anew when it has jumped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from monitor.errors import TryAgain
from monitor.metrics import Metrics
from monitor.web.health import Check
from monitor.wiring.loops import Loop, running
from monitor.wiring.trouble import Trouble

STALE_S: Final = 180.0
"""A job that shows no life for so long is stuck: eight messages to a dead receiver take half of it."""
LATE_PERIODS: Final = 3.0
"""A job whose period is long counts as late after so many of them."""
FAILURES: Final = 3
"""Failures in a row that /readyz reports: one may be a moment's trouble of the network. They come within 2 s."""
LONGEST_PAUSE_S: Final = 5.0
"""Between tries while the database is away: work goes on at most so long after it is back."""
JUMP_S: Final = 1.0
"""The wall clock has jumped if it has moved by so much more or less than the monotonic one between two looks."""
_LOG: Final = structlog.stdlib.get_logger("driftline.jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done every so often.

    Attributes:
        name: its name in metrics, health and logs.
        every_s: seconds from one start to the next.
        step: one step; raises TryAgain where the next one may succeed.
        leader_only: only the process that holds the judge's lease runs it.
        at_once: its first step is at the start, not after the first period.
    """

    name: str
    every_s: float
    step: Callable[[], None]
    leader_only: bool = False
    at_once: bool = False


@dataclass(slots=True)
class _Standing:
    """State of one job."""

    alive_at: float
    trouble: Trouble
    failures: int = 0
    """In a row."""
    error: str = ""


class WallClockJump:
    """Detects that the wall clock was set: it has moved otherwise than the monotonic one."""

    def __init__(self, wall: Callable[[], float] = time.time, timer: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._timer = wall, timer
        self._apart = wall() - timer()

    def happened(self) -> bool:
        """Whether it was set since the last look."""
        apart = self._wall() - self._timer()
        jumped = abs(apart - self._apart) > JUMP_S
        self._apart = apart
        return jumped


@dataclass(slots=True)
class Jobs:
    """Runs jobs, and knows how they are doing.

    Args:
        jobs: all of them; their names differ.
        metrics: where failures and ages show.
        leads: whether this process holds the judge's lease.
        on_failure: called with an error that is no TryAgain.
        timer: monotonic seconds.
    """

    jobs: Sequence[Job]
    metrics: Metrics
    leads: Callable[[], bool]
    on_failure: Callable[[Exception], None]
    timer: Callable[[], float] = time.monotonic
    _standing: dict[str, _Standing] = field(init=False)

    def __post_init__(self) -> None:
        names = [job.name for job in self.jobs]
        if len(set(names)) < len(names):
            raise ValueError(f"two jobs have the same name: {sorted(names)}")
        self._standing = {
            name: _Standing(self.timer(), Trouble(name, longest_s=LONGEST_PAUSE_S, monotonic=self.timer))
            for name in names
        }
        for job in self.jobs:
            self.metrics.job_failures.add(0, job=job.name)
            self.metrics.job_age.follow(partial(self._age, job.name), job=job.name)

    @contextmanager
    def running(self, jump: WallClockJump | None = None) -> Iterator[None]:
        """Run them while the block runs; leaving waits for those that are at it."""
        if not self.jobs:
            yield
            return
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a step longer than its interval is no news
        scheduler: Any = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        for job in self.jobs:
            first = {"next_run_time": datetime.now(UTC)} if job.at_once else {}
            scheduler.add_job(self.run, "interval", args=[job], seconds=job.every_s, id=job.name, **first)
        scheduler.start()
        jump = jump or WallClockJump()

        def look() -> None:
            if jump.happened():
                _LOG.warning("the wall clock was set; jobs are scheduled anew")
                for job in self.jobs:
                    scheduler.reschedule_job(job.name, trigger="interval", seconds=job.every_s)
                scheduler.wakeup()

        try:
            with running([Loop("wall clock", look, JUMP_S)], self.on_failure):
                yield
        finally:
            scheduler.shutdown(wait=True)

    def run(self, job: Job) -> None:
        """One step of a job, if it is for this process and no pause after a failure lasts."""
        standing = self._standing[job.name]
        standing.alive_at = self.timer()
        if job.leader_only and not self.leads():
            standing.failures = 0
            return
        if not standing.trouble.due():
            return
        try:
            job.step()
        except TryAgain as error:
            standing.failures += 1
            standing.error = str(error)
            standing.trouble.failed(error)
            self.metrics.job_failures.add(1, job=job.name)
        except Exception as error:  # noqa: BLE001 - handed on, and raised again by whoever runs the service
            self.metrics.job_failures.add(1, job=job.name)
            self.on_failure(error)
        else:
            standing.failures = 0
            standing.trouble.over()
        standing.alive_at = self.timer()

    def alive(self, name: str) -> None:
        """A long step shows that it goes on; nothing for a name that is not running yet."""
        if name in self._standing:
            self._standing[name].alive_at = self.timer()

    def healthy(self) -> list[Check]:
        """For /healthz: is a job stuck?"""
        return [Check(job.name, partial(self._late, job)) for job in self.jobs]

    def ready(self) -> list[Check]:
        """For /readyz: does a job fail again and again?"""
        return [Check(f"job {job.name}", partial(self._failing, job)) for job in self.jobs]

    def _age(self, name: str) -> float:
        return self.timer() - self._standing[name].alive_at

    def _late(self, job: Job) -> str | None:
        age = self._age(job.name)
        return f"no heartbeat for {age:.0f} s" if age > max(STALE_S, LATE_PERIODS * job.every_s) else None

    def _failing(self, job: Job) -> str | None:
        standing = self._standing[job.name]
        if standing.failures < FAILURES:
            return None
        return f"failed {standing.failures} times in a row: {standing.error}"
