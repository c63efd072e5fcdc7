"""A finding's curve shows what the finding is about, and a level only on its own scale."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from monitor.cli.try_picture import lines
from monitor.counts.cuts import between
from monitor.counts.model import LoadedCounts, Slice
from monitor.findings.model import EVERY_GUARDRAIL, Contribution, Direction, Effect, Evidence, Finding, Near, Unit
from monitor.judging.curves import Picture, picture
from monitor.judging.findings.promises import stated
from monitor.judging.ports import Baseline
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS, SIGNALS
from tests.unit.alerting.record import page

TICK_MS = 10_000
TICKS, RELEASED = 400, 200
BY_NAME = {signal.name: signal for signal in SIGNALS}
OLD, NEW = (Slice("shield", version, "c", "input", "", "", -1, "", "", "", "", "") for version in "12")


class Store:
    """Its second version denies ten times as much; every other signal has events in each of its bins."""

    def __init__(self) -> None:
        columns = {EVENTS_COLUMN: 100}
        verdicts = {name: OFFSETS["verdict_mix"] + at for at, name in enumerate(BY_NAME["verdict_mix"].bins)}
        for signal in SIGNALS:
            if signal.name != "verdict_mix":
                columns |= {OFFSETS[signal.name] + bin_: 10 for bin_ in range(len(signal.bins))}
        rows: list[tuple[int, int, int]] = []
        for tick in range(TICKS):
            new = tick >= RELEASED
            deny = 10 if new else 1
            cells = columns | {verdicts["allow/allow"]: 100 - deny, verdicts["deny/block"]: deny}
            rows += [(tick, (2 if new else 1) * COLUMNS + column, n) for column, n in sorted(cells.items())]
        self._counts = LoadedCounts(*np.array(rows, np.int64).T)

    def slices(self) -> dict[int, Slice]:
        return {1: OLD, 2: NEW}

    def first_tick(self) -> int:
        return 0

    def judged_before(self) -> int:
        return TICKS

    def counts(self, from_tick: int, to_tick: int) -> LoadedCounts:
        return between(self._counts, from_tick, to_tick)

    def baselines(self) -> Sequence[Baseline]:
        return []


def drawn(finding: Finding) -> Picture | None:
    return picture(finding, Store(), tick_ms=TICK_MS)  # type: ignore[arg-type]


def found(signal: str, question: str, *, version: str = "1") -> Finding:
    at_ms = RELEASED * TICK_MS
    known = {(one.name, asked.name): asked for one in SIGNALS for asked in one.questions}.get((signal, question))
    effect = Effect(baseline=0.01, current=0.1, ratio=10.0)
    if question in ("volume_rise", "volume_fall"):
        effect = Effect(baseline=10.0, current=40.0, ratio=4.0, unit=Unit.per_second)
    if question in ("silence", "source_silent"):
        effect = Effect(baseline=120.0, current=0.0, ratio=0.0, unit=Unit.events)
    return msgspec.structs.replace(
        page(onset=at_ms, guardrail="shield", signal=signal, question=question),
        guardrail_version=version,
        category="c",
        direction=known.direction if known else Direction.change,
        effect=effect,
        evidence=Evidence(log_evidence=0.1, events=500, level=0.04, detail=""),
        attribution=(Contribution(what="question", name="verdict_mix/adverse_rise", share=1.0),),
    )


def test_a_release_is_drawn_as_the_share_that_it_is_judged_by_before_and_after() -> None:
    curve = drawn(found("release_delta", "guardrail_version", version="2"))
    assert curve is not None
    assert (curve.what, curve.unit, curve.level, curve.baseline) == (
        "share of requests judged unsafe",
        "share",
        0.04,
        0.01,
    )
    known = [value for value in curve.values if value is not None]
    assert (known[0], known[-1]) == (pytest.approx(0.01), pytest.approx(0.1))
    assert min(known) < curve.level < max(known)


@pytest.mark.parametrize(("signal", "question"), [(one.signal, one.question) for one in stated()], ids=str)
def test_a_level_is_drawn_only_beside_values_on_its_scale(signal: str, question: str) -> None:
    curve = drawn(found(signal, question))
    assert curve is not None
    if curve.unit is Unit.per_second:
        assert curve.level is None
        assert (curve.baseline is not None) == question.startswith("volume")
        assert max(value or 0 for value in curve.values) > 1
    else:
        assert all(value is None or 0 <= value <= 1 for value in curve.values)
        assert "per second" not in curve.what


def test_a_silent_source_is_drawn_by_all_events_and_who_asks_by_nothing() -> None:
    silent = msgspec.structs.replace(found("coverage", "source_silent"), guardrail=EVERY_GUARDRAIL, category="")
    assert drawn(silent) is not None
    mix = msgspec.structs.replace(found("traffic_mix", "mix_change"), guardrail=EVERY_GUARDRAIL, category="")
    assert drawn(mix) is None


def test_an_any_change_notice_is_drawn_as_the_part_that_it_names() -> None:
    notice = found("verdict_mix", "any_change")
    named = msgspec.structs.replace(notice.effect, bins=("deny/block",), what="share of requests judged unsafe")
    curve = drawn(msgspec.structs.replace(notice, effect=named, guardrail_version=""))
    assert curve is not None
    assert curve.what == "share of requests judged unsafe"
    assert max(value or 0 for value in curve.values) == pytest.approx(0.1)


def test_a_page_of_weights_is_drawn_as_the_share_that_its_headline_names() -> None:
    crowded = found("boundary_proximity", "near_threshold", version="2")
    near = Near(what="share of scores within 0.1 of the decision threshold", baseline=0.004, current=0.13)
    effect = msgspec.structs.replace(crowded.effect, unit=Unit.weight, near=near)
    curve = drawn(msgspec.structs.replace(crowded, effect=effect))
    assert curve is not None
    assert (curve.what, curve.unit, curve.baseline, curve.level) == (near.what, Unit.share, near.baseline, None)
    weights = np.asarray(BY_NAME["boundary_proximity"].questions[0].values)
    last = next(value for value in reversed(curve.values) if value is not None)
    assert last == pytest.approx((weights > 0).mean())  # each bin has as many events


def test_a_picture_never_says_a_share_above_one() -> None:
    curve = drawn(found("verdict_mix", "adverse_rise", version="2"))
    assert curve is not None
    values = [0.0, 1.0] * (len(curve.values) // 2)
    text = "\n".join(lines(dataclasses.replace(curve, values=values)))
    assert max(int(share) for share in re.findall(r"(\d+) %", text)) == 100
    assert all(line == line.rstrip() for line in text.splitlines())
