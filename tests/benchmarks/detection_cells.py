"""Portions of the detection benchmark summed up: a cell is one method on one family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.budget import poisson_lower_limit, poisson_upper_limit
from tests.benchmarks.detection_store import Record
from tests.benchmarks.detection_streams import AFTER, TICK


@dataclass(frozen=True)
class Cell:
    """One method on one family. Delays in events; `error`: of the ratio, one standard error."""

    family: str
    method: str
    table: str
    value: float  # what it was set to
    ratio: float  # mean delay over the unit's
    error: float
    extra: float  # mean delay beyond the unit's, in ticks
    mean: float
    p95: float
    found: float
    spacing: float
    spacing_low: float
    spacing_high: float
    ns: float
    runs: int


def delays(records: Sequence[Record]) -> NDArray[np.int64]:
    """Of all runs; a drift that was never found counts as found at the end: the mean is then a lower bound."""
    delay = np.concatenate([np.array(r["delay"], dtype=np.int64) for r in records])
    return np.where(delay > 0, delay, AFTER)


def cell(
    family: str, method: str, table: str, records: Sequence[Record], unit: Sequence[Record], *, paired: bool = False
) -> Cell:
    """Sums up the portions of a cell; `unit`: of the row whose mean delay is 1; `paired`: on the same streams."""
    delay, told = delays(records), delays(unit)
    if paired:
        delay, told = delay[: len(told)], told[: len(delay)]
    best = told.mean()
    differs = delay - told if paired else delay - best
    found = np.concatenate([np.array(r["delay"]) for r in records]) > 0
    false, exposure = (sum(r[key] for r in records) for key in ("false", "exposure"))
    return Cell(
        family=family,
        method=method,
        table=table,
        value=float(records[0]["value"]),
        ratio=float(delay.mean() / best),
        error=float(differs.std(ddof=1) / np.sqrt(len(delay)) / best),
        extra=float((delay.mean() - best) / TICK),
        mean=float(delay.mean()),
        p95=float(np.quantile(delay, 0.95)),
        found=float(found.mean()),
        spacing=exposure / max(false, 1),
        spacing_low=exposure / poisson_upper_limit(false, 0.975),
        spacing_high=exposure / poisson_lower_limit(false, 0.975) if false else np.inf,
        ns=sum(r["seconds"] for r in records) / max(sum(r["events"] for r in records), 1) * 1e9,
        runs=len(delay),
    )
