"""The tests of one signal in a new epoch: its any-change test and its pages, or why there are none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.counts.model import Slice
from monitor.judging.state import Epoch
from monitor.judging.watching.any_change import Notices
from monitor.judging.watching.from_baseline import NotTested, Window
from monitor.judging.watching.pages import Pages
from monitor.signals.registry import SIGNALS


def add_tests(
    pages: Pages,
    notices: Notices,
    unit: Slice,
    epoch: Epoch,
    window: Window,
    signal: int,
    tick: int,
    *,
    before: Epoch | None = None,
) -> None:
    """Put them into the epoch.

    Args:
        pages, notices: make the tests.
        unit: whose they are.
        epoch: the new one.
        window: its baseline.
        signal: which signal.
        tick: from which on they are fed.
        before: the epoch that the new one refines; what was found in it is known still.
    """
    name = SIGNALS[signal].name
    try:
        test = notices.start(unit, window, signal, tick)
    except NotTested as error:
        epoch.unavailable[name] = str(error)
    else:
        earlier = () if before is None else before.any_change_tests
        test.finding = next((one.finding for one in earlier if one.signal == signal), None)
        epoch.any_change_tests.append(test)
    for question, asked in enumerate(SIGNALS[signal].questions):
        try:
            page = pages.start(window, signal, question, tick)
        except NotTested as error:
            epoch.unavailable[f"{name}/{asked.name}"] = str(error)
            continue
        old = None if before is None else before.page_test(signal, question)
        if old is not None:
            page.case = old.case
        epoch.page_tests.append(page)


def kept(table: NDArray[np.int64]) -> list[list[int]]:
    """A signal's baseline by stratum and bin; nothing where there is nothing, as of most signals of most streams."""
    sums: NDArray[np.int64] = table.sum(axis=0)
    return sums.tolist() if sums.any() else []
