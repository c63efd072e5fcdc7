"""Joins by request, against a reference that remembers everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.counting.join import RequestJoin
from monitor.events.batch import Stage, Status, Vocabulary
from tests.unit.batches import batch, part

EVENT = st.tuples(
    st.integers(0, 4),  # request; 0 is none
    st.sampled_from([Stage.input, Stage.input, Stage.output, Stage.output, Stage.tool]),
    st.sampled_from([Status.ok, Status.ok, Status.skipped]),
    st.integers(-1, 2),  # verdict
    st.integers(-1, 1),  # refusal
    st.booleans(),  # a fingerprint
    st.integers(1, 6),  # offsets since the record before
)
LOGS = st.lists(EVENT, max_size=80)


def log_of(events):
    columns = list(zip(*events, strict=True)) or [()] * 7
    request, stage, status, verdict, refusal, prompt, gap = columns
    return batch(
        Vocabulary.bounded(),
        offset=np.cumsum(gap, dtype=np.int64),
        request_id=[key * 0x9E3779B97F4A7C15 % 2**64 for key in request],
        stage=list(stage),
        status=list(status),
        verdict=list(verdict),
        refusal=list(refusal),
        fingerprint=[int(p) for p in prompt],
    )


def reference(events, window):
    """(layer, surface, harm, first) of each event, from all events of its request within the window before it."""
    offsets = np.cumsum([event[-1] for event in events], dtype=int).tolist()
    out = []
    for i, (request, stage, _, verdict, refusal, prompt, _) in enumerate(events):
        near = [
            events[j]
            for j in range(i)
            if request and window and offsets[i] - offsets[j] < window and events[j][0] == request
        ]
        inputs = [e for e in near if e[1] is Stage.input]
        outputs = [e for e in near if e[1] is Stage.output]
        layer = surface = harm = -1
        first = False
        if stage is Stage.output:
            verdicts = {e[3] for e in inputs if e[2] is Status.ok}
            if verdicts & {1, 2}:
                layer = 2
            elif any(e[2] is not Status.ok for e in inputs):
                layer = 1
            elif 0 in verdicts:
                layer = 0
            said = {e[4] for e in outputs}
            surface = refusal if refusal >= 0 else 1 if 1 in said else 0 if 0 in said else -1
            judged = {verdict} | ({e[3] for e in outputs if e[4] < 0} if refusal >= 0 else set())
            harm = 1 if judged & {1, 2} else 0 if 0 in judged else -1
        if stage is Stage.input and prompt and request and window:
            first = not any(e[5] for e in inputs)
        out.append((layer, surface, harm, first))
    return out


def looked(join, log):
    return list(zip(*(column.tolist() for column in join.look(log)), strict=True))


@given(events=LOGS, window=st.integers(0, 25))
def test_an_event_finds_what_its_request_stated_less_than_a_window_before_it(events, window):
    assert looked(RequestJoin(window), log_of(events)) == reference(events, window)


@given(events=LOGS, window=st.integers(1, 25), cut=st.integers(0, 80))
def test_batches_do_not_matter(events, window, cut):
    log, join = log_of(events), RequestJoin(window)
    cut = min(cut, len(log))
    assert looked(join, part(log, 0, cut)) + looked(join, part(log, cut, len(log))) == reference(events, window)


@given(events=LOGS, window=st.integers(1, 25))
def test_a_memory_rebuilt_from_the_window_before_answers_as_one_that_never_stopped(events, window):
    log, expected = log_of(events), reference(events, window)
    for at in range(len(log)):
        first = int(np.searchsorted(log.offset, log.offset[at] - window))
        assert looked(RequestJoin(window), part(log, first, len(log)))[at - first :] == expected[at:]


def test_the_last_offset_of_the_window_is_found_and_the_next_is_not():
    log = batch(offset=[0, 7, 8], request_id=5, stage=[0, 1, 1])
    layer, *_ = RequestJoin(8).look(log)
    assert layer.tolist() == [-1, 0, -1]


def test_requests_whose_ids_collide_in_their_low_bits_are_kept_apart():
    # ids are keyed hashes, so nobody can do this on purpose; it must still be right
    n = 200
    ids = [(i + 1) << 40 for i in range(n)]
    log = batch(request_id=ids * 2, stage=[0] * n + [1] * n, verdict=([0, 2] * (n // 2)) + [0] * n)
    layer, *_ = RequestJoin(2 * n).look(log)
    assert layer[n:].tolist() == [0, 2] * (n // 2)


def test_a_negative_window_is_refused_by_name():
    with pytest.raises(ValueError, match="window must not be negative, got -1"):
        RequestJoin(-1)
