"""What holds of every signal; one that is placed in monitor/signals/placed.py is tested here by itself."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest

import monitor.signals
from monitor.signals.registry import SIGNALS
from monitor.signals.signal import Alternative, Signal
from tests.unit.signals.any_events import any_events, codes, rows

every_signal = pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)


@every_signal
def test_codes_are_bins_or_none(signal: Signal) -> None:
    found = codes(signal, *any_events())
    assert found.dtype == np.int16
    assert found.min() >= -1
    assert found.max() < len(signal.bins)


@every_signal
def test_the_events_of_every_kind_reach_most_bins(signal: Signal) -> None:
    found = codes(signal, *any_events())
    reached = len(np.unique(found[found >= 0]))
    assert reached >= min(3, len(signal.bins)) or reached == len(signal.bins)


@every_signal
def test_an_event_s_bin_does_not_depend_on_the_events_beside_it(signal: Signal) -> None:
    events, recall = any_events(number=300, seed=2)
    apart = [codes(signal, *rows(events, recall, start, stop)) for start, stop in ((0, 1), (1, 120), (120, 300))]
    assert np.concatenate(apart).tolist() == codes(signal, events, recall).tolist()


@every_signal
def test_no_events_have_no_codes(signal: Signal) -> None:
    events, recall = any_events(number=10)
    assert codes(signal, *rows(events, recall, 0, 0)).tolist() == []


@every_signal
def test_questions_and_bets_can_be_asked(signal: Signal) -> None:
    assert len(set(signal.bins)) == len(signal.bins)
    assert len({question.name for question in signal.questions}) == len(signal.questions)
    for question in signal.questions:
        assert len(question.values) == len(signal.bins)
        assert 0 <= min(question.values) < max(question.values) <= 1
        assert question.phrase
    assert signal.unavailable
    assert not signal.alternatives or set(signal.alternatives) - {Alternative.dense}


def test_every_file_with_a_signal_is_placed() -> None:
    written = {
        one.name
        for module in pkgutil.iter_modules(monitor.signals.__path__)
        for one in vars(importlib.import_module(f"monitor.signals.{module.name}")).values()
        if isinstance(one, Signal)
    }
    assert written - {signal.name for signal in SIGNALS} == set(), "add a line to monitor/signals/placed.py"
