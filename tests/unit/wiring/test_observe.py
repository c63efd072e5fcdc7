"""What a step of the judge shows in the metrics: the evidence and the spend of every engine."""

from __future__ import annotations

import dataclasses
import math

import pytest
from prometheus_client import CollectorRegistry

from monitor.clock import ManualClock
from monitor.counts.model import Slice
from monitor.findings.model import Kind
from monitor.judging.assess import Assessment
from monitor.judging.judge import JudgeReport, Step
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.view import ALL_TRAFFIC, JudgeView, TestKind, TestView, alarm_of
from monitor.judging.view_builder import ViewBuilder
from monitor.metrics import Metrics
from monitor.wiring.observe import Observer
from tests.unit.judging.worlds import eventful

STREAM = Slice.of_guardrail("shield")


class Scene:
    """An observer and what it shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.observer = Observer(Metrics(self.registry), JudgeSettings(), ManualClock())

    def step(self, view: JudgeView) -> None:
        self.observer.judged(JudgeReport(Step.judged, view.judged_before, Assessment(), view), 0.1)

    def spend(self, kind: str) -> float:
        return self.registry.get_sample_value("driftline_spend_total", {"kind": kind}) or 0.0

    def evidence(self, signal: str, question: str, guardrail: str = "shield") -> float | None:
        labels = {"guardrail": guardrail, "category": "", "signal": signal, "question": question}
        return self.registry.get_sample_value("driftline_log_evidence", labels)


def a_test(kind: TestKind, *, spent: float = 0.0, log_evidence: float = -3.0, key: str = "", **other) -> TestView:
    values = {"unit": STREAM, "stream": 0, "signal": "verdict_mix", "question": kind.value} | other
    standing = {"log_evidence": log_evidence, "spent": spent}
    return TestView(kind=kind, alarm=alarm_of(kind), key=f"{kind} {key}", **standing, **values)


def a_view(*tests: TestView, judged_before: int = 1) -> JudgeView:
    return JudgeView(judged_before=judged_before, tick_ms=10_000, guardrails=("shield",), streams=(), tests=tests)


@pytest.mark.parametrize("kind", list(TestKind))
def test_what_a_test_of_each_kind_spends_is_counted_once_under_what_its_alarm_is(kind):
    scene = Scene()
    for spent in (0.25, 0.25, 0.75):
        scene.step(a_view(a_test(kind, spent=spent)))
    shown = {label: scene.spend(label) for label in ("page", "notice", "end")}
    assert shown == {"page": 0.0, "notice": 0.0, "end": 0.0} | {
        alarm.value if (alarm := alarm_of(kind)) else "end": 0.75
    }


def test_a_test_that_ends_takes_nothing_from_what_others_spend():
    scene = Scene()
    going, gone = (a_test(TestKind.page, spent=0.5, key=name) for name in ("going", "gone"))
    scene.step(a_view(going, gone))
    scene.step(a_view(a_test(TestKind.page, spent=0.75, key="going"), a_test(TestKind.page, spent=0.1, key="new")))
    assert scene.spend("page") == pytest.approx(1.0 + 0.25 + 0.1)


def test_evidence_is_that_of_the_strongest_test_of_a_question_less_its_threshold():
    scene = Scene()
    of = {"question": "any_change"}
    scene.step(
        a_view(
            a_test(TestKind.any_change, log_evidence=-4.0, **of),
            a_test(TestKind.dense, log_evidence=-1.5, **of),
            a_test(TestKind.release, log_evidence=5.0, log_threshold=math.log(1000), signal="release_delta"),
            a_test(TestKind.traffic_mix, log_evidence=-2.0, unit=ALL_TRAFFIC, signal="traffic_mix"),
            a_test(TestKind.end, log_evidence=-0.1),
            a_test(TestKind.river, log_evidence=-math.inf, signal="coverage"),
        )
    )
    assert scene.evidence("verdict_mix", "any_change") == -1.5
    assert scene.evidence("release_delta", "release") == pytest.approx(5.0 - math.log(1000))
    assert scene.evidence("traffic_mix", "traffic_mix", guardrail="(all guardrails)") == -2.0
    assert scene.evidence("verdict_mix", "end") is None
    assert scene.evidence("coverage", "river") is None


def test_with_a_river_detector_set_the_spend_shown_is_that_of_the_engines():
    scene, engines = Scene(), dict.fromkeys((*Kind, None), 0.0)
    before: dict[object, float] = {}
    for tick, world, _ in eventful():
        view = ViewBuilder(world.assessor.fleet).view()
        for test in view.tests:
            engines[test.alarm] += test.spent - before.get(test.key, 0.0)
            before[test.key] = test.spent
        scene.step(view)
        if tick == 25:
            engine = world.assessor.fleet.panel.evidence.total_spend().sum()
            dense = sum(spent for _, spent, _ in world.assessor.fleet.panel.dense.standing().values())
            assert scene.spend("page") + scene.spend("notice") == pytest.approx(float(engine) + dense)
    assert scene.spend("page") == pytest.approx(engines[Kind.page])
    assert scene.spend("notice") == pytest.approx(engines[Kind.notice])
    assert scene.spend("end") == pytest.approx(engines[None])


def test_guardrails_without_a_control_statement_are_counted():
    scene = Scene()
    view = dataclasses.replace(JudgeReport(Step.judged), assessment=Assessment(), view=a_view())
    scene.observer.judged(view, 0.1)
    assert scene.registry.get_sample_value("driftline_undefined_controls") == 1


def test_a_step_without_judged_ticks_changes_nothing_but_who_leads():
    scene = Scene()
    scene.step(a_view(a_test(TestKind.page, spent=0.5)))
    scene.observer.judged(JudgeReport(Step.standby), 0.1)
    assert scene.spend("page") == 0.5
    assert scene.registry.get_sample_value("driftline_judge_leader") == 0
