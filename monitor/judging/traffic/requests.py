"""Requests out of events: several guardrails judge one request, and it must count once.

The requests of an app are those that *one* stream (guardrail, category, stage; whatever version) has judged: the one
with most events of that app while the mix was learned. Not the sum over guardrails, nor the largest of them tick by
tick: the first counts a request as often as it is judged, the second depends on how full a tick is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.counts.model import LoadedCounts, Slice
from monitor.counts.units import asker_of
from monitor.judging.watching.battery import NONE

MOST_APPS: Final = 256

Ints = NDArray[np.int64]


class Requests:
    """Kinds of requests by slice id. Codes are this process's own: no stored memory depends on them."""

    def __init__(self) -> None:
        self.askers: list[str] = []
        self.pairs: list[tuple[str, str]] = []
        """(app, stream)."""
        self._asker_code: dict[str, int] = {}
        self._pair_code: dict[tuple[str, str], int] = {}
        self._asker_of = np.full(64, NONE, np.int64)
        self._pair_of = np.full(64, NONE, np.int64)

    def learn_slices(self, slices: Mapping[int, Slice]) -> None:
        """Make slices known that the counts refer to."""
        size = max(slices, default=0) + 1
        if size > len(self._asker_of):
            grown = max(size, 2 * len(self._asker_of))
            self._asker_of = np.r_[self._asker_of, np.full(grown - len(self._asker_of), NONE, np.int64)]
            self._pair_of = np.r_[self._pair_of, np.full(grown - len(self._pair_of), NONE, np.int64)]
        for number, piece in slices.items():
            asker, pair = asker_of(piece), (piece.app, stream_of(piece))
            if asker not in self._asker_code:
                self._asker_code[asker] = len(self.askers)
                self.askers.append(asker)
            if pair not in self._pair_code:
                self._pair_code[pair] = len(self.pairs)
                self.pairs.append(pair)
            self._asker_of[number], self._pair_of[number] = self._asker_code[asker], self._pair_code[pair]

    def pairs_of(self, slice_ids: Ints) -> Ints:
        """int64 (n,) codes into :attr:`pairs`."""
        return self._pair_of[slice_ids]

    def askers_of(self, slice_ids: Ints) -> Ints:
        """int64 (n,) codes into :attr:`askers`."""
        return self._asker_of[slice_ids]

    def counted(self, events: LoadedCounts, references: Mapping[str, str]) -> LoadedCounts:
        """The events that stand for requests; ``cell`` holds the slice's id, before and after."""
        chosen = np.array([references.get(app) == stream for app, stream in self.pairs], np.bool_)
        if not len(events.cell):
            return events
        use = chosen[self.pairs_of(events.cell)]
        return events.where(use)

    def busiest(self, events: LoadedCounts) -> dict[str, dict[str, int]]:
        """Events by app and stream."""
        sums = np.zeros(len(self.pairs), np.int64)
        np.add.at(sums, self.pairs_of(events.cell), events.count)
        out: dict[str, dict[str, int]] = {}
        for code in np.flatnonzero(sums).tolist():
            app, stream = self.pairs[code]
            out.setdefault(app, {})[stream] = int(sums[code])
        return out


def stream_of(piece: Slice) -> str:
    """Guardrail, category and stage as one text: lasts over versions and thresholds."""
    return "\x1f".join((piece.guardrail, piece.category, piece.stage))


def elected(votes: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    """App -> the stream with most events; ties go to the name that comes first."""
    return {
        app: min(streams, key=lambda stream: (-streams[stream], stream))
        for app, streams in sorted(votes.items(), key=lambda item: (-max(item[1].values()), item[0]))[:MOST_APPS]
    }
