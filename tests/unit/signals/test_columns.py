"""Columns of the count table are never given away twice: databases hold counts of every rule that there was."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from monitor.signals.layout import Columns, Layout, checked, layout_of
from monitor.signals.registry import ASSIGNED, COLUMNS, LAYOUT, OFFSETS, SIGNALS, USED_COLUMNS
from tests.unit.signals.any_events import rule_digest

PINNED = {
    ("boundary_proximity", 1): (1, 14, "b469be15bb7b"),
    ("verdict_mix", 1): (15, 20, "cf2fd4a99f2e"),
    ("coverage", 1): (35, 6, "100781ecb776"),
    ("request_join", 1): (41, 4, "84b0bcdaac39"),
    ("layer_bypass", 1): (45, 4, "48461213a2b4"),
    ("spec_gaming", 1): (49, 2, "c26554cd12d8"),
    ("contradictions", 1): (51, 3, "cfe039738721"),
    ("score_shift", 1): (54, 20, "e08237fe7a70"),
    ("input_length", 1): (74, 13, "a05680cd2982"),
    ("input_script", 1): (87, 10, "5ddb3182c8b0"),
    ("input_disorder", 1): (97, 5, "d7da0025794e"),
    ("input_turn", 2): (102, 9, "648c17d6fa76"),
    ("input_rules", 1): (111, 5, "43803d90e7fd"),
    ("output_length", 1): (116, 13, "2b5354ee83a6"),
    ("output_refusal", 1): (129, 2, "fccbeb0a0114"),
    ("output_finish", 1): (131, 6, "ec98429526e7"),
    ("category_mix", 1): (137, 25, "b3bae1d69c99"),
    ("repetition", 1): (162, 2, "d024c00f30a6"),
    ("campaign", 1): (164, 6, "cdb65fe57db9"),
    ("labels_harmful", 1): (170, 2, "12e37f0066e3"),
    ("labels_benign", 1): (172, 2, "ba8aa15bb00e"),
    ("category_mix", 2): (174, 25, "b3bae1d69c99"),
}
"""(signal, version) -> first column, bins, digest of its rule: added to, never changed or taken away."""


def test_every_rule_has_the_columns_that_it_had() -> None:
    found = {(one.signal, one.version): (one.first, one.bins) for one in ASSIGNED}
    moved = {rule: pin for rule, pin in PINNED.items() if found.get(rule) != pin[:2]}
    assert moved == {}, "columns keep their meaning for ever: put them back in monitor/signals/placed.py (Retired)"


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_a_rule_that_changes_has_a_new_version(signal) -> None:
    now = (OFFSETS[signal.name], len(signal.bins), rule_digest(signal))
    rule = signal.name, signal.version
    assert rule in PINNED, f"a new rule: add `{rule!r}: {now!r},` to PINNED"
    assert now == PINNED[rule], "another rule needs another version; if only a bin's name changed, renew the pin"


def test_columns_lie_side_by_side() -> None:
    assert [one.first for one in ASSIGNED] == [1, *(one.end for one in ASSIGNED[:-1])]
    assert max(one.end for one in LAYOUT.columns) == USED_COLUMNS <= COLUMNS


A, B, A2 = Columns("a", 1, 1, 3), Columns("b", 1, 4, 2), Columns("a", 2, 6, 4)
OLD, NEW = Layout((A, B), 16), Layout((B, A2), 32)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((A, Columns("c", 1, 3, 1)), "c version 1 in columns 3 to 3 overlap"),
        ((A, Columns("a", 1, 9, 3)), "columns twice"),
        ((A, Columns("c", 1, 15, 2)), "raise COLUMNS"),
    ],
)
def test_places_that_cannot_be_are_refused(columns: tuple[Columns, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked(columns, 16)


def test_two_layouts_share_what_means_the_same() -> None:
    assert NEW.shared(OLD) == {"b"}
    assert NEW.lacking(OLD) == {"a"}
    assert OLD.without({"a"}) == Layout((B,), 16)
    assert NEW.mask(OLD).nonzero()[0].tolist() == [0, 4, 5]
    assert OLD.contradictions(NEW) == []
    cell = np.array([16, 17, 20, 21, 32 + 4], np.int64)
    kept, there = OLD.cells_in(NEW, cell)
    assert kept.tolist() == [True, False, True, True, True]
    assert there.tolist() == [32, 36, 37, 64 + 4]


def test_layouts_that_would_mix_meanings_say_where() -> None:
    reused = Layout((Columns("c", 1, 2, 2), B), 16)
    assert OLD.contradictions(reused) == ["a version 1 in columns 1 to 3 here, c version 1 in columns 2 to 3 there"]
    moved = Layout((dataclasses.replace(B, first=8),), 16)
    assert OLD.contradictions(moved) == ["b version 1 in columns 4 to 5 here, b version 1 in columns 8 to 9 there"]


def test_a_layout_comes_back_from_its_document() -> None:
    assert layout_of(LAYOUT.document()) == LAYOUT
    assert layout_of(LAYOUT.document()).fingerprint == LAYOUT.fingerprint


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        json.dumps({"width": 16}),
        json.dumps({"width": 2**40, "columns": []}),
        json.dumps({"width": 16, "columns": [["a", 1, 0, 2]]}),
        json.dumps({"width": 16, "columns": [["a", 1, 15, 2]]}),
        json.dumps({"width": 16, "columns": [["a", 1, 15]]}),
    ],
)
def test_a_damaged_document_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="not the layout of counts"):
        layout_of(document)
