"""verdict_mix: the guardrail's own decision x the enforced action.

Catches over- and under-blocking, policy changes, attack waves, and verdicts that are no longer enforced.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import Action, EventBatch, Verdict
from monitor.findings.model import Direction
from monitor.signals.signal import Alternative, Question, Signal

_ACTIONS: Final = len(Action) + 1
"""The enforced actions, and one for an event without one."""

BINS: Final = tuple(
    f"{verdict.name}/{action}" for verdict in Verdict for action in (*(a.name for a in Action), "unknown")
)


def code(batch: EventBatch) -> NDArray[np.int16]:
    """Verdict x action; -1 for an event without a verdict (a guardrail that did not run)."""
    action = np.where(batch.action < 0, len(Action), batch.action).astype(np.int16)
    codes = batch.verdict.astype(np.int16) * _ACTIONS + action
    return np.where(batch.verdict < 0, np.int16(-1), codes).astype(np.int16)


def _values(*, verdicts: set[Verdict], actions: set[Action] | None) -> tuple[float, ...]:
    return tuple(
        float(verdict in verdicts and (actions is None or action in actions))
        for verdict in Verdict
        for action in (*Action, None)
    )


_NAMED: Final = tuple(
    (f"verdict {verdict.name}", f"action {action.name}" if action is not None else "no action logged")
    for verdict in Verdict
    for action in (*Action, None)
)

_ADVERSE = {Verdict.flag, Verdict.deny, Verdict.modify}

SIGNAL: Final = Signal(
    name="verdict_mix",
    version=1,
    bins=BINS,
    code=code,
    questions=(
        Question(
            name="adverse_rise",
            values=_values(verdicts=_ADVERSE, actions=None),
            direction=Direction.rise,
            phrase="share of requests judged unsafe",
        ),
        Question(
            name="adverse_fall",
            values=_values(verdicts=_ADVERSE, actions=None),
            direction=Direction.fall,
            phrase="share of requests judged unsafe",
        ),
        Question(
            name="denied_but_allowed",
            values=_values(verdicts={Verdict.deny}, actions={Action.allow}),
            direction=Direction.rise,
            phrase="share of requests judged unsafe and let through all the same",
        ),
    ),
    share_of=lambda first, last: "share of requests with {} and {}".format(*_NAMED[first]),
    unavailable="the guardrail's events carry no verdict",
    alternatives=(Alternative.boundary, Alternative.sparse, Alternative.dense),
)
