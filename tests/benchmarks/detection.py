"""How soon drifts are found at a stated rate of false alarms: ours, the oracle, river's and the usual chunk tests.

python -m tests.benchmarks.detection              quick: 80 runs a cell, 8 of river's detectors; some minutes
python -m tests.benchmarks.detection --full       at least 200 runs a cell
... --write                                       puts table and plot into detectors/README.md and delays.svg
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from river import drift

from detectors.budget import poisson_lower_limit, poisson_upper_limit
from tests.benchmarks.detection_families import FAMILIES
from tests.benchmarks.detection_methods import (
    SPACING,
    Method,
    Outcome,
    Streams,
    any_change,
    by_chunk,
    by_event,
    draw,
    material_change,
    oracle,
)
from tests.benchmarks.detection_report import write

BEFORE, AFTER = 5_000, 40_000
NULL = 45_000  # events of a stream that never drifts


@dataclass(frozen=True)
class Cell:
    """One method on one family."""

    family: str
    method: str
    ratio: float  # mean delay over the oracle's; NaN where fewer than half were found
    mean: float
    p95: float
    found: float
    spacing: float
    spacing_low: float
    spacing_high: float
    ns: float
    runs: int


@dataclass(frozen=True)
class Effort:
    """How much a run of the benchmark does."""

    runs: int
    null_runs: int
    alarms: int
    river_runs: int
    slow_runs: int
    oracle_runs: int  # half of a quick run's time went into the oracle's streams of scores


QUICK = Effort(runs=80, null_runs=30, alarms=600, river_runs=8, slow_runs=1, oracle_runs=600)
FULL = Effort(runs=240, null_runs=200, alarms=2000, river_runs=200, slow_runs=4, oracle_runs=3000)

TUNABLE: dict[str, tuple[str, Callable[[float], Any], tuple[float, ...]]] = {
    # name: form, from setting to detector, settings from eager to lazy
    "ADWIN": ("raw", lambda d: drift.ADWIN(delta=d), (0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)),
    "PageHinkley": ("raw", lambda t: drift.PageHinkley(threshold=t), (10, 15, 20, 30, 40, 60)),
    "DDM": ("boolean", lambda t: drift.binary.DDM(drift_threshold=t), (2.5, 3.0, 3.5, 4.0, 4.5)),
    "HDDM_A": ("boolean", lambda c: drift.binary.HDDMA(drift_confidence=c), (1e-2, 1e-3, 1e-4, 1e-5)),
    "HDDM_W": ("boolean", lambda c: drift.binary.HDDMW(drift_confidence=c), (1e-3, 1e-4, 1e-5, 1e-6, 1e-8)),
}
DEFAULTS: dict[str, tuple[str, Callable[[], Any]]] = {
    "ADWIN": ("raw", drift.ADWIN),
    "PageHinkley": ("raw", drift.PageHinkley),
    "DDM": ("boolean", drift.binary.DDM),
    "EDDM": ("boolean", drift.binary.EDDM),
    "HDDM_A": ("boolean", drift.binary.HDDMA),
    "HDDM_W": ("boolean", drift.binary.HDDMW),
    "KSWIN": ("raw", lambda: drift.KSWIN(seed=1)),
}


@lru_cache(maxsize=64)
def tuned_setting(name: str, kind: str, runs: int) -> float | None:
    """`tune` once for all families that look the same before they drift."""
    return tune(name, next(f for f in FAMILIES if f.kind == kind), runs=runs)


def tune(name: str, family: Any, *, runs: int) -> float | None:
    """The most eager setting whose spacing on undrifted streams is at least the budget's, by simulation."""
    form, make, settings = TUNABLE[name]
    streams = draw(family, np.random.default_rng(11), runs=runs, before=NULL, after=0)
    for setting in settings:
        outcome = by_event(lambda s=setting: make(s), form=form)(streams)
        if outcome.exposure / max(outcome.false, 1) >= SPACING:
            return setting
    return None


def _runs(name: str, effort: Effort) -> int:
    return max(4, effort.river_runs // 4) if name.startswith("HDDM") else effort.river_runs  # 4-5 us an event


def methods(family: Any, effort: Effort, *, ours: bool) -> dict[str, tuple[Method, int | None]]:
    """Name to (method, limit on runs)."""
    out: dict[str, tuple[Method, int | None]] = {
        "any change, calibrated": (any_change(calibrated=effort.alarms), None),
        "any change, calibrated, fresh bag after false alarms": (
            any_change(calibrated=effort.alarms, fresh=True),
            None,
        ),
        "any change, bound": (any_change(), None),
    }
    if family.kind != "label" and not getattr(family, "histogram", False):
        out["material, margin 10 %"] = (material_change(margin=0.1), None)
    if ours:
        return out
    if family.kind == "label":
        out["river ADWIN one-hot"] = (by_event(drift.ADWIN, form="one-hot"), effort.river_runs // 4)
    elif not getattr(family, "histogram", False):
        for name, (form, make) in DEFAULTS.items():
            if (form == "raw" or family.kind == "rate") and not (name == "KSWIN" and family.kind == "rate"):
                limit = effort.slow_runs if name == "KSWIN" else _runs(name, effort)
                out[f"river {name}"] = (by_event(make, form=form), limit)
        for name, (form, make_with, _) in TUNABLE.items():
            if form == "raw" or family.kind == "rate":
                setting = tuned_setting(name, family.kind, max(6, effort.river_runs // 8))
                if setting is not None:
                    tuned = by_event(lambda s=setting, m=make_with: m(s), form=form)
                    out[f"river {name} tuned"] = (tuned, _runs(name, effort))
    rules = ("PSI", "JS", "chi2", *(("KS", "mean 3 sd") if family.kind == "score" else ()))
    if family.kind == "rate":
        rules = (*rules, "mean 3 sd")
    for rule in rules:
        out[f"chunks {rule}"] = (by_chunk(rule), effort.runs // 2 if rule == "KS" else None)
    return out


def first(streams: Streams, runs: int | None) -> Streams:
    """The first `runs` streams."""
    cut = slice(runs)
    return Streams(streams.family, streams.baseline[cut], streams.events[cut], streams.change, streams.phase[cut])


def short(streams: Streams) -> Streams:
    """A stretch of each stream, for detectors that take a third of a millisecond an event."""
    change = min(streams.change, 2000)
    start = min(streams.change, BEFORE) - change
    return Streams(
        streams.family, streams.baseline[:, -1000:], streams.events[:, start : start + 6000], change, streams.phase
    )


def cell(family: Any, name: str, drifted: Outcome, null: Outcome, best: float) -> Cell:
    """Sums an outcome up."""
    found = drifted.delay[drifted.delay > 0]
    share = len(found) / len(drifted.delay)
    # a drift that was never found counts as found at the end of the stream: the mean is then a lower bound
    delay = np.where(drifted.delay > 0, drifted.delay, AFTER)
    false, exposure = drifted.false + null.false, drifted.exposure + null.exposure
    return Cell(
        family=family.name,
        method=name,
        ratio=float(delay.mean() / best),
        mean=float(delay.mean()),
        p95=float(np.quantile(delay, 0.95)),
        found=share,
        spacing=exposure / max(false, 1),
        spacing_low=exposure / poisson_upper_limit(false, 0.975),
        spacing_high=exposure / poisson_lower_limit(false, 0.975) if false else np.inf,
        ns=drifted.ns,
        runs=len(drifted.delay),
    )


def measure(effort: Effort, families: tuple[Any, ...], *, ours: bool) -> list[Cell]:
    """Every method on every family, on the same streams."""
    cells = []
    for family in families:
        rng = np.random.default_rng(2026)
        drifted = draw(family, rng, runs=effort.runs, before=BEFORE, after=AFTER)
        null = draw(family, rng, runs=effort.null_runs, before=NULL, after=0)
        told = oracle(family, alarms=max(300, effort.alarms // 5), runs=effort.oracle_runs)
        best = float(told.delay[told.delay > 0].mean())
        cells.append(cell(family, "oracle CUSUM", told, Outcome(told.delay, 0, 0, 0.0), best))
        print(f"{family.name}: oracle {best:.0f} events", flush=True)
        for name, (method, limit) in methods(family, effort, ours=ours).items():
            started = time.monotonic()
            used, quiet = (drifted, null) if name != "river KSWIN" else (short(drifted), short(null))
            made = cell(
                family,
                name,
                method(first(used, limit)),
                method(first(quiet, limit if limit is None else max(1, limit // 2))),
                best,
            )
            cells.append(made)
            print(
                f"  {name:55s} {made.ratio:6.2f} x  mean {made.mean:7.0f}  p95 {made.p95:7.0f}  "
                f"found {made.found:4.0%}  spacing {made.spacing / 1000:6.1f}k "
                f"({made.spacing_low / 1000:.1f}-{made.spacing_high / 1000:.1f}k)  {made.ns:7.0f} ns  "
                f"[{time.monotonic() - started:.0f} s]",
                flush=True,
            )
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="at least 200 runs a cell")
    parser.add_argument("--write", action="store_true", help="update detectors/README.md and its plot")
    parser.add_argument("--family", default="", help="only families whose name contains this")
    parser.add_argument("--river", type=int, default=0, help="runs of river's detectors, if not the form's own")
    parser.add_argument("--ours", action="store_true", help="only our methods")
    parser.add_argument("--cells", type=Path, help="JSON file of cells, merged with this run's")
    arguments = parser.parse_args()
    effort = FULL if arguments.full else QUICK
    if arguments.river:
        effort = replace(effort, river_runs=arguments.river)
    families = tuple(f for f in FAMILIES if arguments.family in f.name)
    cells = measure(effort, families, ours=arguments.ours)
    if arguments.cells:
        cells = merged(arguments.cells, cells)
    if arguments.write:
        room = Path(__file__).resolve().parents[2] / "detectors"
        write(cells, datetime.now(UTC).date().isoformat(), room)


def merged(path: Path, cells: list[Cell]) -> list[Cell]:
    """The cells of earlier runs with these in their place; stored again."""
    earlier = [Cell(**c) for c in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []
    table = {(c.family, c.method): c for c in [*earlier, *cells]}
    order = {f.name: i for i, f in enumerate(FAMILIES)}
    out = sorted(table.values(), key=lambda c: order[c.family])
    path.write_text(json.dumps([asdict(c) for c in out]), encoding="utf-8")
    return out


if __name__ == "__main__":
    main()
