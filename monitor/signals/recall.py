"""A partition's memory about each event of a batch: columns beside the event's own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

UNKNOWN: Final = -1
"""Nothing was found within the window."""


class Layer(IntEnum):
    """The input guardrails' verdict on the event's request."""

    passed = 0
    """All that logged an event ran, and allowed it."""
    gap = 1
    """None stopped it, but at least one did not run (failed, skipped, bypassed)."""
    stopped = 2
    """At least one flagged, denied or modified it."""


class Surface(IntEnum):
    """The shape of an output."""

    answer = 0
    refusal = 1


@dataclass(frozen=True, slots=True, eq=False)
class Recall:
    """Columns of length n; they follow from the log before each event, and from nothing else.

    Attributes:
        layer: int8 code of :class:`Layer`; :data:`UNKNOWN` where no input event of the request was found.
        surface: int8 code of :class:`Surface`, from the event itself or from an earlier output event of its request;
            :data:`UNKNOWN` where neither does.
        harm: int8, 1 if the output was judged unsafe, 0 if not: by the event itself or, where the event says what the
            output looks like, by an earlier one that did not; :data:`UNKNOWN` where neither has a verdict.
        near: int8, whether one of the last prompts is a near-duplicate of this one (1) or none (0); :data:`UNKNOWN`
            for all but the first event of a request that carries a prompt's fingerprint, and while the partition
            remembers too few prompts.
        hits: int16, how many of the prompts that the partition remembers are near-duplicates; :data:`UNKNOWN`
            where ``near`` is.
        cluster: uint64, fingerprint of the oldest of those: a name for them all.
        senders: int16, from how many sessions they came, this one among them.
        since: int64, event time (epoch milliseconds) of the seventh newest of them, this one counted: the last seven
            came between then and now. Its own time where they are fewer.
    """

    layer: NDArray[np.int8]
    surface: NDArray[np.int8]
    harm: NDArray[np.int8]
    near: NDArray[np.int8]
    hits: NDArray[np.int16]
    cluster: NDArray[np.uint64]
    senders: NDArray[np.int16]
    since: NDArray[np.int64]
