"""Which harms a guardrail finds: bins by name alone, counted over all of its categories."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest

from monitor.counting.counter import CountRule, PartitionCounter
from monitor.counting.ports import Position
from monitor.counting.slice_table import SliceTable
from monitor.counts.model import Slice
from monitor.events.batch import MISSING, Verdict, Vocabulary
from monitor.signals import category_mix
from monitor.signals.category_mix import BINS, FAMILIES, UNLISTED, family
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, OFFSETS
from monitor.signals.signal import ALL
from tests.unit.batches import batch
from tests.unit.events.formats.samples import SAMPLES

NO_HARM = {"code", "text", "not_covered", "default.contains", "portkey.moderateContent"}
"""Names in which a product says what was looked at, or that it has no answer, and no kind of harm."""
TABLE = 166190377
"""CRC-32 of the families and their words."""
HATE, PII = BINS.index("hate"), BINS.index("personal data")


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("jailbreak", "prompt attack"),
        ("content/PROMPT_ATTACK", "prompt attack"),
        ("moderated_content/hate", "hate"),
        ("hate/threatening", "hate"),
        ("self-harm/intent", "self-harm"),
        ("sexual/minors", "minors"),
        ("pii/regex/ticket", "personal data"),
        ("word/PROFANITY", "toxicity"),
        ("topic/Investment advice", "topic"),
        ("S11", "self-harm"),
        ("protected_material_code", "copyright"),
    ],
)
def test_vendors_words_for_a_harm_share_a_bin(category: str, expected: str):
    assert BINS[family(category)] == expected


def test_every_category_of_the_golden_samples_is_in_the_table():
    named = {event["category"] for sample in SAMPLES for event in sample.events if event.get("category")}
    assert len(named) > 20
    assert {name for name in named if family(name) >= len(FAMILIES)} == NO_HARM


def test_another_table_of_families_is_another_version():
    table = zlib.crc32(json.dumps(FAMILIES).encode())
    assert (category_mix.SIGNAL.version, table) == (2, TABLE), "a changed table needs a new version, and a new pin"


def test_unlisted_categories_are_told_apart_by_their_names_and_nothing_else():
    names = [f"house rule {i}" for i in range(200)]
    bins = [family(name) for name in names]
    assert set(bins) == set(range(len(FAMILIES), len(FAMILIES) + UNLISTED))
    family.cache_clear()
    assert [family(name) for name in reversed(names)] == bins[::-1]
    assert family("House Rule 7") == family("house rule 7")


@pytest.mark.parametrize("category", ["", "/", "//", "日本語", "a" * 128, "(other)"])
def test_any_name_has_a_bin(category: str):
    assert 0 <= family(category) < len(BINS)


def test_only_what_the_guardrail_objected_to_under_a_category_is_asked():
    verdicts = [Verdict.allow, Verdict.flag, Verdict.deny, Verdict.modify, MISSING, Verdict.deny]
    categories = ["hate", "hate", "pii", "hate", "hate", MISSING]
    codes = category_mix.code(batch(verdict=verdicts, category=categories))
    assert codes.tolist() == [-1, HATE, PII, HATE, -1, -1]
    assert codes.dtype == np.int16
    assert category_mix.code(batch(verdict=[Verdict.allow] * 3, category="hate")).tolist() == [-1] * 3


def counted(events, vocabulary) -> dict[tuple[Slice, int], int]:
    table = SliceTable(vocabulary)
    counter = PartitionCounter(Position("p", -1, None, 1, b""), CountRule(), table)
    counter.count(events)
    counter.end()
    known: list[Slice] = []

    def ids_of(pieces):
        known.extend(piece for piece in pieces if piece not in known)
        return [known.index(piece) for piece in pieces]

    found: dict[tuple[Slice, int], int] = {}
    for tick in counter.commit(ids_of).counts:
        for cell, count in zip(tick.cells.tolist(), tick.counts.tolist(), strict=True):
            key = known[cell // COLUMNS], cell % COLUMNS
            found[key] = found.get(key, 0) + count
    return found


def test_a_guardrail_s_mix_is_counted_over_its_categories_and_its_events_once():
    words = Vocabulary.bounded()
    events = batch(
        words, category=["hate", "pii", "pii", "hate"], verdict=[2, 2, 1, 0], language=["en", "en", "de", "en"],
        time_ms=[1_000_000] * 4,
    )  # fmt: skip
    found = counted(events, words)
    mix = OFFSETS["category_mix"]
    pooled = {
        (piece.language, column - mix): n for (piece, column), n in found.items() if mix <= column < mix + len(BINS)
    }
    assert pooled == {("en", HATE): 1, ("en", PII): 1, ("de", PII): 1}
    own = {piece for piece, column in found if column == EVENTS_COLUMN}
    assert {piece.category for piece in own} == {"hate", "pii"}
    assert sum(n for (_, column), n in found.items() if column == EVENTS_COLUMN) == 4
    all_of_it = {piece for piece, _ in found} - own
    assert {(p.guardrail, p.category, p.stage, p.score_kind, p.threshold_milli) for p in all_of_it} == {
        ("filter", ALL, "input", "", -1)
    }
    assert {column for piece, column in found if piece in all_of_it} <= set(range(mix, mix + len(BINS)))


def test_a_guardrail_without_categories_has_no_pooled_slice():
    words = Vocabulary.bounded()
    found = counted(batch(words, verdict=[2, 0], time_ms=[1_000_000] * 2), words)
    assert {piece.category for piece, _ in found} == {""}
