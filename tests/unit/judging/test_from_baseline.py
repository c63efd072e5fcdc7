"""From the counts of a baseline to strata, levels and references."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from monitor.counts.model import LoadedCounts, Slice
from monitor.counts.units import REST
from monitor.judging.watching.from_baseline import (
    NotTested,
    Window,
    agrees_with_itself,
    material_test,
    notice_test,
    place_of,
    window_of,
)
from monitor.signals.registry import COLUMNS, SIGNALS
from tests.unit.judging.ticks import BASE, RULE, like, verdicts

VERDICTS = next(i for i, signal in enumerate(SIGNALS) if signal.name == "verdict_mix")
NAMES = [question.name for question in SIGNALS[VERDICTS].questions]
SIZES = {1: 100, 2: 50, 3: 5}
SLICES = {i: like(language=name, model_version="") for i, name in ((1, "en"), (2, "de"), (3, "fr"))}


def window(deny_of: Callable[[int, int], int], *, slices: dict[int, Slice] = SLICES, ticks: int = 20) -> Window:
    """A hundred events of the first slice in a tick, fifty of the second, five of the third."""
    rows = []
    for tick in range(ticks):
        for s in slices:
            deny = deny_of(s, tick)
            rows += [(tick, s * COLUMNS + c, n) for c, n in verdicts(SIZES[s] - deny, deny).items()]
    tick, cell, count = np.array(sorted(rows), np.int64).T
    return window_of(LoadedCounts(tick, cell, count), slices, RULE)


def test_slices_with_enough_events_stand_alone_and_the_rest_is_pooled():
    found = window(lambda s, _: s)
    assert found.strata == ("language=en", "language=de", REST)
    assert found.counts.shape[:2] == (20, 3)
    assert found.events == 20 * 155
    assert [place_of(SLICES[i], found.strata) for i in (1, 2, 3)] == [0, 1, 2]
    assert place_of(like(language="never seen", model_version=""), found.strata) == 2


def test_one_large_slice_is_the_whole_stream():
    assert window(lambda *_: 5, slices={1: BASE}).strata == ("",)


def test_of_many_slices_only_so_many_stand_alone():
    one = dataclasses.replace(RULE, strata=1)
    rows = [(t, s * COLUMNS + c, n) for t in range(20) for s in SLICES for c, n in verdicts(90, 10).items()]
    loaded = LoadedCounts(*np.array(sorted(rows), np.int64).T)
    assert window_of(loaded, SLICES, one).strata == ("language=de", REST)


def test_halves_that_show_other_means_do_not_agree():
    assert agrees_with_itself(window(lambda *_: 5))
    assert not agrees_with_itself(window(lambda _, tick: 5 if tick < 10 else 2))
    assert agrees_with_itself(window(lambda *_: 5, ticks=1))


def test_a_level_lies_above_the_rate_and_the_limit_above_the_level():
    test = material_test(window(lambda *_: 5, slices={1: BASE}), VERDICTS, NAMES.index("adverse_rise"))
    assert test.whole.rate == pytest.approx(0.05)
    assert test.whole.rate < test.whole.level < test.limit < 0.1
    assert test.n_ref == pytest.approx(100)
    assert test.strata == [0]


def test_what_the_baseline_says_nothing_of_is_not_tested_and_says_why():
    labels = next(i for i, signal in enumerate(SIGNALS) if signal.name == "labels_harmful")
    with pytest.raises(NotTested) as error:
        material_test(window(lambda *_: 5), labels, 0)
    assert str(error.value) == SIGNALS[labels].unavailable
    with pytest.raises(NotTested):
        notice_test(window(lambda *_: 5), labels)


def test_what_declares_the_law_is_not_in_the_reference():
    whole = window(lambda *_: 5, slices={1: BASE})
    test = notice_test(whole, VERDICTS)
    assert 0 < test.references[0].sum() < whole.events
    assert test.laws[0].sum() == pytest.approx(1)
