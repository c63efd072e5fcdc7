"""The same log gives the same findings: however it was partitioned, batched, judged, and whatever died meanwhile."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from monitor.backtest.replay import replay
from monitor.counting.memory import MemoryRule
from monitor.ingestion.files import FileSource
from monitor.settings.model import Settings
from tests.scenarios.requests import Stretch, by_conversation
from tests.scenarios.requests import log_of as log_of_requests
from tests.scenarios.service import NO_SNAPSHOTS, Judging, Outcome, judged
from tests.scenarios.story import log_of, split

EVENTFUL = """
00:00 injection: rate=80/min languages=en:60,de:40 unsafe.de=12%
00:00 toxicity:  rate=60/min unsafe=10%
00:40 late:      rate=40/min
01:00 injection: near=20%
01:12 injection: near=1%
01:20 injection: near=20%
01:30 injection: near=1% unsafe.en=25%
01:40 toxicity:  unsafe=0% timeout=5%
02:00 toxicity:  rate=0/min
02:10 toxicity:  rate=60/min unsafe=10% timeout=0%
02:20 late:      version=2 near=5%
02:30 injection: rate=400/min unsafe.en=5%
03:30 end
"""


@cache
def log():
    return log_of(EVENTFUL, seed=3)


def gist(outcome: Outcome) -> list[tuple[Any, ...]]:
    """What must be the same; evidence is rounded, for sums of floats are not byte-stable."""
    return [
        (
            f.id,
            f.guardrail,
            f.guardrail_version,
            f.signal,
            f.question,
            f.stratum,
            f.kind,
            f.direction,
            f.onset_low_ms,
            f.onset_high_ms,
            f.detected_at_ms,
            f.paged_at_ms,
            f.ended_at_ms,
            f.trouble,
            f.trouble_rule,
            round(f.effect.baseline, 9),
            round(f.effect.current, 9),
            None if f.effect.low is None else round(f.effect.low, 6),
            round(f.evidence.log_evidence, 6),
            f.evidence.events,
            f.evidence.detail,
            [(share.what, share.name, round(share.share, 6)) for share in f.attribution],
            [(tell.field, round(tell.auc, 9)) for tell in f.tells],
        )
        for f in outcome.findings
    ]


@cache
def expected() -> Outcome:
    return judged([log()])


def test_the_story_is_eventful():
    outcome = expected()
    assert len(outcome.pages()) >= 4
    assert {page.signal for page in outcome.pages()} >= {"boundary_proximity", "verdict_mix", "coverage"}
    assert outcome.notices()
    assert any(page.ended_at_ms for page in outcome.pages())


@pytest.mark.parametrize(("partitions", "block_records"), [(1, 97), (1, 5_000), (4, 1), (4, 97), (4, 5_000)])
def test_partitions_and_batches_do_not_show(partitions, block_records):
    judging = Judging(at_the_end=block_records == 1)
    outcome = judged(split(log(), partitions), block_records=block_records, judging=judging)
    assert gist(outcome) == gist(expected())


@pytest.mark.parametrize("partitions", [1, 4])
def test_when_the_judge_steps_does_not_show(partitions):
    outcome = judged(split(log(), partitions), judging=Judging(at_the_end=True))
    assert gist(outcome) == gist(expected())


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("snapshot_ticks", [1, 50, NO_SNAPSHOTS])
def test_a_judge_that_dies_at_random_and_is_rebuilt_from_snapshots_and_counts_says_the_same(seed, snapshot_ticks):
    judging = Judging(deaths=seed, snapshot_ticks=snapshot_ticks)
    outcome = judged(split(log(), 3), block_records=700, judging=judging)
    assert outcome.deaths > 5
    assert gist(outcome) == gist(expected())
    assert [incident.key for incident in outcome.incidents] == [incident.key for incident in expected().incidents]


@pytest.mark.parametrize("seed", [4, 5])
def test_two_judges_that_take_the_lease_from_each_other_say_what_one_says(seed):
    judging = Judging(deaths=seed, snapshot_ticks=40, rival=True)
    outcome = judged(split(log(), 2), block_records=900, judging=judging)
    assert gist(outcome) == gist(expected())
    assert [incident.key for incident in outcome.incidents] == [incident.key for incident in expected().incidents]


@pytest.mark.parametrize("seed", [6, 7])
def test_workers_that_die_count_everything_once(seed):
    # a window of 500: with the usual one, each new worker would read the whole log again to warm its filter
    judging = Judging(deaths=seed, worker_deaths=True)
    outcome = judged(
        split(log(), 2), block_records=400, memory=MemoryRule(ids=500, requests=400, prompts=0), judging=judging
    )
    assert outcome.deaths > 20
    assert gist(outcome) == gist(expected())


@cache
def requests():
    """Bypasses, lost joins, a campaign and favourites: all that a partition remembers."""
    stretches = [
        Stretch(minutes=45, per_minute=40, repeats=0.1),
        Stretch(minutes=12, per_minute=40, repeats=0.1, campaign=0.06, bypass=0.15),
        Stretch(minutes=20, per_minute=40, repeats=0.1, lost_ids=0.5),
        Stretch(minutes=15, per_minute=40, repeats=0.2, gaming=0.5),
    ]
    return log_of_requests(stretches)


REMEMBERS = MemoryRule(ids=300, requests=250, prompts=900)
"""Short, so that a new worker does not read the whole log again to warm its memory."""


@cache
def expected_of_requests() -> Outcome:
    return judged(by_conversation(requests(), 2), memory=REMEMBERS)


def test_the_requests_are_eventful():
    found = {(f.signal, f.question) for f in expected_of_requests().findings}
    assert {("layer_bypass", "bypass_rise"), ("layer_bypass", "join_misses"), ("campaign", "cluster_rise")} <= found


@pytest.mark.parametrize("block_records", [7, 5_000])
def test_batches_do_not_show_in_what_a_partition_remembers(block_records):
    judging = Judging(at_the_end=block_records == 7)
    parts = by_conversation(requests(), 2)
    outcome = judged(parts, block_records=block_records, memory=REMEMBERS, judging=judging)
    assert gist(outcome) == gist(expected_of_requests())


@pytest.mark.parametrize("seed", [8])
def test_workers_and_judges_that_die_do_not_show_in_what_a_partition_remembers(seed):
    judging = Judging(deaths=seed, worker_deaths=True, snapshot_ticks=40)
    outcome = judged(by_conversation(requests(), 2), block_records=300, memory=REMEMBERS, judging=judging)
    assert outcome.deaths > 10
    assert gist(outcome) == gist(expected_of_requests())


def test_a_replay_of_files_says_what_the_live_service_said(tmp_path):
    paths = []
    for i, part in enumerate(split(log(), 2)):
        paths.append(tmp_path / f"part-{i}.jsonl")
        paths[-1].write_bytes(b"\n".join(record.value for record in part))
    settings = Settings(source={"files": {"paths": [str(path) for path in paths]}}, budget={"pages": 1})
    found = replay(FileSource([str(path) for path in paths]), settings).findings
    assert [(f.id, f.detected_at_ms, f.ended_at_ms) for f in found] == [
        (f.id, f.detected_at_ms, f.ended_at_ms) for f in expected().findings
    ]
