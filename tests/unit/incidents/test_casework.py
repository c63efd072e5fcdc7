"""Impact, the table of steps, and chains that refer to each other."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from monitor.errors import Refused
from monitor.incidents import casework, regroup
from monitor.incidents.candidates import CANDIDATES
from monitor.incidents.case import Case, Functional, Information, Recoverability, Verdict
from monitor.incidents.impact import MATRIX, priority_from, severity_from, shown
from monitor.incidents.model import Severity
from monitor.incidents.phases import STEPS, identifiers
from monitor.incidents.timeline import Head, What, verify
from tests.unit.alerting.record import Judge, page, sqlite_stores

README = Path(__file__).parents[3] / "monitor/incidents/README.md"
CSF = re.compile(r"(GV|ID|PR|DE|RS|RC)\.[A-Z]{2}-[0-9]{2}")
AI_RMF = re.compile(r"(GOVERN|MAP|MEASURE|MANAGE) [1-6]\.[0-9]{1,2}")


def test_the_matrix_never_falls_with_more_impact() -> None:
    rank = [Severity.warning, Severity.error, Severity.critical].index
    rows = [[rank(cell) for cell in row.values()] for row in MATRIX.values()]
    assert all(row == sorted(row) for row in rows)
    assert all(list(column) == sorted(column) for column in zip(*rows, strict=True))
    for functional in Functional:
        for information in Information:
            regular = severity_from(functional, information, Recoverability.regular)
            assert rank(severity_from(functional, information, Recoverability.extended)) >= rank(regular)


def test_the_readme_shows_the_matrix_as_it_is() -> None:
    text = README.read_text(encoding="utf-8")
    for functional, cells in MATRIX.items():
        assert f"| {functional.value} | {' | '.join(each.value for each in cells.values())} |" in text


def test_the_chosen_cell_is_shown_in_brackets_once() -> None:
    case = Case(incident_id=1, functional=Functional.low, information=Information.integrity)
    assert shown(case).count("[") == 1
    assert "[critical]" in shown(case)


def test_priority_puts_what_goes_on_before_what_is_over() -> None:
    assert priority_from(Severity.critical, going_on=True) == "P1"
    assert priority_from(Severity.error, going_on=False) == "P3"
    assert priority_from(Severity.warning, going_on=False) == "P4"


def test_every_kind_of_entry_has_a_step_with_identifiers_that_exist_in_form() -> None:
    assert set(STEPS) == set(What)
    for what in What:
        found = identifiers(what)
        assert any(CSF.fullmatch(each) for each in found), what
        assert any(AI_RMF.fullmatch(each) for each in found), what
        assert all(CSF.fullmatch(each) or AI_RMF.fullmatch(each) for each in found), what
        assert not {"RS.AN-01", "RS.AN-02", "RS.AN-04", "RS.AN-05", "RS.CO-01"} & set(found), "CSF 1.1"
    assert identifiers("of another version") == ()


def test_candidates_have_the_form_of_their_catalogues() -> None:
    assert all(re.fullmatch(r"AML\.T[0-9]{4}(\.[0-9]{3})?|LLM[0-9]{2}:2026", each) for each in CANDIDATES)


def test_merged_chains_name_each_other_so_that_a_rewritten_one_is_seen_from_the_other() -> None:
    with sqlite_stores() as stores:
        judge = Judge(stores)
        judge.finds(page("f1"))
        judge.finds(page("f2", guardrail="toxicity"))
        with stores.alerts.transaction() as store:
            regroup.merge(store, 2, actor="kim", now_ms=10**13, text="one release", into=1)
        gone, came = judge.timeline(2)[-1], judge.timeline(1)[-1]
        assert (gone.kind, came.kind) == (What.merged, What.merged_in)
        seq, digest = str(came.data["other_head"]).split(":")
        assert verify(judge.timeline(2), heads=[Head(int(seq), digest)]) is None
        cut = judge.timeline(2)[:-1]
        assert verify(cut, heads=[Head(int(seq), digest)]) is not None
        source = judge.incidents()[1]
        with stores.alerts.transaction() as store:
            assert store.case(1).keys == (source.key,)
            assert store.case(2).merged_into == 1


def test_what_is_found_later_of_a_merged_finding_goes_to_the_incident_that_has_it() -> None:
    with sqlite_stores() as stores:
        judge = Judge(stores)
        judge.finds(page("f1"))
        second = judge.finds(page("f2", guardrail="toxicity"))
        with stores.alerts.transaction() as store:
            regroup.merge(store, 2, actor="kim", now_ms=second.detected_at_ms + 5000, text="one release", into=1)
        judge.finds(msgspec.structs.replace(second, ended_at_ms=second.detected_at_ms + 60_000))
        assert "finding_ended" in judge.kinds(1)
        assert "finding_ended" not in judge.kinds(2)


def test_triage_refuses_what_is_no_technique_and_no_factor() -> None:
    with sqlite_stores() as stores:
        Judge(stores).finds(page("f1"))
        for wrong in ({"candidates": ["AML.T9999"]}, {"factors": {"mood": "bad"}}):
            with stores.alerts.transaction() as store, pytest.raises(Refused, match="is no"):
                casework.triage(
                    store,
                    1,
                    actor="kim",
                    now_ms=10**13,
                    text="x",
                    verdict=Verdict.true_positive,
                    **wrong,  # type: ignore[arg-type]
                )
