"""Large clusters of near-duplicate prompts on their way to the judge: a few rows per tick, independent of batches.

Counts add up, names do not. What is kept of a tick is therefore chosen so that keeping it of parts and then of the
parts together comes to the same: per name the largest sighting (of equal ones the first), and of the names the
:data:`NAMES` smallest. Names are keyed hashes, so which are smallest is up to chance; a campaign that is crowded out
of one tick is there in the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.counts.model import Cluster
from monitor.signals.campaign import OLD, YOUNG
from monitor.signals.recall import Recall

NAMES: Final = 16
"""Names per partition and tick: bounds what a flood of clusters can make us store."""


def sightings(
    recall: Recall, ticks: NDArray[np.int64], slices: NDArray[np.int32], use: NDArray[np.bool_]
) -> list[Cluster]:
    """Clusters that have become large in these events; ``slice_id`` is whatever ``slices`` holds."""
    rows = np.flatnonzero(use & (recall.hits >= YOUNG) & (recall.hits < OLD))
    if not len(rows):
        return []
    name, tick = recall.cluster[rows], ticks[rows]
    order = np.lexsort((rows, -recall.senders[rows], -recall.hits[rows], name, tick))
    rows, name, tick = rows[order], name[order], tick[order]
    rows = rows[np.r_[True, (np.diff(tick) != 0) | (name[1:] != name[:-1])]]
    in_tick = np.arange(len(rows)) - np.searchsorted(ticks[rows], ticks[rows])
    return [
        Cluster(
            tick=int(ticks[i]),
            name=f"{int(recall.cluster[i]):016x}",
            slice_id=int(slices[i]),
            hits=int(recall.hits[i]) + 1,
            senders=int(recall.senders[i]),
            since_ms=int(recall.since[i]),
        )
        for i in rows[in_tick < NAMES].tolist()
    ]


def few(clusters: Iterable[Cluster]) -> list[Cluster]:
    """The sightings of one partition that are kept, given in the order of the log; by tick and name."""
    largest: dict[tuple[int, str], Cluster] = {}
    for seen in clusters:
        key = (seen.tick, seen.name)
        known = largest.get(key)
        if known is None or (seen.hits, seen.senders) > (known.hits, known.senders):
            largest[key] = seen
    kept: list[Cluster] = []
    for key in sorted(largest):
        if len(kept) < NAMES or kept[-NAMES].tick != key[0]:
            kept.append(largest[key])
    return kept
