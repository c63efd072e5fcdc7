"""What Driftline has said so far, gathered from the judge's reports for the view."""

from __future__ import annotations

import math
import threading

from monitor.demo.state import Evidence
from monitor.findings.model import Finding, Kind
from monitor.judging.assess import Assessor
from monitor.judging.judge import JudgeReport
from monitor.judging.state import PageTest
from monitor.signals.registry import SIGNALS


class Verdicts:
    """Filled on the judge's thread, read by the view's."""

    def __init__(self, *, guardrail: str) -> None:
        self._guardrail = guardrail
        self._lock = threading.Lock()
        self._evidence: tuple[Evidence, ...] = ()
        self._pages: dict[str, Finding] = {}
        self._learned = False

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

    def take(self, report: JudgeReport, assessor: Assessor | None) -> None:
        """One step of the judge."""
        if report.assessment is None or assessor is None:
            return
        with self._lock:
            for finding in report.assessment.findings:
                if finding.kind is Kind.page:
                    self._pages.setdefault(finding.id, finding)
            self._evidence = tuple(self._tests(assessor))
            self._learned = bool(self._evidence)

    def _tests(self, assessor: Assessor) -> list[Evidence]:
        engine = assessor.fleet.panel.evidence
        tests = []
        for test, (number, watch) in assessor.fleet.tests.items():
            unit = assessor.fleet.state.units[number].unit
            if not isinstance(watch, PageTest) or test != watch.test or unit.guardrail != self._guardrail:
                continue
            signal = SIGNALS[watch.signal]
            # Evidence starts from what one tick spends and alarms at 1: the distance is the budget's price.
            floor = math.log(max(engine.spend_of(test), 1e-300))
            value = engine.log_evidence_of(test)
            tests.append(
                Evidence(
                    name=f"{signal.name} {signal.questions[watch.question].name}",
                    log_evidence=0.0 if value == -math.inf else max(0.0, value - floor),
                    log_threshold=-floor,
                )
            )
        return tests
