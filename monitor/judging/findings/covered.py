"""Alarms of a guardrail as a whole that other tests of it cover: an open page of one of its streams, or a release.

Most of what moves a stream moves its guardrail too, and is to be read once; and a new version that is compared with
the approved one is judged by that comparison. But a page that is open must not hide what else goes on: the alarm is
covered only where the streams that no other test watches have little part in the excess.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from monitor.counts.cuts import of_slices
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import Direction, Finding
from monitor.judging.state import PageTest
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.from_baseline import arrange
from monitor.signals.registry import SIGNALS

UNWATCHED_AT_MOST: Final = 0.1
"""Share of a covered excess that streams without a baseline may have: the rest is the open page's."""


def covered(fleet: Fleet, number: int, test: PageTest, found: Finding, tick: int) -> bool:
    """Whether the alarm in ``tick`` of a guardrail as a whole is what other tests of its streams are about.

    Args:
        number: the unit that is the guardrail as a whole.
        test: its test that has alarmed.
        found: what it has found.
    """
    guardrail = fleet.state.units[number].unit.guardrail
    own = [(n, unit) for n, unit in enumerate(fleet.state.units) if unit.unit.guardrail == guardrail and n != number]
    asked = test.signal, test.question
    paging = any(
        page.case.open is not None
        for _, unit in own
        for page in (unit.epoch.page_tests if unit.epoch is not None else ())
        if (page.signal, page.question) == asked
    )
    numbers = {n for n, _ in own}
    compared = {one.unit for one in fleet.state.releases.following.values() if one.start_tick is not None} & numbers
    if not (paging or compared):
        return False
    start = found.onset_low_ms // fleet.rule.tick_ms
    counts = fleet.counts_of(number, start, tick + 1)
    everything = fleet.slices_of(number)
    known = compared | {n for n, unit in own if unit.epoch is not None}
    watched = {slice_id for n in known for slice_id in fleet.slices_of(n)}
    strangers = {slice_id: piece for slice_id, piece in everything.items() if slice_id not in watched}
    return _excess(counts, strangers, test) <= UNWATCHED_AT_MOST * _excess(counts, everything, test)


def _excess(counts: LoadedCounts, slices: Mapping[int, Slice], test: PageTest) -> float:
    """Events of the slices beyond the limit of the guardrail as a whole, in the direction that is bad; at least 0."""
    question = SIGNALS[test.signal].questions[test.question]
    bins = arrange(of_slices(counts, slices), slices, ("",)).signal(SIGNALS[test.signal]).sum(axis=(0, 1))
    beyond = float(bins @ (np.asarray(question.values) - test.limit))
    return max(0.0, -beyond if question.direction is Direction.fall else beyond)
