"""campaign: how large is the cluster of near-duplicates that a prompt belongs to?

Where ``repetition`` sees many repeats of anything, this sees many of one thing, down to a share of a thousandth. The
bins say how often the prompt's near-duplicates came among those that the partition remembers. The judge's rule
(``judging/followers/campaigns.py``) names clusters that have just become large. There is no any-change test: while
the memory fills, and after an attack for as long as it remembers, sizes are not exchangeable with those before.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch
from monitor.signals.recall import UNKNOWN, Recall
from monitor.signals.signal import Signal

YOUNG: Final = 6
"""Earlier near-duplicates that make a cluster a campaign: with this one, 7 among the 8,192 remembered at most, a
share just below a thousandth. Natural favourites are recognised by their presence in the baseline."""
OLD: Final = 15
"""The size from which a cluster is known; only clusters between the two are stored by name."""
BINS: Final = ("none", "1", "2 to 3", "4 to 5", "6 to 14", "15 or more")
YOUNG_BIN: Final = BINS.index("6 to 14")
_EDGES: Final = np.array([1, 2, 4, YOUNG, OLD])


def code(batch: EventBatch, recall: Recall) -> NDArray[np.int16]:
    """Size of the cluster; -1 where the event has no prompt."""
    codes = np.searchsorted(_EDGES, recall.hits, side="right")
    return np.where(recall.hits == UNKNOWN, -1, codes).astype(np.int16)


SIGNAL: Final = Signal(
    name="campaign",
    version=1,
    bins=BINS,
    code=code,
    recalls=True,
    questions=(),
    alternatives=(),
    share_of=lambda first, last: f"share of prompts with {BINS[first]} near-duplicates before them",
    unavailable="counted only: a separate threshold rule reports it",
)
