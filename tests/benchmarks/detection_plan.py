"""What the detection benchmark measures: which rows each family has, how many runs, and how one portion is measured.

rows(family)                     the methods that suit a family, in the order of the table
setting(row, family, effort)     the number that a row is tuned by: a height, a factor, a detector's setting
outcome(row, family, portion, value)     one portion of a cell: runs that drift, runs that do not
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import detection_chunks, detection_oracle, detection_ours, detection_river
from tests.benchmarks.detection_families import FAMILIES
from tests.benchmarks.detection_streams import AFTER, Method, Outcome, draw, undrifted


@dataclass(frozen=True)
class Effort:
    """Runs of a portion, of which a cell has `quick` or `full`; undrifted runs beside them; what tuning simulates."""

    runs: int
    undrifted: int
    quick: int
    full: int
    tune_quick: int = 0
    tune_full: int = 0


ORACLE = Effort(runs=1000, undrifted=0, quick=1, full=10, tune_quick=1000, tune_full=10_000)  # alarms
OURS = Effort(runs=100, undrifted=20, quick=2, full=20, tune_quick=600, tune_full=5000)  # alarms
CHUNKS = Effort(runs=40, undrifted=20, quick=1, full=6)
RIVER = Effort(runs=20, undrifted=10, quick=1, full=10, tune_quick=8, tune_full=60)  # streams
SLOW = Effort(runs=20, undrifted=4, quick=1, full=10, tune_quick=4, tune_full=30)  # 5 us an event, finds little


@dataclass(frozen=True)
class Row:
    """One method. `tuned`: how its setting is found, None where it has none; `module` is what it depends on."""

    name: str
    module: str
    effort: Effort
    method: Callable[[float], Method]
    tuned: Callable[[Any, int], float | None] | None = None
    weight: float = 1.0  # guessed seconds of a portion

    def portion(self, number: int) -> tuple[range, range]:
        """Numbers of the drifting and of the undrifted runs of a portion."""
        size, quiet = self.effort.runs, self.effort.undrifted
        return range(number * size, (number + 1) * size), range(number * quiet, (number + 1) * quiet)


YARDSTICK = "oracle CUSUM"


def rows(family: Any) -> list[Row]:
    """The methods that suit a family."""
    return [
        Row(YARDSTICK, detection_oracle.__name__, ORACLE, _no_method, _height, 5.0),
        *_ours(family),
        *_river(family),
        *(
            Row(f"chunks {rule}", detection_chunks.__name__, CHUNKS, _chunks(rule), weight=10 if rule == "KS" else 1)
            for rule in detection_chunks.RULES[family.kind]
        ),
    ]


def row(family: Any, name: str) -> Row:
    """One of `rows` by its name."""
    return next(r for r in rows(family) if r.name == name)


def like(family: Any) -> Any:
    """The first family that looks the same before it drifts: settings are found once for all of them."""
    return next(f for f in FAMILIES if (f.kind, _histogram(f)) == (family.kind, _histogram(family)))


def outcome(row_: Row, family: Any, number: int, value: float) -> tuple[Outcome, Outcome]:
    """Portion `number` of a cell: its drifting runs, and its undrifted ones."""
    numbers, quiet = row_.portion(number)
    if row_.name == YARDSTICK:
        return detection_oracle.oracle(family, numbers, value), detection_oracle.undrifted(family, number, value)
    method = row_.method(value)
    return method(draw(family, numbers, after=AFTER)), method(undrifted(family, quiet))


def _ours(family: Any) -> list[Row]:
    def one(name: str, make: Callable[[float], Method], *, calibrated: bool) -> Row:
        return Row(name, detection_ours.__name__, OURS, make, _factor if calibrated else None, 3.0)

    out = [
        one("any change, calibrated", lambda f: detection_ours.any_change(factor=f), calibrated=True),
        one(
            "any change, calibrated, fresh bag after false alarms",
            lambda f: detection_ours.any_change(factor=f, fresh=True),
            calibrated=True,
        ),
        one("any change, bound", lambda _: detection_ours.any_change(), calibrated=False),
    ]
    if family.kind != "label" and not _histogram(family):
        page = detection_ours.material_change(margin=0.1)
        out.append(one("material, margin 10 %", lambda _: page, calibrated=False))
    return out


def _river(family: Any) -> list[Row]:
    if _histogram(family):
        return []  # the same scores as in the family without bins
    out = []
    for tuned in (False, True):
        for name in detection_river.KINDS[family.kind]:
            slow = name.startswith("HDDM")
            out.append(
                Row(
                    f"river {name}" + (", tuned" if tuned else ""),
                    detection_river.__name__,
                    SLOW if slow else RIVER,
                    _detector(name, own=not tuned),
                    _tuned(name) if tuned else None,
                    12.0 if slow or name in ("KSWIN", "ADWIN one-hot") else 2.0,
                )
            )
    return out


def _histogram(family: Any) -> bool:
    return bool(getattr(family, "histogram", False))


def _no_method(_: float) -> Method:
    raise AssertionError("the oracle draws its own streams")


def _height(family: Any, alarms: int) -> float:
    return detection_oracle.tune(family, alarms=alarms)


def _factor(family: Any, alarms: int) -> float:
    return detection_ours.factor(family, alarms=alarms)


def _detector(name: str, *, own: bool) -> Callable[[float], Method]:
    return lambda value: detection_river.by_event(name, None if own else value)


def _tuned(name: str) -> Callable[[Any, int], float | None]:
    return lambda family, streams: detection_river.tune(name, family, streams=streams)


def _chunks(rule: str) -> Callable[[float], Method]:
    return lambda _: detection_chunks.by_chunk(rule)
