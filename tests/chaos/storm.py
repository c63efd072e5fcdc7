"""Kills at random points of a run, drawn from a seed and bound to its progress, not to time."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.deployment import LOOK_SECONDS, Deployment

FIRST, LAST = 0.02, 0.92
"""Shares of the log between which kills land: some of it is left behind the last one."""
EXPECTED_ENDS = (75, -signal.SIGKILL)
"""Exit code of a role that was started while the database was down, and of one that a test killed: started again."""


@dataclass
class Storm:
    """A plan, and what happened.

    Attributes:
        plan: (share of the log, victim): `worker`, `judge`, or a name in `servers`.
        servers: name -> kill and restart it.
    """

    seed: int
    kills: int
    servers: dict[str, Callable[[], None]]
    plan: list[tuple[float, str]] = field(init=False)
    landed: list[tuple[int, str]] = field(default_factory=list)
    restarts: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        victims = [self._random.choice(("worker", "worker", "judge")) for _ in range(self.kills)]
        victims += list(self.servers)
        self._random.shuffle(victims)
        self.plan = sorted((self._random.uniform(FIRST, LAST), victim) for victim in victims)

    def rage(self, deployment: Deployment, *, seconds: float) -> None:
        """Kill as planned, starting again what is dead, until the deployment is done.

        Raises:
            AssertionError: it was not done in time, or the log ended before the last kill.
        """
        waiting = list(self.plan)

        def step() -> bool:
            self._supervise(deployment)
            counted = deployment.counted()
            while waiting and counted >= waiting[0][0] * deployment.records:
                assert counted < deployment.records, f"the log ended before {len(waiting)} kills; seed {self.seed}"
                _, victim = waiting.pop(0)
                name = self._strike(deployment, victim)
                self.landed.append((counted, name))
                counted = deployment.counted()
            return not waiting and deployment.done()

        deployment.wait_until(step, seconds=seconds, what=f"done in the storm of seed {self.seed}: {self.landed}")

    def _strike(self, deployment: Deployment, victim: str) -> str:
        if victim in self.servers:
            self.servers[victim]()
            return victim
        names = self._candidates(deployment, victim)
        name = self._random.choice(names)
        deployment.processes[name].kill()
        deployment.processes[name].start()
        return name

    def _candidates(self, deployment: Deployment, victim: str) -> list[str]:
        """Those that are at work, three times in four; else any of the role."""
        role = "count" if victim == "worker" else "judge"
        every = [name for name, process in deployment.processes.items() if process.role == role]
        working = deployment.owners() if role == "count" else [deployment.leader()]
        at_work = [name for name in every if name in working]
        return at_work if at_work and self._random.random() < 0.75 else every

    def _supervise(self, deployment: Deployment) -> None:
        for process in deployment.processes.values():
            code = process.returncode
            if code is not None:
                assert code in EXPECTED_ENDS, f"{process.name} ended with {code} by itself:\n{process.tail()}"
                self.restarts += 1
                time.sleep(LOOK_SECONDS)
                process.start()
