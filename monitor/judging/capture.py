"""Makes the captures that were asked for: evidence, curve, detector state and settings of the moment.

    capture_step(alerts, judge, log, now_ms=..., tick_ms=..., setup=...)     every few seconds, by the lease holder

The judge's own transaction only asks for a capture; what takes reading and drawing is done here. Idempotent: a
capture is written together with its entry, once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from monitor.alerting.ports import Alerts
from monitor.findings.model import EVERY_GUARDRAIL, Finding
from monitor.incidents import timeline
from monitor.incidents.evidence import Capture, Setup, document, entry_data
from monitor.incidents.lifecycle import DRIFTLINE
from monitor.incidents.line_svg import Line, svg
from monitor.incidents.timeline import What
from monitor.judging.curves import picture
from monitor.judging.evidence_points import EvidencePoint
from monitor.judging.ports import EvidenceLog, JudgeStore

AT_ONCE: Final = 20
MOST_POINTS: Final = 500
AROUND_MS: Final = 3_600_000
"""Evidence from an hour before the onset on."""


def capture_step(
    alerts: Alerts, judge: JudgeStore, log: EvidenceLog, *, now_ms: int, tick_ms: int, setup: Setup
) -> int:
    """Make what is due, at most :data:`AT_ONCE`; returns how many.

    Raises:
        StoreUnavailable: the database is away; what is not written stays due.
    """
    with alerts.transaction() as store:
        due = [(each, store.finding(each.finding_id)) for each in store.due_captures(now_ms=now_ms, limit=AT_ONCE)]
    for wanted, finding in due:
        text = None if finding is None else _document(wanted, finding, judge, log, now_ms, tick_ms, setup)
        with alerts.transaction() as store:
            last = store.last_entry(wanted.incident_id)  # locks the incident
            present = store.capture(wanted.incident_id, wanted.finding_id, wanted.moment)
            if last is None or present is None or present.due_ms is None:
                continue  # somebody else was faster
            seq = None
            if text is not None:
                entry = timeline.append(
                    store,
                    incident_id=wanted.incident_id,
                    at_ms=now_ms,
                    actor=DRIFTLINE,
                    kind=What.evidence,
                    data=entry_data(text),
                )
                seq = entry.seq
            store.save_capture(msgspec.structs.replace(wanted, due_ms=None, seq=seq, document=text))
    return len(due)


def _document(
    wanted: Capture, finding: Finding, judge: JudgeStore, log: EvidenceLog, now_ms: int, tick_ms: int, setup: Setup
) -> str:
    points = _points(finding, log, tick_ms=tick_ms)
    pictures = {
        "before_and_after": _curve(finding, judge, tick_ms=tick_ms),
        "evidence": _evidence(finding, points, tick_ms),
    }
    return document(
        finding,
        wanted.moment,
        at_ms=now_ms,
        setup=setup,
        detector=_detector(finding, log),
        evidence=[
            {
                "at_ms": each.tick * tick_ms,
                "question": each.question,
                "log_evidence": _finite(each.log_evidence),
                "spent": _finite(each.spent),
            }
            for each in points
        ],
        pictures={name: drawn for name, drawn in pictures.items() if drawn},
    )


def _points(finding: Finding, log: EvidenceLog, *, tick_ms: int) -> Sequence[EvidencePoint]:
    found = log.points(
        guardrail=finding.guardrail or EVERY_GUARDRAIL,
        signal=finding.signal,
        from_tick=(finding.onset_low_ms - AROUND_MS) // tick_ms,
        limit=4 * MOST_POINTS,
    )
    mine = [
        each
        for each in found
        if each.unit.category == finding.category and each.unit.guardrail_version == finding.guardrail_version
    ]
    return mine[-MOST_POINTS:]


def _curve(finding: Finding, judge: JudgeStore, *, tick_ms: int) -> str:
    drawn = picture(finding, judge, tick_ms=tick_ms)
    if drawn is None:
        return ""
    levels = [("approved limit", drawn.level), ("baseline", drawn.baseline)]
    return svg(
        Line(
            title=drawn.what,
            points=[(drawn.start_ms + place * drawn.step_ms, value) for place, value in enumerate(drawn.values)],
            levels=[(name, value) for name, value in levels if value is not None],
            marks=_marks(finding),
            band=(drawn.onset_low_ms, drawn.onset_high_ms),
        )
    )


def _evidence(finding: Finding, points: Sequence[EvidencePoint], tick_ms: int) -> str:
    asked = [each for each in points if each.question == finding.question]
    return svg(
        Line(
            title=f"log evidence of {finding.question}; an alarm is at 0",
            points=[(each.tick * tick_ms, each.log_evidence) for each in asked],
            levels=[("alarm", 0.0)],
            marks=_marks(finding),
            band=(finding.onset_low_ms, finding.onset_high_ms),
        )
    )


def _marks(finding: Finding) -> list[tuple[str, int]]:
    times = (("found", finding.paged_at_ms or finding.detected_at_ms), ("over", finding.ended_at_ms))
    return [(name, at) for name, at in times if at is not None]


def _detector(finding: Finding, log: EvidenceLog) -> Mapping[str, object]:
    """The state of the streams that the finding is about, as the judge stored it last."""
    streams = [
        {
            "unit": dataclasses.asdict(each.unit),
            "state": each.state.value,
            "baseline_events": each.events,
            "baseline_ticks": each.ticks,
            "window": each.window,
            "watched_from": each.watched_from,
            "approved_by_person": each.by_person,
            "unavailable": [list(pair) for pair in each.unavailable],
        }
        for each in log.streams()
        if each.unit.guardrail == finding.guardrail
        and each.unit.category in ("", finding.category)
        and each.unit.guardrail_version == finding.guardrail_version
    ]
    return {
        "test": finding.evidence.detail,
        "log_evidence": _finite(finding.evidence.log_evidence),
        "level": finding.evidence.level,
        "promise": finding.promise.value,
        "streams": streams[:20],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
