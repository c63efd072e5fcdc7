"""Driftline's findings so far, gathered from the judge's reports for the view."""

from __future__ import annotations

import math
import threading

from monitor.counts.model import Slice
from monitor.demo.state import Evidence
from monitor.findings.model import Finding, Kind
from monitor.judging.judge import JudgeReport
from monitor.judging.view import JudgeView, TestKind


class Verdicts:
    """Filled on the judge's thread, read by the view's."""

    def __init__(self, *, guardrail: str) -> None:
        self._guardrail = guardrail
        self._lock = threading.Lock()
        self._evidence: tuple[Evidence, ...] = ()
        self._pages: dict[str, Finding] = {}
        self._learned = False
        self._floors: dict[tuple[Slice, str, str], float] = {}
        """Logarithm of what a tick of each test spends."""

    @property
    def learned(self) -> bool:
        """Whether the guardrail has a baseline."""
        return self._learned

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The material tests of the guardrail: how far each has climbed from its spend to the alarm."""
        with self._lock:
            return self._evidence

    @property
    def pages(self) -> tuple[Finding, ...]:
        """All pages, of whichever guardrail, as they were when first sent."""
        with self._lock:
            return tuple(self._pages.values())

    @property
    def first_page(self) -> Finding | None:
        """The first page of all."""
        return next(iter(self.pages), None)

    def take(self, report: JudgeReport) -> None:
        """One step of the judge."""
        if report.assessment is None or report.view is None:
            return
        with self._lock:
            for finding in report.assessment.findings:
                if finding.kind is Kind.page:
                    self._pages.setdefault(finding.id, finding)
            self._evidence = tuple(self._tests(report.view))
            self._learned = bool(self._evidence)

    def _tests(self, view: JudgeView) -> list[Evidence]:
        tests = []
        for test in view.tests:
            if test.kind is not TestKind.page or test.unit.guardrail != self._guardrail:
                continue
            # Evidence starts from what one tick spends and alarms at 1: the distance is the budget's price. A test
            # that has alarmed spends nothing while its page is open; it is shown at the alarm.
            key = (test.unit, test.signal, test.question)
            if test.spend > 0:
                self._floors[key] = math.log(test.spend)
            floor = self._floors.get(key, math.log(1e-300))
            tests.append(
                Evidence(
                    name=f"{test.signal} {test.question}",
                    log_evidence=0.0 if test.log_evidence == -math.inf else max(0.0, test.log_evidence - floor),
                    log_threshold=-floor,
                )
            )
        return tests
