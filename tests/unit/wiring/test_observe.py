"""What a step of the judge shows in the metrics."""

from __future__ import annotations

import dataclasses
import math

import pytest
from prometheus_client import CollectorRegistry

from monitor.clock import ManualClock
from monitor.counts.model import Slice
from monitor.judging.assess import Assessment
from monitor.judging.judge import JudgeReport, Step
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.view import ALL_TRAFFIC, JudgeView, TestKind, TestView, alarm_of
from monitor.metrics import Metrics
from monitor.wiring.observe import Observer

STREAM = Slice.of_guardrail("shield")


class Scene:
    """An observer and what it shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.observer = Observer(Metrics(self.registry), JudgeSettings(), ManualClock())

    def step(self, view: JudgeView, *, spent: dict[str, float] | None = None) -> None:
        brought = Assessment(spent=spent or {})
        self.observer.judged(JudgeReport(Step.judged, view.judged_before, brought, view), 0.1)

    def spend(self, kind: str) -> float:
        return self.registry.get_sample_value("driftline_spend_total", {"kind": kind}) or 0.0

    def evidence(self, signal: str, question: str, guardrail: str = "shield") -> float | None:
        labels = {"guardrail": guardrail, "category": "", "signal": signal, "question": question}
        return self.registry.get_sample_value("driftline_log_evidence", labels)


def a_test(kind: TestKind, *, log_evidence: float = -3.0, **other) -> TestView:
    values = {"unit": STREAM, "stream": 0, "signal": "verdict_mix", "question": kind.value} | other
    return TestView(kind=kind, alarm=alarm_of(kind), key=kind.value, log_evidence=log_evidence, **values)


def a_view(*tests: TestView, judged_before: int = 1) -> JudgeView:
    return JudgeView(judged_before=judged_before, tick_ms=10_000, guardrails=("shield",), streams=(), tests=tests)


def test_spend_adds_up_over_steps_and_never_falls():
    scene = Scene()
    for page in (0.25, 0.0, 0.5, -1e-17):
        scene.step(a_view(), spent={"page": page, "notice": 0.125, "end": 0.0})
    assert [scene.spend(kind) for kind in ("page", "notice", "end")] == [0.75, 0.5, 0.0]


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


def test_guardrails_without_a_control_statement_are_counted():
    scene = Scene()
    view = dataclasses.replace(JudgeReport(Step.judged), assessment=Assessment(), view=a_view())
    scene.observer.judged(view, 0.1)
    assert scene.registry.get_sample_value("driftline_undefined_controls") == 1


def test_a_step_without_judged_ticks_changes_nothing_but_who_leads():
    scene = Scene()
    scene.step(a_view(), spent={"page": 0.5})
    scene.observer.judged(JudgeReport(Step.standby), 0.1)
    assert scene.spend("page") == 0.5
    assert scene.registry.get_sample_value("driftline_judge_leader") == 0


def test_series_are_there_before_their_first_event():
    registry = CollectorRegistry()
    Observer(Metrics(registry), JudgeSettings(), ManualClock(), channels=["chat"])
    for name, labels in (
        ("driftline_records_rejected_total", {"reason": "invalid_json"}),
        ("driftline_findings_total", {"kind": "page"}),
        ("driftline_notifications_total", {"channel": "chat", "result": "given_up"}),
        ("driftline_log_evidence_threshold", {}),
    ):
        assert registry.get_sample_value(name, labels) == 0


def test_the_lowest_limit_of_a_question_is_beside_its_evidence():
    scene = Scene()
    scene.step(a_view(*(a_test(TestKind.page, limit=limit, question="near") for limit in (0.2, 0.05, None))))
    labels = {"guardrail": "shield", "category": "", "signal": "verdict_mix", "question": "near"}
    assert scene.registry.get_sample_value("driftline_page_limit", labels) == 0.05
