"""Every present or former signal, and its columns in the count table.

To add a signal: write one file with a ``SIGNAL`` and add one line to :data:`PLACED`, with the first column that
has never been used. To change a signal's rule: raise its version, put a :class:`Retired` line in its place, and place
it anew at the end. Columns of an older rule are never used again: a database may hold counts of it indefinitely.
Counts and approvals of the other signals stay; the new one alone learns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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
from monitor.signals.signal import Signal


@dataclass(frozen=True, slots=True)
class Retired:
    """A rule that is not counted any more, by its columns: nothing else may ever be counted there."""

    name: str
    version: int
    bins: int


PLACED: Final[tuple[tuple[Signal | Retired, int], ...]] = (
    (boundary_proximity.SIGNAL, 1),
    (verdict_mix.SIGNAL, 15),
    (coverage.SIGNAL, 35),
    (request_join.SIGNAL, 41),
    (layer_bypass.SIGNAL, 45),
    (spec_gaming.SIGNAL, 49),
    (contradictions.SIGNAL, 51),
    (score_shift.SIGNAL, 54),
    *zip(input_shape.SIGNALS, (74, 87, 97, 102, 111), strict=True),
    *zip(output_shape.SIGNALS, (116, 129, 131), strict=True),
    (Retired("category_mix", 1, 25), 137),
    (repetition.SIGNAL, 162),
    (campaign.SIGNAL, 164),
    (labels.HARMFUL, 170),
    (labels.BENIGN, 172),
    (category_mix.SIGNAL, 174),
)
"""Every signal that there is or was, with its first column. The next free one is 199."""
