from __future__ import annotations

import msgspec
import pytest

from monitor.alerting.grouping import SAME, Relation, relation
from monitor.alerting.policy import AlertPolicy
from monitor.findings.model import Finding
from monitor.incidents.model import Incident, Severity, Status
from tests.unit.alerting.record import HOUR, MINUTE, T0, notice, page


def incident(status: Status = Status.open, *, resolved: int | None = None, last: int = T0 + 2 * MINUTE) -> Incident:
    return Incident(
        id=1,
        key="k",
        guardrail="prompt-injection",
        status=status,
        severity=Severity.error,
        title="t",
        opened_at_ms=T0 + 3 * MINUTE,
        onset_low_ms=T0,
        last_found_ms=last,
        resolved_at_ms=resolved,
    )


GOING_ON = (page("old"),)
OVER = (page("old", ended=T0 + 10 * MINUTE),)


@pytest.mark.parametrize(
    ("findings", "onset", "expected"),
    [
        (GOING_ON, T0 + MINUTE, Relation.still_going),
        (GOING_ON, T0 + 3 * HOUR, Relation.still_going),
        (GOING_ON, T0 + 24 * HOUR, Relation.still_going),
        (GOING_ON, T0 + 24 * HOUR + 1, Relation.too_long),
        (OVER, T0 + 9 * MINUTE, Relation.still_going),
        (OVER, T0 + 9 * MINUTE + 1, Relation.soon_after),
        (OVER, T0 + 39 * MINUTE, Relation.soon_after),
        (OVER, T0 + 39 * MINUTE + 1, Relation.too_late),
        (OVER, T0 - 3 * HOUR, Relation.still_going),
        ((*OVER, page("other", onset=T0 + MINUTE)), T0 + 2 * HOUR, Relation.still_going),
        ((*OVER, notice("quiet")), T0 + 2 * HOUR, Relation.too_late),
    ],
)
def test_troubles_that_overlap_give_or_take_the_window_are_one_incident(
    findings: tuple[Finding, ...], onset: int, expected: Relation
) -> None:
    assert relation(incident(), findings, page("new", onset=onset), policy=AlertPolicy()) is expected


def test_an_end_that_is_long_before_the_incident_is_another_trouble() -> None:
    before = page("new", onset=T0 - 3 * HOUR, ended=T0 - 30 * MINUTE - 1)
    assert relation(incident(), GOING_ON, before, policy=AlertPolicy()) is Relation.too_early
    nearer = msgspec.structs.replace(before, ended_at_ms=T0 - 30 * MINUTE)
    assert relation(incident(), GOING_ON, nearer, policy=AlertPolicy()) in SAME


def test_in_doubt_about_the_onset_a_person_is_paged_anew() -> None:
    vague = msgspec.structs.replace(page("new", onset=T0), onset_high_ms=T0 + 2 * HOUR)
    assert relation(incident(), OVER, vague, policy=AlertPolicy()) is Relation.too_late


@pytest.mark.parametrize(
    ("onset", "expected"),
    [(T0 + 4 * MINUTE, Relation.not_over), (T0 + 4 * MINUTE + 1, Relation.after_resolution)],
)
def test_what_a_person_resolved_is_reopened_only_by_what_began_before(onset: int, expected: Relation) -> None:
    resolved = incident(Status.resolved, resolved=T0 + 5 * MINUTE)
    assert relation(resolved, OVER, page("new", onset=onset), policy=AlertPolicy()) is expected


def test_a_closed_incident_takes_nothing_more() -> None:
    assert relation(incident(Status.closed), GOING_ON, page("new"), policy=AlertPolicy()) is Relation.closed


def test_a_wider_window_and_a_shorter_span_are_kept_to() -> None:
    policy = AlertPolicy(group_window_ms=2 * HOUR, group_span_ms=3 * HOUR)
    assert relation(incident(), OVER, page("n", onset=T0 + 2 * HOUR), policy=policy) is Relation.soon_after
    assert relation(incident(), GOING_ON, page("n", onset=T0 + 4 * HOUR), policy=policy) is Relation.too_long
