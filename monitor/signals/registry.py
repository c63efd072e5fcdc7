"""The registry of signals, worked out from where they are placed: their columns, and the columns of a batch's events.

Every bin of every signal gets a column of the count table; a cell of a tick's counts is ``slice id * COLUMNS +
column``. Column 0 counts the events themselves, whatever they carry: volume, silence and strata shares come from it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import MISSING, EventBatch
from monitor.signals.layout import Columns, Layout, checked
from monitor.signals.placed import PLACED, Retired
from monitor.signals.recall import Recall
from monitor.signals.signal import ALL, Alternative, Question, Signal

SIGNALS: Final[tuple[Signal, ...]] = tuple(one for one, _ in PLACED if isinstance(one, Signal))

EVENTS_COLUMN: Final = 0
"""Counts every event of the slice."""

COLUMNS: Final = 256
"""Columns per slice: room to add signals."""

ASSIGNED: Final[tuple[Columns, ...]] = checked(
    (
        Columns(one.name, one.version, first, len(one.bins) if isinstance(one, Signal) else one.bins)
        for one, first in PLACED
    ),
    COLUMNS,
)
"""The owner of each column, retired rules included."""

OFFSETS: Final[dict[str, int]] = {one.name: first for one, first in PLACED if isinstance(one, Signal)}
"""First column of each signal."""

if len(OFFSETS) < len(SIGNALS):
    raise ValueError("two signals have one name; retire the older version")

LAYOUT: Final = Layout(
    tuple(Columns(signal.name, signal.version, OFFSETS[signal.name], len(signal.bins)) for signal in SIGNALS), COLUMNS
)
"""The columns that this version of Driftline counts, and reads of other versions' counts."""

USED_COLUMNS: Final[int] = max(one.end for one in LAYOUT.columns)
"""Columns above are empty."""

OBSERVATIONS: Final[NDArray[np.bool_]] = np.zeros(COLUMNS, np.bool_)
"""Columns by which a unit's observations are numbered: its events or, where a pooled signal is all that it holds, the
events that this applies to."""
OBSERVATIONS[EVENTS_COLUMN] = True
for _signal in SIGNALS:
    if _signal.pooled:
        OBSERVATIONS[OFFSETS[_signal.name] : OFFSETS[_signal.name] + len(_signal.bins)] = True
OBSERVATIONS.setflags(write=False)


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
    "ASSIGNED",
    "COLUMNS",
    "EVENTS_COLUMN",
    "LAYOUT",
    "OBSERVATIONS",
    "OFFSETS",
    "PLACED",
    "SIGNALS",
    "USED_COLUMNS",
    "Alternative",
    "Question",
    "Retired",
    "Signal",
    "columns_of",
    "pooled_columns_of",
]
