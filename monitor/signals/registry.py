"""The registry of signals: a signal is a rule from an event to a bin, and the questions asked of the counts.

To add a signal: write one file with a ``SIGNAL`` and add one line to :data:`SIGNALS`. Every bin of every signal gets
a column of the count table; a cell of a tick's counts is ``slice id * COLUMNS + column``. Column 0 counts the events
themselves, whatever they carry: volume, silence and strata shares come from it.

New signals go to the end, so that no column changes its meaning. The layout is another one all the same: counts and
baselines of the one before are not read any more, and every stream learns anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import MISSING, EventBatch
from monitor.signals import (
    boundary_proximity,
    campaign,
    category_mix,
    contradictions,
    coverage,
    input_shape,
    labels,
    layer_bypass,
    output_shape,
    repetition,
    request_join,
    score_shift,
    spec_gaming,
    verdict_mix,
)
from monitor.signals.recall import Recall
from monitor.signals.signal import ALL, Bet, Question, Signal

SIGNALS: Final[tuple[Signal, ...]] = (
    boundary_proximity.SIGNAL,
    verdict_mix.SIGNAL,
    coverage.SIGNAL,
    request_join.SIGNAL,
    layer_bypass.SIGNAL,
    spec_gaming.SIGNAL,
    contradictions.SIGNAL,
    score_shift.SIGNAL,
    *input_shape.SIGNALS,
    *output_shape.SIGNALS,
    category_mix.SIGNAL,
    repetition.SIGNAL,
    campaign.SIGNAL,
    labels.HARMFUL,
    labels.BENIGN,
)

EVENTS_COLUMN: Final = 0
"""Counts every event of the slice."""

OFFSETS: Final[dict[str, int]] = {}
"""First column of each signal."""

_next = EVENTS_COLUMN + 1
for _signal in SIGNALS:
    OFFSETS[_signal.name] = _next
    _next += len(_signal.bins)

USED_COLUMNS: Final[int] = _next
COLUMNS: Final = 256
"""Columns reserved per slice: room to add signals without renumbering the cells stored before."""

if USED_COLUMNS > COLUMNS:
    raise ValueError(f"signals need {USED_COLUMNS} columns, the layout has {COLUMNS}")

OBSERVATIONS: Final[NDArray[np.bool_]] = np.zeros(COLUMNS, np.bool_)
"""Columns by which a unit's observations are numbered: its events or, where a pooled signal is all that it holds, the
events that this applies to."""
OBSERVATIONS[EVENTS_COLUMN] = True
for _signal in SIGNALS:
    if _signal.pooled:
        OBSERVATIONS[OFFSETS[_signal.name] : OFFSETS[_signal.name] + len(_signal.bins)] = True
OBSERVATIONS.setflags(write=False)

LAYOUT: Final = hashlib.sha256(
    ";".join(f"{s.name}/{s.version}:{OFFSETS[s.name]}:{','.join(s.bins)}" for s in SIGNALS).encode()
).hexdigest()[:16]
"""Fingerprint of the columns: counts of another layout are not mixed with these."""


def columns_of(batch: EventBatch, recall: Recall, off: Collection[str] = ()) -> NDArray[np.int32]:
    """The column to count each event in, a row per signal that applies to any; -1 where it does not to the event.

    Args:
        batch, recall: the events, and what their partition remembers.
        off: names of signals that are not counted.

    Returns:
        int32 (at most as many as there are signals, n), in their order.
    """
    return _columns([s for s in SIGNALS if not s.pooled and s.name not in off], batch, recall)


def pooled_columns_of(batch: EventBatch, recall: Recall, off: Collection[str] = ()) -> NDArray[np.int32]:
    """The same of the signals that are counted over all categories of a guardrail."""
    return _columns([s for s in SIGNALS if s.pooled and s.name not in off], batch, recall)


def _columns(signals: Sequence[Signal], batch: EventBatch, recall: Recall) -> NDArray[np.int32]:
    columns = np.empty((len(signals), len(batch)), np.int32)
    label = batch.harmful != MISSING
    labelled = bool(label.any())
    used = 0
    for signal in signals:
        if signal.of_labels and not labelled:
            continue
        codes = signal.code(batch, recall) if signal.recalls else signal.code(batch)
        if labelled and not signal.of_labels:
            codes = np.where(label, np.int16(-1), codes)
        if codes.max(initial=-1) >= 0:
            columns[used] = np.where(codes >= 0, codes + OFFSETS[signal.name], -1)
            used += 1
    return columns[:used]


__all__ = [
    "ALL",
    "COLUMNS",
    "EVENTS_COLUMN",
    "LAYOUT",
    "OBSERVATIONS",
    "OFFSETS",
    "SIGNALS",
    "USED_COLUMNS",
    "Bet",
    "Question",
    "Signal",
    "columns_of",
    "pooled_columns_of",
]
