"""Which part of a signal shows a change best, as two shares that a person can read.

    moved(signal, before (B,), after (B,)) -> Part

What people care about comes first: where a question of the signal asks for a share that has moved nearly as far as
any, that share is shown (*judged unsafe 2 % -> 5 %*, not *allowed 98 % -> 95 %*). Else, of ordered bins, the range
that has gained or lost most; of others, the bin. What has grown is shown rather than what made room for it, and the
upper end of ordered bins where that is the worse one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.signals.signal import Question, Signal

ASKED: Final = 0.5
"""A question's share is shown if it has moved at least this part of the furthest."""
ALMOST: Final = 0.1
"""Where the upper bins are the worse, a range goes to the end if that takes off no more of its change than this."""
FALLEN: Final = 2.0
"""A falling part is shown if it lost this many times the largest gain."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Bins of a signal, taken together.

    Attributes:
        what: what they are the share of, for people.
        values: float64 (B,), 1 for the bins that belong to it.
        choices: of how many parts this one was chosen for having moved.
    """

    what: str
    values: NDArray[np.float64]
    choices: int


def moved(signal: Signal, before: NDArray[np.int64], after: NDArray[np.int64]) -> Part:
    """The part that shows the change from ``before`` to ``after``, (B,) counts by bin of the signal."""
    change = after / max(after.sum(), 1) - before / max(before.sum(), 1)
    bins = len(signal.bins)
    choices = (bins * (bins + 1) // 2 if signal.ordered else bins) + len(signal.questions)
    first, last = _range(change) if signal.ordered else _single(change)
    whole = first == 0 and last == bins - 1
    if signal.ordered and first == 0 and not whole and (signal.worse_high or change[: last + 1].sum() < 0):
        first, last = last + 1, bins - 1
    if signal.worse_high and first > 0 and change[last + 1 :].sum() >= -ALMOST * abs(change[first : last + 1].sum()):
        last = bins - 1
    values = np.zeros(bins)
    values[first : last + 1] = 1.0
    furthest = abs(float(change @ values))
    asked = [(abs(float(change @ mask)), -place, what, mask) for place, what, mask in _asked(signal)]
    best = max(asked, key=lambda one: (round(one[0], 9), one[1]), default=None)
    if best is not None and best[0] > 0 and best[0] >= ASKED * furthest:
        return Part(best[2], best[3], choices)
    return Part(signal.share_of(first, last), values, choices)


def _asked(signal: Signal) -> Iterator[tuple[int, str, NDArray[np.float64]]]:
    """The shares behind the questions of the signal, each once."""
    seen: set[tuple[float, ...]] = set()
    for place, question in enumerate(signal.questions):
        mask = tuple(float(value > 0) for value in question.values)
        if mask not in seen:
            seen.add(mask)
            yield place, _name(question), np.asarray(mask)


def _name(question: Question) -> str:
    return question.phrase if question.is_share else question.near


def _single(change: NDArray[np.float64]) -> tuple[int, int]:
    gained, lost = int(change.argmax()), int(change.argmin())
    at = lost if -change[lost] > FALLEN * change[gained] else gained
    return at, at


def _range(change: NDArray[np.float64]) -> tuple[int, int]:
    """(first, last) bin of the range that gained most; or lost most, where that is far more, or the shorter half."""
    gained, up = _largest(change)
    lost, down = _largest(-change)
    sizes = [last - first + 1 for first, last in (gained, lost)]
    shorter_half = sum(sizes) == len(change) and 2 * sizes[1] <= sizes[0]
    return lost if down > FALLEN * up or shorter_half else gained


def _largest(change: NDArray[np.float64]) -> tuple[tuple[int, int], float]:
    """The range of bins with the largest sum, the shortest of equal ones (Kadane's algorithm)."""
    best, best_sum, start, so_far = (0, 0), -np.inf, 0, 0.0
    for place, one in enumerate(np.round(change, 9).tolist()):
        if so_far <= 0:
            start, so_far = place, 0.0
        so_far += one
        if so_far > best_sum + 1e-12:
            best, best_sum = (start, place), so_far
    return best, float(best_sum)
