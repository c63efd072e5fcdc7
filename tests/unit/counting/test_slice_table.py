"""Slices: what an event is counted under, and that hostile cardinality is pooled, never dropped."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.counting.slice_table import SliceTable
from monitor.events.batch import ScoreKind, ScoreSemantics, Stage, Strings, Vocabulary
from tests.unit.batches import batch


def slices_of(table, events):
    return [table.slice_of(int(code)) for code in table.codes(events)]


def test_a_slice_says_what_the_event_said():
    events = batch(
        guardrail="injection",
        guardrail_version="2",
        category="jailbreak",
        stage=int(Stage.output),
        score_kind=int(ScoreKind.quantised),
        semantics=int(ScoreSemantics.inverted),
        threshold=0.4375,
        language="en",
        app="chat",
        model="m",
        model_version="7",
        format="text",
    )
    (piece,) = slices_of(SliceTable(events.vocabulary), events)
    assert piece.guardrail == "injection"
    assert (piece.guardrail_version, piece.category, piece.stage) == ("2", "jailbreak", "output")
    assert (piece.score_kind, piece.semantics, piece.threshold_milli) == ("quantised", "inverted", 438)
    assert (piece.language, piece.app, piece.model, piece.model_version, piece.format) == (
        "en",
        "chat",
        "m",
        "7",
        "text",
    )


def test_what_is_missing_is_empty_and_a_missing_threshold_is_minus_one():
    missing = dict.fromkeys(("guardrail_version", "category", "stage", "score_kind", "semantics"), -1)
    events = batch(threshold=np.nan, **missing)
    (piece,) = slices_of(SliceTable(events.vocabulary), events)
    assert (piece.guardrail_version, piece.stage, piece.score_kind, piece.threshold_milli) == ("", "", "", -1)
    assert (piece.language, piece.format) == ("", "")


def test_a_stratum_beyond_the_units_room_is_pooled_into_the_units_other():
    words = [f"l{i}" for i in range(50)]
    events = batch(language=words)
    table = SliceTable(events.vocabulary, strata_per_unit=5)
    languages = [piece.language for piece in slices_of(table, events)]
    assert languages == words[:5] + [Strings.OVERFLOW] * 45
    assert table.pooled == 45
    assert [piece.language for piece in slices_of(table, batch(events.vocabulary, language="l3"))] == ["l3"]


def test_one_units_strata_leave_room_for_anothers():
    vocabulary = Vocabulary.bounded()
    table = SliceTable(vocabulary, strata_per_unit=2)
    slices_of(table, batch(vocabulary, guardrail="a", language=[f"l{i}" for i in range(9)]))
    (piece,) = slices_of(table, batch(vocabulary, guardrail="b", language="sv"))
    assert (piece.guardrail, piece.language) == ("b", "sv")


def test_units_beyond_their_number_are_pooled_into_one_unknown_unit_of_their_guardrail():
    vocabulary = Vocabulary.bounded()
    table = SliceTable(vocabulary, units=3)
    events = batch(vocabulary, guardrail=["a", "b"] * 4, guardrail_version=[f"v{i}" for i in range(8)])
    pieces = slices_of(table, events)
    assert [piece.guardrail for piece in pieces] == ["a", "b"] * 4
    assert [piece.guardrail_version for piece in pieces] == ["v0", "v1", "v2"] + [Strings.OVERFLOW] * 5
    assert {piece.stage for piece in pieces[3:]} == {""}
    assert table.is_pooled(table.codes(events)).tolist() == [False] * 3 + [True] * 5


def test_a_name_in_parentheses_is_no_name_of_the_log():
    """Units of our own have such names: no request may count in them."""
    vocabulary = Vocabulary.bounded()
    own = vocabulary.category.own("(whole)")
    assert vocabulary.category.code("(whole)") == 0 != own
    assert vocabulary.category.text(own) == "(whole)"


ROW = st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.2, 0.5, np.nan]))


@given(rows=st.lists(ROW, min_size=1, max_size=200), units=st.integers(1, 6), strata=st.integers(1, 6))
def test_codes_are_stable_bounded_and_every_event_has_one(rows, units, strata):
    vocabulary = Vocabulary.bounded()
    events = batch(
        vocabulary,
        guardrail=[f"g{g}" for g, _, _ in rows],
        language=[f"l{s}" for _, s, _ in rows],
        threshold=[t for *_, t in rows],
    )
    table = SliceTable(vocabulary, units=units, strata_per_unit=strata, slices=12)
    codes = table.codes(events)
    assert codes.min() >= 0
    assert codes.max() < len(table) <= 12 + units + 10  # each unit, a guardrail's pooled one too, can get its (other)
    assert np.array_equal(codes, table.codes(events))
    for code, (g, s, _) in zip(codes.tolist(), rows, strict=True):
        piece = table.slice_of(code)
        assert piece.guardrail in (f"g{g}", Strings.OVERFLOW)
        assert piece.language in (f"l{s}", Strings.OVERFLOW)
    by_unit: dict = {}
    for code in set(codes.tolist()):
        piece = table.slice_of(code)
        by_unit.setdefault((piece.guardrail, piece.guardrail_version, piece.threshold_milli), set()).add(
            piece.language
        )
    assert max(len(languages) for languages in by_unit.values()) <= strata + 1


@given(rows=st.lists(ROW, min_size=1, max_size=60), cut=st.integers(0, 60))
def test_batches_do_not_matter(rows, cut):
    vocabulary = Vocabulary.bounded()

    def events(part):
        return batch(vocabulary, guardrail=[f"g{g}" for g, _, _ in part], language=[f"l{s}" for _, s, _ in part])

    one, two = SliceTable(vocabulary, strata_per_unit=3), SliceTable(vocabulary, strata_per_unit=3)
    whole = one.codes(events(rows)).tolist()
    parts = [two.codes(events(part)).tolist() for part in (rows[:cut], rows[cut:]) if part]
    assert [code for part in parts for code in part] == whole


def test_what_is_approved_keeps_its_room_however_much_junk_comes_first():
    known = batch(guardrail="injection", category="jailbreak", language="en", app="chat", threshold=0.5)
    (approved,) = slices_of(SliceTable(known.vocabulary), known)
    vocabulary = Vocabulary.bounded(guardrails=10, others=4)
    table = SliceTable(vocabulary, units=4, strata_per_unit=2, slices=8)
    table.know([approved])
    for number in range(20):
        slices_of(table, batch(vocabulary=vocabulary, guardrail="injection", language=f"junk{number}", threshold=0.5))
    again = batch(
        vocabulary=vocabulary, guardrail="injection", category="jailbreak", language="en", app="chat", threshold=0.5
    )
    assert slices_of(table, again) == [approved]
