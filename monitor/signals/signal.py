"""A signal: its bins, the questions that may page, and the alternatives of its any-change test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.findings.model import Direction, Promise

ALL: Final = "(all)"
"""Category of the slices that hold a guardrail's pooled signals and count no events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A material question: has the mean of ``values`` over the signal's events left the approved level?

    Attributes:
        name: unique inside the signal; part of a finding's identity.
        values: the value in [0, 1] of each bin.
        direction: which way is bad.
        phrase: what the mean is, for people; a share where the values are 0 and 1: "share of requests judged unsafe".
        near: where the values are weights, the share of the events with a weight above 0, for people.
        promise: what backs the promise; ``rule`` where events come in bursts that may outgrow the margin.
    """

    name: str
    values: tuple[float, ...]
    direction: Direction
    phrase: str
    near: str = ""
    promise: Promise = Promise.proved

    @property
    def is_share(self) -> bool:
        """Whether the mean is a share of the events."""
        return all(value in (0.0, 1.0) for value in self.values)


class Alternative(StrEnum):
    """What an any-change test looks for; a signal's alternatives share its evidence evenly, except as
    ``judging/watching/alternatives.py`` states.

    Each alternative more costs the others little: halving a weight costs log 2 of evidence.
    """

    boundary = "boundary"
    """The mean of the first question's values grows; left out where a signal has no question."""
    crowding = "crowding"
    """New mass where the first question's values are large; left out where a signal has no question."""
    sparse = "sparse"
    """Any single bin grows."""
    bumps = "bumps"
    """Any narrow bin grows together with two on each side: scores, whose peaks end at no edge."""
    bands = "bands"
    """Any wide bin grows together with the one on each side: bands of lengths."""
    dense = "dense"
    """Every bin may move a little. Dear in memory: see the sizing table in monitor/judging/README.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A rule that maps an event to one of K bins, and the questions that the counts answer.

    Attributes:
        name: as in the settings, findings and metrics.
        version: raise it when the rule changes: a new epoch begins.
        bins: the K bin names, in code order.
        code: event columns -> int16 (n,) bin codes in [0, K), -1 where the signal does not apply to the event. With
            ``recalls`` it is called with the events and with what their partition remembers (``Recall``).
        questions: what may page.
        unavailable: why the signal may never apply to a stream, for people.
        share_of: (first bin, last bin) -> what these bins are the share of, for people: "share of prompts of 16 to 63
            characters". First and last differ only where the bins are ``ordered``.
        ordered: whether neighbouring bins are alike, so that a change is best named by a range of them.
        of_requests: whether it is a fact about the prompt or the answer itself, which every guardrail that judges it
            logs alike; such a signal asks no question.
        worse_high: of ordered bins, whether people look for the upper ones: a fall of the lower is a rise of these.
        alternatives: what the any-change test looks for; at least one other than ``dense``. Without any,
            and without questions, the signal is counted only.
        recalls: whether ``code`` needs the partition's memory.
        of_labels: whether it counts labels; every other signal counts events, and never a label.
        misses: bins of ``request_join`` in which the signal learns nothing of an output. Where they are more than
            ``epoch.MISSES_AT_MOST`` of the outputs the signal is unavailable: in the baseline, and later for as
            long as it lasts (``judging/followers/lost_joins.py``).
        pooled: whether it is counted over all categories of a guardrail, in slices of category :data:`ALL`, instead
            of in the event's own.
    """

    name: str
    version: int
    bins: tuple[str, ...]
    code: Callable[..., NDArray[np.int16]]
    questions: tuple[Question, ...]
    unavailable: str
    share_of: Callable[[int, int], str]
    ordered: bool = False
    worse_high: bool = False
    of_requests: bool = False
    alternatives: tuple[Alternative, ...] = (Alternative.boundary, Alternative.sparse)
    recalls: bool = False
    of_labels: bool = False
    misses: tuple[str, ...] = ()
    pooled: bool = False
