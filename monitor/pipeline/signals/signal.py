"""What a signal is: bins, and the questions that may page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch
from monitor.incidents.model import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A material question: has the mean of ``values`` over the signal's events left the approved level?

    Attributes:
        name: unique inside the signal; part of a finding's identity.
        values: the value in [0, 1] of each bin.
        direction: which way is bad.
        phrase: how a person says it, continued by "is 14 x its baseline".
    """

    name: str
    values: tuple[float, ...]
    direction: Direction
    phrase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A rule that maps an event to one of K bins, and what is asked of the counts.

    Attributes:
        name: as in the settings, findings and metrics.
        version: raise it when the rule changes: a new epoch begins.
        bins: the K bin names, in code order.
        code: event columns -> int16 (n,) bin codes in [0, K), -1 where the signal does not apply to the event.
        questions: what may page.
        unavailable: why the signal may never apply to a stream, for people.
    """

    name: str
    version: int
    bins: tuple[str, ...]
    code: Callable[[EventBatch], NDArray[np.int16]]
    questions: tuple[Question, ...]
    unavailable: str
