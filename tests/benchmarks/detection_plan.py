"""What the detection benchmark measures: which rows each family has, how many runs, and how one portion is measured.

rows(family)                     the methods that suit a family, in the order of the tables
row.tuned(family, effort)        the number that a row is set to: a height, a factor, a detector's setting
row.measure(family, number, value)       one portion of a cell: runs that drift, runs that do not
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import log
from typing import Any

import numpy as np

from detectors.calibration import ALARMS
from tests.benchmarks import (
    detection_chunks,
    detection_floors,
    detection_oracle,
    detection_ours,
    detection_peers,
    detection_river,
)
from tests.benchmarks.detection_families import FAMILIES
from tests.benchmarks.detection_floors import Told
from tests.benchmarks.detection_river_loops import LOOPS
from tests.benchmarks.detection_streams import BASELINE, SPACING, Method, Outcome, draw, undrifted

YARDSTICK, MONTHLY = "oracle CUSUM", "oracle CUSUM, one in 13M"
TICKWISE = "told both laws, counts of ticks"
MONTH = 13_000_000  # five events a second for thirty days
MATERIAL_MARGIN = 0.1


@dataclass(frozen=True)
class Effort:
    """Runs of a portion, of which a cell has `quick` or `full`; undrifted runs beside them; what tuning simulates."""

    runs: int
    undrifted: int
    quick: int
    full: int
    tune_quick: int = 0
    tune_full: int = 0

    @property
    def size(self) -> str:
        """Of a portion."""
        return f"{self.runs} and {self.undrifted}"

    def portion(self, number: int) -> tuple[range, range]:
        """Numbers of the drifting and of the undrifted runs of a portion."""
        size, quiet = self.runs, self.undrifted
        return range(number * size, (number + 1) * size), range(number * quiet, (number + 1) * quiet)


ORACLE = Effort(runs=1000, undrifted=0, quick=1, full=10, tune_quick=500, tune_full=5000)  # alarms
OURS = Effort(runs=100, undrifted=20, quick=1, full=20, tune_quick=300, tune_full=ALARMS)
BESIDE = Effort(runs=100, undrifted=20, quick=1, full=2, tune_quick=300, tune_full=ALARMS)
LONG = Effort(runs=50, undrifted=0, quick=2, full=20, tune_quick=300, tune_full=ALARMS)  # with long histories
CHUNKS = Effort(runs=20, undrifted=4, quick=1, full=10)
RIVER = Effort(runs=10, undrifted=2, quick=1, full=20, tune_quick=5, tune_full=40)  # streams
LOOPED = Effort(runs=50, undrifted=25, quick=1, full=4, tune_quick=20, tune_full=100)
LONGEST = Effort(runs=5, undrifted=0, quick=1, full=40, tune_quick=2, tune_full=20)  # 15 us an event
SLOW = Effort(runs=5, undrifted=1, quick=1, full=40, tune_quick=2, tune_full=20)  # 5 us an event
TICKS = Effort(runs=1000, undrifted=0, quick=1, full=10, tune_quick=100, tune_full=2000)  # steps of 2,000 lanes
PEERS = Effort(runs=200, undrifted=100, quick=1, full=5, tune_quick=100, tune_full=400)  # streams
TOLD = Effort(runs=200, undrifted=40, quick=1, full=5, tune_quick=30, tune_full=400)  # streams

NOTHING = Outcome(np.empty(0, dtype=np.int64), 0, 0, 0.0, 0)
Measure = Callable[[Any, int, float], tuple[Outcome, Outcome]]


@dataclass(frozen=True)
class Row:
    """One method: see the module. `tuned` is None where it has no setting; `module` is what it depends on."""

    name: str
    module: str
    effort: Effort
    measure: Measure
    tuned: Callable[[Any, int], float | None] | None = None
    weight: float = 1.0  # guessed seconds of a portion
    unit: str = YARDSTICK  # the row whose mean delay is 1
    table: str = "detection"
    paired: bool = False  # whether its unit saw the same streams
    like: str = ""  # the row whose setting this one has, if not its own
    own: bool = False  # whether its setting is found for each family, or once for those that look alike undrifted


def rows(family: Any) -> list[Row]:
    """The methods that suit a family."""
    return [
        Row(YARDSTICK, detection_oracle.__name__, ORACLE, _oracle, _height, 8.0, own=True),
        *_ours(family),
        *_river(family),
        *(
            Row(
                f"chunks {rule}",
                detection_chunks.__name__,
                CHUNKS,
                _on_streams(CHUNKS, lambda _, rule=rule: detection_chunks.by_chunk(rule)),
                weight=5.0 if rule == "KS" else 1.0,
            )
            for rule in detection_chunks.RULES[family.kind]
        ),
        *(_peers() if family.kind == "rate" else []),
        *_floors(family),
        *(_long(family) if family.kind == "rate" else []),
    ]


def row(family: Any, name: str) -> Row:
    """One of `rows` by its name."""
    return next(r for r in rows(family) if r.name == name)


def source(family: Any, row_: Row) -> Any:
    """The family on which a row's setting for this one is found: the first that looks the same before it drifts."""
    if row_.own:
        return family
    name = row_.like or row_.name
    alike = (f for f in FAMILIES if (f.kind, _histogram(f)) == (family.kind, _histogram(family)))
    return next(f for f in alike if any(r.name == name for r in rows(f)))


def _on_streams(effort: Effort, method: Callable[[float], Method], *, history: int = BASELINE) -> Measure:
    """A method on the protocol's streams."""

    def measure(family: Any, number: int, value: float) -> tuple[Outcome, Outcome]:
        numbers, quiet = effort.portion(number)
        run = method(value)
        return run(draw(family, numbers, history=history)), run(undrifted(family, quiet)) if quiet else NOTHING

    return measure


def _oracle(family: Any, number: int, height: float) -> tuple[Outcome, Outcome]:
    told = detection_oracle.oracle(family, ORACLE.portion(number)[0], height)
    return told, detection_oracle.undrifted(family, number, height)


def _height(family: Any, alarms: int) -> float:
    return detection_oracle.tune(family, alarms=alarms)


def _ours(family: Any) -> list[Row]:
    def one(name: str, effort: Effort, method: Callable[[float], Method], tuned: Any = None, like: str = "") -> Row:
        return Row(name, detection_ours.__name__, effort, _on_streams(effort, method), tuned, 1.0, like=like)

    out = [
        one("any change, calibrated", OURS, lambda f: detection_ours.any_change(factor=f), _factor(SPACING)),
        one(
            "any change, calibrated, fresh reference after false alarms",
            BESIDE,
            lambda f: detection_ours.any_change(factor=f, fresh=True),
            _factor(SPACING),
            "any change, calibrated",
        ),
        one("any change, bound", BESIDE, lambda _: detection_ours.any_change()),
    ]
    if family.kind != "label" and not _histogram(family):
        page = detection_ours.material_change(margin=MATERIAL_MARGIN)
        out.append(one("material, margin 10 %", BESIDE, lambda _: page))
    return out


def _factor(spacing: float) -> Callable[[Any, int], float]:
    return lambda family, alarms: detection_ours.factor(family, alarms=alarms, spacing=spacing)


def _river(family: Any) -> list[Row]:
    if _histogram(family):
        return []  # the same scores as in the family without bins
    out = []
    for tuned in (False, True):
        for name in detection_river.KINDS[family.kind]:
            effort = LOOPED if name in LOOPS else EFFORTS.get(name, RIVER)
            out.append(
                Row(
                    f"river {name}" + (", tuned" if tuned else ""),
                    detection_river.__name__,
                    effort,
                    _on_streams(effort, _detector(name, own=not tuned)),
                    _tuned(name) if tuned else None,
                    (8.0 if tuned and name == "KSWIN" else 4.0) if name in EFFORTS else 1.0,
                )
            )
    return out


EFFORTS = {"KSWIN": LONGEST, "ADWIN one-hot": SLOW}


def _detector(name: str, *, own: bool) -> Callable[[float], Method]:
    return lambda value: detection_river.by_event(name, None if own else value)


def _tuned(name: str) -> Callable[[Any, int], float | None]:
    return lambda family, streams: detection_river.tune(name, family, streams=streams)


def _peers() -> list[Row]:
    """Well-known detectors with the same counts and history as ours, tuned at the true rate."""
    return [
        Row(
            name,
            detection_peers.__name__,
            PEERS,
            _on_streams(PEERS, partial(detection_peers.by_tick, name)),
            partial(_peer_height, name),
            table="peers",
        )
        for name in detection_peers.PEERS
    ]


def _peer_height(name: str, family: Any, streams: int) -> float:
    return detection_peers.tune(name, family, streams=streams)


def _told(what: Told) -> Row:
    """What one could do who knew more of a rate's laws."""

    def measure(family: Any, number: int, bound: float) -> tuple[Outcome, Outcome]:
        numbers, quiet = TOLD.portion(number)
        return (
            detection_floors.told(what, family, numbers, bound),
            detection_floors.told(what, family, quiet, bound, quiet=True),
        )

    return Row(
        what.value,
        detection_floors.__name__,
        TOLD,
        measure,
        lambda family, streams: detection_floors.tune_told(what, family, streams=streams),
        6.0,
        table="floors",
        own=what is Told.RATIO,
    )


def _told_monthly(what: Told) -> Row:
    """The same with a month's budget: the spacing of Shiryaev-Roberts grows in proportion to its bound."""

    def measure(family: Any, number: int, bound: float) -> tuple[Outcome, Outcome]:
        return detection_floors.told(what, family, TOLD.portion(number)[0], bound * MONTH / SPACING), NOTHING

    name = f"{what.value}, one in 13M"
    return replace(_told(what), name=name, measure=measure, unit=MONTHLY, table="long", like=what.value)


def _floors(family: Any) -> list[Row]:
    """What one could do who knew more."""

    def ticks(family: Any, number: int, bound: float) -> tuple[Outcome, Outcome]:
        numbers = TICKS.portion(number)[0]
        return (
            detection_floors.ticks(family, numbers, bound),
            detection_floors.ticks_undrifted(family, number, bound),
        )

    both = Row(
        TICKWISE,
        detection_floors.__name__,
        TICKS,
        ticks,
        lambda family, steps: detection_floors.tune_ticks(family, steps=steps),
        4.0,
        table="floors",
        paired=True,
        own=True,
    )
    return [both, *(_told(what) for what in Told if family.kind == "rate")]


def _long(family: Any) -> list[Row]:
    """Rates with longer histories, and with one false alarm allowed a month."""

    def one(name: str, history: int, spacing: float, unit: str, like: str = "") -> Row:
        return Row(
            name,
            detection_ours.__name__,
            LONG,
            _on_streams(LONG, lambda f: detection_ours.any_change(factor=f, spacing=spacing), history=history),
            _factor(spacing),
            0.5,
            unit,
            "long",
            like=like,
        )

    def told(family: Any, number: int, height: float) -> tuple[Outcome, Outcome]:
        return detection_oracle.oracle(family, ORACLE.portion(number)[0], height), NOTHING

    def height(family: Any, alarms: int) -> float:
        # the spacing of a CUSUM grows as the exponential of its height
        return _height(family, alarms) + log(MONTH / SPACING)

    own, month = "any change, calibrated", "any change, calibrated, one in 13M"
    if family.after / family.before < 1.4:  # a month's budget finds a small rise within the history's own length
        return [one(f"{own}, baseline of 200,000", 200_000, SPACING, YARDSTICK, own)]
    return [
        Row(MONTHLY, detection_oracle.__name__, ORACLE, told, height, 3.0, MONTHLY, "long", own=True),
        one(month, BASELINE, MONTH, MONTHLY),
        one(f"{month}, baseline of 100,000", 100_000, MONTH, MONTHLY, month),
        *(_told_monthly(what) for what in (Told.RATIO, Told.NEITHER)),
    ]


def _histogram(family: Any) -> bool:
    return bool(getattr(family, "histogram", False))
