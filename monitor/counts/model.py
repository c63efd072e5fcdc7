"""The nouns of counting and judging: slices, and counts per slice and column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """The key of counts: one epoch of one stream, in one stratum. Strings are empty where missing.

    The first seven fields are the *unit* (a stream in an epoch): a change of version, threshold or score semantics
    opens a new one. The last five are the *stratum*.
    """

    guardrail: str
    guardrail_version: str
    category: str
    stage: str
    score_kind: str
    semantics: str
    threshold_milli: int
    """Threshold in thousandths, rounded; -1 where there is none."""
    language: str
    app: str
    model: str
    model_version: str
    format: str

    @classmethod
    def of_guardrail(cls, name: str) -> Slice:
        """The guardrail as a whole: every other field is empty."""
        return cls(name, "", "", "", "", "", -1, "", "", "", "", "")


@dataclass(frozen=True, slots=True, eq=False)
class TickCounts:
    """Counts of one tick in one commit. ``cell = slice id * COLUMNS + column`` (see monitor.signals.registry)."""

    tick: int
    cells: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Near-duplicate prompts of one partition that have become many, as seen in one tick."""

    tick: int
    name: str
    """Fingerprint of the oldest one, 16 hexadecimal digits; fingerprints are keyed hashes."""
    slice_id: int
    """The slice that counted the prompt whose cluster was largest."""
    hits: int
    """Prompts of the cluster in memory, that one among them."""
    senders: int
    """Sessions that they came from; 0 if none is known."""
    since_ms: int = 0
    """Event time of the seventh newest of them; 0 in records of versions that did not keep it."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedCounts:
    """Sums over partitions and commits, sorted by (tick, cell); one entry per (tick, cell)."""

    tick: NDArray[np.int64]
    cell: NDArray[np.int64]
    count: NDArray[np.int64]

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> LoadedCounts:
        """The entries that a mask, rising indices or a range choose."""
        return LoadedCounts(self.tick[chosen], self.cell[chosen], self.count[chosen])
