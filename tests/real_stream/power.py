"""What a stretch was too short or too slight to show: the least shift that a question could have paged in it.

With p the mean of a question during the shift, a test gains at least `max_k E_p[log e_k]` a judged event over its
alternatives k, and pages when it has earned back the logarithm of what a tick spends, the prior weight of the
alternative and that of the component. The least p with which n events earn so much is the minimum detectable shift:
about even odds, and rather too large than too small, since what was gathered before the shift is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.alternatives import material
from monitor.findings.model import Direction
from monitor.judging.assess import Assessor
from monitor.judging.state import PageTest
from monitor.signals.registry import SIGNALS


@dataclass(frozen=True)
class Power:
    """What a question of a guardrail could have shown.

    Attributes:
        name: signal and question.
        events: judged in the stretch.
        baseline: its mean before.
        limit: what is approved.
        least: the least mean that n events show; None where none does.
        happened: its mean in the stretch.
    """

    name: str
    events: int
    baseline: float
    limit: float
    least: float | None
    happened: float

    @property
    def enough(self) -> bool:
        """Whether the stretch had the power to show what happened."""
        return self.least is not None and self.happened >= self.least


def power(assessor: Assessor, *, guardrail: str, question: str, events: int, happened: float) -> Power | None:
    """The power of a question that asks for a rise of a share; None where it is not tested."""
    for _, watch in assessor.fleet.tests.values():
        if not isinstance(watch, PageTest):
            continue
        signal = SIGNALS[watch.signal]
        asked = signal.questions[watch.question]
        unit = next(u for u in assessor.fleet.state.units if u.epoch and watch in u.epoch.page_tests).unit
        if (unit.guardrail, f"{signal.name}/{asked.name}") != (guardrail, question):
            continue
        if asked.direction is not Direction.rise:
            raise ValueError(f"power is worked out for rises; {question} asks for a {asked.direction.value}")
        cost = log(2.0) - log(assessor.fleet.panel.evidence.spend_of(watch.test))
        least = _least(np.array([0.0, 1.0]), limit=watch.limit, way="rise", events=events, cost=cost)
        return Power(question, events, watch.rate, watch.limit, least, happened)
    return None


def _least(
    values: NDArray[np.float64], *, limit: float, way: Literal["rise", "fall"], events: int, cost: float
) -> float | None:
    bank = material(values, level=limit, direction=way)
    for p in np.arange(limit, 1.0, 0.0005):
        gain = events * np.array([1 - p, p]) @ bank.log_e + bank.log_prior
        if float(np.max(gain)) >= cost:
            return float(p)
    return None
