"""The usual monitoring tests in the detection benchmark: chunks of 1,000 events against the baseline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tests.benchmarks.detection_streams import Method, Outcome, Streams

CHUNK = 1000
RULES = {
    "rate": ("PSI", "JS", "chi2", "mean 3 sd"),
    "score": ("PSI", "JS", "chi2", "KS", "mean 3 sd"),
    "label": ("PSI", "JS", "chi2"),
}


def by_chunk(rule: str) -> Method:
    """One of `RULES`, at the limit that its users know: PSI and JS above .1, p below .05, 3 standard deviations."""

    def run(streams: Streams) -> Outcome:
        family = streams.family
        delay = np.full(len(streams.events), -1, dtype=np.int64)
        false, fed, start = 0, 0, time.process_time()
        for i, (base, events) in enumerate(zip(streams.baseline, streams.events, strict=True)):
            fires = _rule(rule, family, base)
            for first in range(int(streams.phase[i]), len(events) - CHUNK + 1, CHUNK):
                end = first + CHUNK
                fed += CHUNK
                if fires(events[first:end]):
                    if end > streams.change:
                        delay[i] = end - streams.change
                        break
                    false += 1
        spent = time.process_time() - start
        return Outcome(delay, false, len(streams.events) * streams.change, spent, fed)

    return run


def _rule(rule: str, family: Any, base: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], bool]:
    bins = len(family.rule.names)
    old = np.bincount(family.codes(base), minlength=bins) + 0.5
    p = old / old.sum()
    if rule == "mean 3 sd":
        means = base.reshape(-1, CHUNK).mean(axis=1)
        centre, sd = means.mean(), means.std(ddof=1)
        return lambda x: bool(abs(x.mean() - centre) > 3 * sd)
    if rule == "KS":
        return lambda x: bool(stats.ks_2samp(base, x).pvalue < 0.05)

    def fires(x: NDArray[np.float64]) -> bool:
        new = np.bincount(family.codes(x), minlength=bins) + 0.5
        q = new / new.sum()
        if rule == "PSI":
            return bool(((q - p) * np.log(q / p)).sum() > 0.1)
        if rule == "JS":
            m = (p + q) / 2
            return bool(np.sqrt((p * np.log(p / m) + q * np.log(q / m)).sum() / 2) > 0.1)
        return bool(stats.chi2_contingency(np.stack((old, new))).pvalue < 0.05)

    return fires
