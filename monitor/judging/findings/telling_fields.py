"""At a page: which fields best separate the events since the onset from those before it.

Events are not kept, only their counts, so each field is tested by itself (``detectors.marginals``): the bins of every
signal that is counted, and the parts of the stratum (language, app, model, its version, format). That needs no
reservoir of events, so none is stored; a difference that only several fields together show is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.marginals import rank_fields
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Discriminator
from monitor.judging.watching.from_baseline import arrange
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, SIGNALS

NEAR_TICKS: Final = 360
"""Most ticks of each side, the nearest to the onset and to the alarm: an hour of 10 s ticks."""
PARTS: Final = ("language", "app", "model", "model_version", "format")
VALUES: Final = 32
"""Most frequent values of one part that are kept apart; the rest counts as one."""
TOP: Final = 5
"""Fields named in a finding."""

Table = NDArray[np.int64]


def discriminators_of(
    read: Callable[[int, int], LoadedCounts], slices: Mapping[int, Slice], *, since: int, onset: int, tick: int
) -> tuple[Discriminator, ...]:
    """The fields that separate before from since, best first.

    Args:
        read: counts of the unit's slices in ticks [from, to).
        slices: those slices.
        since: first tick of the stream that may be called normal.
        onset: first tick of the change.
        tick: that of the alarm.
    """
    first = max(since, onset - NEAR_TICKS)
    if first >= onset:
        return ()
    before = read(first, onset)
    after = read(max(onset, tick + 1 - NEAR_TICKS), tick + 1)
    found = rank_fields(dict(_fields(before, after, slices)))
    return tuple(
        Discriminator(field=name, auc=one.auc, standard_error=one.standard_error)
        for name, one in list(found.items())[:TOP]
    )


def _fields(
    before: LoadedCounts, after: LoadedCounts, slices: Mapping[int, Slice]
) -> Iterator[tuple[str, tuple[Table, Table]]]:
    sides = [arrange(side, slices, ("",)) for side in (before, after)]
    for signal in SIGNALS:
        old, new = (side.signal(signal)[:, 0] for side in sides)
        yield signal.name, (old, new)
    for part in PARTS:
        of = {i: str(getattr(piece, part)) for i, piece in slices.items()}
        if len(set(of.values())) > 1:
            values = _frequent((before, after), of)
            yield part, (_by_value(before, of, values), _by_value(after, of, values))


def _frequent(sides: tuple[LoadedCounts, LoadedCounts], of: Mapping[int, str]) -> dict[str, int]:
    """The most frequent values and their places."""
    sums: dict[str, int] = {}
    for side in sides:
        use = side.cell % COLUMNS == EVENTS_COLUMN
        for i, n in zip((side.cell[use] // COLUMNS).tolist(), side.count[use].tolist(), strict=True):
            sums[of[i]] = sums.get(of[i], 0) + n
    names = sorted(sums, key=lambda name: (-sums[name], name))[:VALUES]
    return {name: place for place, name in enumerate(names)}


def _by_value(side: LoadedCounts, of: Mapping[int, str], values: Mapping[str, int]) -> Table:
    use = side.cell % COLUMNS == EVENTS_COLUMN
    ticks, row = np.unique(side.tick[use], return_inverse=True)
    place = np.array([values.get(of[i], len(values)) for i in (side.cell[use] // COLUMNS).tolist()], np.int64)
    table = np.zeros((len(ticks), len(values) + 1), np.int64)
    np.add.at(table, (row, place), side.count[use])
    return table
