"""A partition's counts: what is added up, and that batches, restarts and re-reading do not show."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.counting.counter import CountRule, PartitionCounter, sum_tally
from monitor.counting.memory import MemoryRule
from monitor.counting.ports import Commit, Mark, Position
from monitor.counting.slice_table import SliceTable
from monitor.counting.tick import TickRule
from monitor.events.batch import Action, ScoreKind, Status, Verdict, Vocabulary
from monitor.signals import labels
from monitor.signals.intake import Record
from monitor.signals.registry import COLUMNS, EVENTS_COLUMN, LAYOUT, OFFSETS, SIGNALS
from tests.unit.batches import batch, part

T0 = 1_700_000_000_000
RULE = CountRule(
    tick=TickRule(tick_ms=1_000, lateness_ms=200, ahead_ms=5_000), memory=MemoryRule(ids=16, requests=11, prompts=40)
)


@dataclass
class Ledger:
    """Keeps one partition's commits as storage does: refuses what does not continue, adds up what does."""

    position: Position = field(default_factory=lambda: Position("p", -1, None, 1, b""))
    sums: Counter = field(default_factory=Counter)
    tallies: list = field(default_factory=list)
    _ids: dict = field(default_factory=dict)

    def ids(self, slices):
        return [self._ids.setdefault(piece, len(self._ids) + 1) for piece in slices]

    def take(self, commit: Commit) -> None:
        assert (commit.from_offset, commit.generation) == (self.position.next_offset, self.position.generation)
        slices = {number: piece for piece, number in self._ids.items()}
        for tick in commit.counts:
            assert (np.diff(tick.cells) > 0).all()
            for cell, count in zip(tick.cells.tolist(), tick.counts.tolist(), strict=True):
                self.sums[tick.tick, slices[cell // COLUMNS], cell % COLUMNS] += count
        self.tallies.append(commit.tally)
        self.position = Position("p", commit.to_offset, commit.closed_before, 1, commit.state)


def counter_at(ledger: Ledger, vocabulary: Vocabulary) -> PartitionCounter:
    return PartitionCounter(ledger.position, RULE, SliceTable(vocabulary))


def counted(events, **more) -> tuple[Ledger, Commit]:
    ledger = Ledger()
    counter = counter_at(ledger, events.vocabulary)
    counter.count(events, **more)
    commit = counter.commit(ledger.ids)
    ledger.take(commit)
    return ledger, commit


def test_an_event_adds_one_to_its_slice_and_to_the_bin_of_every_signal_that_applies():
    events = batch(
        time_ms=[T0], record_ms=T0, language="en", score=0.51, verdict=int(Verdict.deny), action=int(Action.block)
    )
    ledger, commit = counted(events)
    boundary, verdict, coverage, *_ = SIGNALS
    after = OFFSETS["coverage"] + len(coverage.bins)
    columns = {key[2]: n for key, n in ledger.sums.items() if key[2] < after}
    assert columns == {
        EVENTS_COLUMN: 1,
        OFFSETS["boundary_proximity"] + boundary.bins.index("above 1"): 1,
        OFFSETS["verdict_mix"] + verdict.bins.index("deny/block"): 1,
        OFFSETS["coverage"] + coverage.bins.index("ok"): 1,
    }
    ((tick, piece, _), _), *_ = ledger.sums.items()
    assert (tick, piece.guardrail, piece.language, piece.threshold_milli) == (T0 // 1000, "filter", "en", 500)
    assert (commit.from_offset, commit.to_offset, commit.layout, commit.mark) == (-1, 1, LAYOUT, Mark.data)


def test_a_signal_that_is_switched_off_is_neither_counted_nor_in_the_layout():
    events = batch(time_ms=[T0], record_ms=T0, verdict=int(Verdict.deny))
    ledger = Ledger()
    rule = dataclasses.replace(RULE, off=frozenset({"verdict_mix"}))
    counter = PartitionCounter(ledger.position, rule, SliceTable(events.vocabulary))
    counter.count(events)
    commit = counter.commit(ledger.ids)
    assert LAYOUT.lacking(commit.layout) == {"verdict_mix"}
    columns = set((commit.counts[0].cells % COLUMNS).tolist())
    assert not columns & set(range(OFFSETS["verdict_mix"], OFFSETS["verdict_mix"] + len(SIGNALS[1].bins)))
    assert OFFSETS["coverage"] in columns


def test_a_boolean_score_says_nothing_about_the_boundary():
    events = batch(time_ms=[T0], record_ms=T0, score=0.5, score_kind=int(ScoreKind.boolean))
    _, commit = counted(events)
    columns = set((commit.counts[0].cells % COLUMNS).tolist())
    first = OFFSETS["boundary_proximity"]
    assert not columns & set(range(first, first + len(SIGNALS[0].bins)))


def test_a_guardrail_that_did_not_run_counts_for_coverage_and_for_no_verdict():
    events = batch(time_ms=[T0], record_ms=T0, status=int(Status.timeout), verdict=-1, score=np.nan)
    _, commit = counted(events)
    timeout = OFFSETS["coverage"] + SIGNALS[2].bins.index("timeout")
    assert (commit.counts[0].cells % COLUMNS).tolist() == [EVENTS_COLUMN, timeout, OFFSETS["intake"]]


def test_what_became_of_each_record_is_counted_for_the_log_as_a_whole():
    vocabulary = Vocabulary.bounded(others=2)
    events = batch(
        vocabulary,
        time_ms=[T0] * 3 + [T0 + 2_000] * 5,
        record_ms=T0,
        event_id=[1, 2, 2, 3, 3, 4, 5, 6],
        offset=[1, 2, 3, 5, 6, 7, 8, 9],
        score=[0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1],
        harmful=[-1, -1, -1, -1, -1, 1, -1, -1],
        category=["a", "a", "a", "a", "a", "a", "b", "c"],
    )
    rejected = [(0, "not_json"), (4, "not_json"), (10, "not_json"), (11, "not_judged")]
    ledger, _ = counted(events, rejected=rejected)
    first = OFFSETS["intake"]
    found = {(tick, Record(c - first).name): n for (tick, _, c), n in ledger.sums.items() if c >= first}
    tick = T0 // 1_000
    assert found == {
        (tick, "event"): 2,
        (tick, "duplicate"): 1,
        (tick, "rejected"): 1,  # the one before there was any time is in no tick
        (tick + 2, "event"): 2,
        (tick + 2, "reused_id"): 1,
        (tick + 2, "label"): 1,
        (tick + 2, "pooled"): 1,
        (tick + 2, "rejected"): 1,
    }


def test_a_label_from_another_source_is_an_event():
    events = batch(time_ms=[T0, T0], record_ms=T0, event_id=[1, 2], harmful=[1, -1])
    for source, number in (("labels", 1), ("events", 2)):
        ledger = Ledger()
        rule = dataclasses.replace(RULE, labels_from=frozenset({"labels"}))
        counter = PartitionCounter(ledger.position, rule, SliceTable(events.vocabulary), source=source)
        counter.count(events)
        ledger.take(counter.commit(ledger.ids))
        assert sum(n for (_, _, column), n in ledger.sums.items() if column == EVENTS_COLUMN) == number
        assert not [key for key in ledger.sums if key[2] == OFFSETS["intake"] + Record.label]


def test_unreadable_records_lost_records_and_duplicates_are_told_apart():
    ledger = Ledger()
    events = batch(time_ms=[T0, T0, T0], record_ms=T0, event_id=[7, 8, 7], offset=[0, 2, 3])
    counter = counter_at(ledger, events.vocabulary)
    counter.count(events, [(1, "not_json")])
    counter.skip(9, records=5)
    ledger.take(counter.commit(ledger.ids))
    tally = ledger.tallies[0]
    assert (tally.events, tally.duplicates, dict(tally.rejected), tally.gap) == (2, 1, {"not_json": 1}, 5)
    assert ledger.position.next_offset == 9


def test_ticks_a_year_apart_in_one_batch_are_counted_apart():
    year = 365 * 86_400_000
    times = [T0, T0 + year]
    ledger, _ = counted(batch(time_ms=times, record_ms=times))
    ticks = {tick for tick, _, column in ledger.sums if column == EVENTS_COLUMN}
    assert ticks == {t // 1000 for t in times}


def test_nothing_is_said_twice_and_nothing_new_is_not_dirty():
    ledger = Ledger()
    events = batch(time_ms=[T0, T0 + 5_000], record_ms=[T0, T0 + 5_000])
    counter = counter_at(ledger, events.vocabulary)
    counter.count(events)
    assert counter.dirty
    assert counter.tick_closed
    ledger.take(counter.commit(ledger.ids))
    counter.committed()
    assert not counter.dirty
    assert counter.commit(ledger.ids).counts == []


EVENT = st.tuples(
    st.sampled_from([0, 30, 400, 2_500, -700, -9_000, 90_000_000, -90_000_000]),  # off the partition's time, ms
    st.integers(0, 12),  # event id; 0 is none
    st.sampled_from(["en", "de", -1]),
    st.sampled_from([0.1, 0.48, 0.52, np.nan]),
    st.integers(1, 3),  # offsets since the record before
)
LOGS = st.lists(EVENT, min_size=1, max_size=60)
STAMPED = st.booleans()


def log_of(vocabulary, events, *, stamped):
    offset = np.cumsum([gap for *_, gap in events]) - 1
    now = T0 + 150 * np.arange(len(events))
    return batch(
        vocabulary,
        offset=offset.tolist(),
        time_ms=[int(now[i]) + event[0] for i, event in enumerate(events)],
        record_ms=now.tolist() if stamped else -1,
        event_id=[event[1] for event in events],
        language=[event[2] for event in events],
        score=[event[3] for event in events],
    )


def rejected_of(log):
    """The offsets between the events held records that could not be read."""
    held = set(log.offset.tolist())
    return [(offset, "not_json") for offset in range(log.next_offset) if offset not in held]


def read(counter, log, start, stop):
    rows = part(log, start, stop)
    low = int(rows.offset[0]) if start else 0
    counter.count(rows, [why for why in rejected_of(log) if low <= why[0] < rows.next_offset])


@given(events=LOGS, stamped=STAMPED, plan=st.lists(st.sampled_from(["read", "commit", "kill"]), max_size=25))
def test_a_counter_killed_anywhere_and_rebuilt_from_its_last_commit_counts_the_same(events, stamped, plan):
    vocabulary = Vocabulary.bounded()
    log = log_of(vocabulary, events, stamped=stamped)
    whole = Ledger()
    steady = counter_at(whole, vocabulary)
    steady.count(log, rejected_of(log))
    steady.end()
    whole.take(steady.commit(whole.ids))

    ledger = Ledger()
    counter, at = counter_at(ledger, vocabulary), 0
    for step in plan:
        if step == "read" and at < len(log):
            stop = min(len(log), at + 7)
            read(counter, log, at, stop)
            at = stop
        elif step == "commit" and counter.dirty:
            ledger.take(counter.commit(ledger.ids))
            counter.committed()
        elif step == "kill":
            counter = counter_at(ledger, vocabulary)
            at = int(np.searchsorted(log.offset, max(0, counter.start_offset)))
    if at < len(log):
        read(counter, log, at, len(log))
    counter.end()
    ledger.take(counter.commit(ledger.ids))
    assert ledger.sums == whole.sums
    assert ledger.position == whole.position
    assert sum_tally(ledger.tallies) == sum_tally(whole.tallies)


def test_a_label_counts_as_a_label_at_its_time_and_as_no_event():
    deny, allow = int(Verdict.deny), int(Verdict.allow)
    events = batch(
        time_ms=[T0, T0 + 5_000, T0 + 5_100, T0 + 5_200],
        record_ms=T0,
        verdict=[deny, deny, allow, allow],
        harmful=[-1, 0, 1, 0],
    )
    ledger, commit = counted(events)
    found = {(tick, column): n for (tick, _, column), n in ledger.sums.items()}
    first, later = T0 // 1_000, T0 // 1_000 + 5
    harmful, benign = OFFSETS["labels_harmful"], OFFSETS["labels_benign"]
    assert {key: n for key, n in found.items() if key[0] == later} == {
        (later, harmful + labels.HARMFUL.bins.index("missed")): 1,
        (later, benign + labels.BENIGN.bins.index("false_positive")): 1,
        (later, benign + labels.BENIGN.bins.index("passed")): 1,
        (later, OFFSETS["intake"] + Record.label): 3,
    }
    assert found[first, EVENTS_COLUMN] == 1
    assert commit.tally.events == 4  # every record is counted once, as what it is


@given(events=LOGS, stamped=STAMPED, clock=st.sampled_from([None, T0 + 3_000]))
def test_every_record_is_in_exactly_one_class_and_every_counted_event_in_one_tick(events, stamped, clock):
    log = log_of(Vocabulary.bounded(), events, stamped=stamped)
    ledger, commit = counted(log, rejected=rejected_of(log), clock_ms=clock)
    tally = commit.tally
    assert tally.events + tally.duplicates + sum(tally.rejected.values()) + tally.gap == log.next_offset
    assert sum(n for (_, _, column), n in ledger.sums.items() if column == EVENTS_COLUMN) == tally.events
    statuses = range(OFFSETS["coverage"], OFFSETS["coverage"] + len(Status))
    assert sum(n for (_, _, column), n in ledger.sums.items() if column in statuses) == tally.events


@given(events=LOGS, stamped=STAMPED)
def test_a_clock_a_year_ahead_anywhere_leaves_the_ticks_of_the_others_alone(events, stamped):
    calm = [(max(-150, min(shift, 30)), 0, *rest) for shift, _, *rest in events]
    mad = [(90_000_000, 0, *rest) if i % 5 == 4 else (shift, 0, *rest) for i, (shift, _, *rest) in enumerate(calm)]
    if not stamped and len(events) < 20:
        return  # a file as short as that has no time yet
    vocabulary = Vocabulary.bounded()
    plain, _ = counted(log_of(vocabulary, calm, stamped=stamped))
    disturbed, _ = counted(log_of(vocabulary, mad, stamped=stamped))
    last = T0 + 150 * len(events)
    assert disturbed.position.closed_before <= last // 1000
    assert sum(t.events for t in disturbed.tallies) == sum(t.events for t in plain.tallies)
