"""A judged story with everything that people and Grafana ask of it, in a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from monitor.alerting.announce import announce
from monitor.alerting.policy import AlertPolicy, Route
from monitor.alerting.respond import respond
from monitor.alerting.silences import Silence, SilenceKind, new_silence
from monitor.evals.model import Result, Run, RunState
from monitor.findings.model import Finding
from monitor.incidents import lifecycle
from monitor.judging.evidence_record import EvidenceRetention
from monitor.storage import migrate
from tests.scenarios.service import Judging, Service, service
from tests.scenarios.story import at, log_of

STORY = """
00:00 injection: rate=120/min version=1
00:00 toxicity: rate=60/min
00:40 injection: near=25%
00:55 injection: near=1%
01:00 injection: version=2
01:30 end
"""
POLICY = AlertPolicy(routes=(Route(channel="log"),), notify_within_ms=10**15)


class Answered(Service):
    """A service whose findings notify a channel."""

    def _respond(self, store, finding: Finding, now_ms: int) -> Finding:
        return respond(store, finding, now_ms=now_ms, policy=POLICY)


@contextmanager
def told_on(url: str) -> Iterator[Service]:
    """The story, counted, judged and answered by people, in the database at ``url``."""
    migrate.upgrade(url)
    judging = Judging(retention=EvidenceRetention())
    with service([log_of(STORY)], judging=judging, block_records=300, url=url, kind=Answered) as built:
        outcome = built.run()
        assert outcome.pages("injection"), "the story must open an incident"
        _answer(built)
        yield built


def _answer(built: Service) -> None:
    now_ms = at("01:31")
    with built.stores.alerts.transaction() as store:
        (first, *_) = sorted(store.incidents(limit=10), key=lambda one: one.id)
        announce(store, lifecycle.acknowledge(store, first.id, actor="kim", now_ms=now_ms))
    with built.stores.alerts.transaction() as store:
        announce(store, lifecycle.resolve(store, first.id, actor="kim", now_ms=now_ms + 60_000, text="blocked"))
        store.new_silence(_silence(now_ms))
    with built.stores.evals.transaction() as evals:
        evals.save_run(
            Run(
                id=0,
                model="assistant",
                version="2",
                state=RunState.recorded,
                recorded_by="kim",
                recorded_at_ms=now_ms,
                results=(Result(suite="harm", metric="attack_success", n=200, k=4),),
            )
        )


def _silence(now_ms: int) -> Silence:
    return new_silence(
        kind=SilenceKind.maintenance,
        author="kim",
        reason="load test",
        begin_ms=now_ms,
        end_ms=now_ms + 600_000,
        guardrails=["toxicity"],
        now_ms=now_ms,
    )
