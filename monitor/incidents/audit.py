"""The audit pack of a period: what monitoring and response did, by the outcomes of the AI RMF that it bears on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from monitor.incidents.actions import ActionItem
from monitor.incidents.booked import Book
from monitor.incidents.case import Case, Verdict
from monitor.incidents.containment import Measure
from monitor.incidents.controls import Entry as Control
from monitor.incidents.model import Incident
from monitor.incidents.report import Item, Part
from monitor.incidents.timeline import Broken
from monitor.incidents.times import Spread, Times, spread
from monitor.incidents.words import duration, incident_name, moment

STEPS: Final = ("detect", "notify", "acknowledge", "triage", "contain", "recover", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """One incident of the period, and what is known of it."""

    incident: Incident
    case: Case
    times: Times
    broken: Broken | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What a pack is made of.

    Attributes:
        begin_ms, end_ms: incidents opened in [begin, end).
        promised: false pages per ``promise_ms`` that the settings accept.
        settings_sha256, version: of what is running now.
        weaknesses: ways for a page to end in silence, now.
    """

    begin_ms: int
    end_ms: int
    handled: Sequence[Handled]
    controls: Sequence[Control]
    actions: Sequence[ActionItem]
    measures: Sequence[Measure]
    book: Book
    promised: float
    promise_ms: int
    settings_sha256: str
    version: str
    weaknesses: Sequence[str] = ()
    now_ms: int = 0

    @property
    def real(self) -> list[Handled]:
        """Without exercises."""
        return [each for each in self.handled if not each.incident.exercise]

    @property
    def drills(self) -> list[Handled]:
        """The exercises."""
        return [each for each in self.handled if each.incident.exercise]

    @property
    def overdue(self) -> list[ActionItem]:
        """Action items past their date."""
        return [each for each in self.actions if each.overdue(self.now_ms)]

    def spreads(self) -> dict[str, Spread]:
        """How long each step took over the incidents of the period that are not exercises."""
        lengths = [each.times.lengths() for each in self.real]
        return {step: spread([length for each in lengths if (length := each[step]) is not None]) for step in STEPS}


def title(period: Period) -> str:
    """``Audit pack, 2026-10-01 00:00 UTC to 2027-01-01 00:00 UTC``."""
    return f"Audit pack, {moment(period.begin_ms)} to {moment(period.end_ms)}"


def parts(period: Period) -> list[Part]:
    """The whole pack."""
    return [
        _monitoring(period),
        _incidents(period),
        _times(period),
        _promise(period),
        _controls(period),
        _containment(period),
        _actions(period),
        _drills(period),
        _record(period),
    ]


def figures(period: Period) -> dict[str, object]:
    """The figures alone, for programs."""
    return {
        "incidents": len(period.real),
        "times_s": {
            step: {
                "known": each.known,
                "median": None if each.median_ms is None else each.median_ms / 1000,
                "p90": None if each.p90_ms is None else each.p90_ms / 1000,
            }
            for step, each in period.spreads().items()
        },
        "false_pages": {
            "promised": period.promised,
            "booked": period.book.per(period.promise_ms),
            "period_s": period.promise_ms / 1000,
            "count": period.book.false_pages,
        },
        "undefined_controls": sorted(each.guardrail for each in period.controls if each.control is None),
        "overdue_actions": [each.name for each in period.overdue],
        "drills": [incident_name(each.incident.id) for each in period.drills],
        "broken_timelines": [incident_name(each.incident.id) for each in period.handled if each.broken is not None],
        "coverage_weaknesses": list(period.weaknesses),
    }


def _monitoring(period: Period) -> Part:
    rows = {
        "Driftline": period.version,
        "Settings (SHA-256)": period.settings_sha256,
        "Guardrails watched": str(sum(each.seen for each in period.controls)),
        "With a control statement": str(sum(each.control is not None for each in period.controls)),
        "Promise": f"{period.promised:g} false pages in {duration(period.promise_ms)}",
    }
    silent = "; ".join(period.weaknesses)
    return Part(
        heading="Monitoring (GOVERN 1.5, MANAGE 4.1, MEASURE 2.4)",
        rows=rows,
        note=f"Ways for a page to end in silence, now: {silent or 'none'}.",
    )


def _incidents(period: Period) -> Part:
    rows = [
        [
            incident_name(each.incident.id),
            moment(each.incident.opened_at_ms),
            each.incident.guardrail,
            each.incident.trouble.words if each.incident.trouble else "unclassified",
            each.incident.severity.value,
            each.case.verdict.value.replace("_", " ") if each.case.verdict else "no verdict",
            each.incident.status.value,
            "declared" if each.case.declared_ms is not None else "",
        ]
        for each in period.real
    ]
    head = ("", "opened", "guardrail", "type", "severity", "verdict", "status", "")
    return Part(heading="Incidents (MANAGE 4.3)", table=(head, rows), note=f"{len(rows)} incidents.")


def _times(period: Period) -> Part:
    rows = [
        [
            f"to {step}",
            str(each.known),
            "-" if each.median_ms is None else duration(each.median_ms),
            "-" if each.p90_ms is None else duration(each.p90_ms),
        ]
        for step, each in period.spreads().items()
    ]
    return Part(
        heading="Times (MEASURE 2.6, MANAGE 2.3)",
        table=(("", "incidents", "median", "90th percentile"), rows),
        note="To detect: from the earliest likely onset. Everything else: from detection.",
    )


def _promise(period: Period) -> Part:
    booked = period.book.per(period.promise_ms)
    verdicts = [each.case.verdict for each in period.real]
    rows = {
        "Promised": f"{period.promised:g} in {duration(period.promise_ms)}",
        "Booked": f"{booked:.2g} in {duration(period.promise_ms)} ({period.book.false_pages} in all)",
        "Without a verdict": str(sum(each is None for each in verdicts)),
        "True positives": str(sum(each is Verdict.true_positive for each in verdicts)),
    }
    noise = "; ".join(
        f"{guardrail}: {', '.join(f'{count} x {what}' for what, count in sorted(counts.items()))}"
        for guardrail, counts in sorted(period.book.noise.items())
    )
    return Part(
        heading="Promise against booked false pages (MEASURE 2.13, MEASURE 4.3)",
        rows=rows,
        note=f"Faults of pages, by the people whom they woke: {noise or 'none'}.",
    )


def _controls(period: Period) -> Part:
    undefined = sorted(each.guardrail for each in period.controls if each.control is None)
    other = sorted(each.guardrail for each in period.controls if each.disagreements)
    return Part(
        heading="Controls (MAP 3.5, MEASURE 2.7, GV.PO-01)",
        items=[Item(lead=each, text="has no control statement") for each in undefined]
        + [Item(lead=each, text="uses another threshold than it states") for each in other]
        or [Item(text="every control is defined, with the threshold that it states")],
    )


def _containment(period: Period) -> Part:
    rows = [
        [each.name, incident_name(each.incident_id), each.rule, each.state.value, each.approved_by or "nobody"]
        for each in period.measures
    ]
    return Part(
        heading="Containment (MANAGE 2.4, RS.MI-01)",
        table=(("", "incident", "measure", "state", "approved by"), rows),
        note="" if rows else "No measure was proposed.",
    )


def _actions(period: Period) -> Part:
    rows = [
        [each.name, incident_name(each.incident_id), each.text, each.owner, moment(each.due_ms), _state(each, period)]
        for each in period.actions
    ]
    return Part(
        heading="Action items (MANAGE 4.2, MS-2.7-006, ID.IM-03)",
        table=(("", "incident", "what", "owner", "due", "state"), rows),
        note=f"{len(period.overdue)} of {len(rows)} are overdue.",
    )


def _state(item: ActionItem, period: Period) -> str:
    if item.done_ms is not None:
        return "done late" if item.done_ms > item.due_ms else "done"
    return "OVERDUE" if item.overdue(period.now_ms) else "open"


def _drills(period: Period) -> Part:
    rows = [
        [
            incident_name(each.incident.id),
            moment(each.incident.opened_at_ms),
            each.incident.trouble.words if each.incident.trouble else "",
            *(
                "-" if length is None else duration(length)
                for step, length in each.times.lengths().items()
                if step in _SHOWN
            ),
        ]
        for each in period.drills
    ]
    return Part(
        heading="Exercises (ID.IM-02, MG-4.2-002)",
        table=(("", "begun", "type", *(f"to {step}" for step in _SHOWN)), rows),
        note="" if rows else "No drill was held in this period.",
    )


_SHOWN: Final = ("acknowledge", "triage", "contain", "recover", "close")


def _record(period: Period) -> Part:
    broken = [each for each in period.handled if each.broken is not None]
    items = [
        Item(lead=incident_name(each.incident.id), text=f"BROKEN: entry {each.broken.seq} {each.broken.why.value}")
        for each in broken
        if each.broken is not None
    ]
    return Part(
        heading="Integrity of the record (RS.AN-06, RS.AN-07)",
        items=items or [Item(text=f"all {len(period.handled)} timelines fit")],
    )
