"""A topic that is deleted and made anew under its name: everything in the new one is counted, and it is said."""

from __future__ import annotations

import uuid

import pytest

from monitor.errors import SourceUnavailable
from monitor.ingestion.worker import Renewal
from monitor.signals.registry import LAYOUT
from monitor.storage.stores import Stores, open_stores
from tests.contract.source_logs import produce
from tests.integration.counting import counting, create_topic, delete_topic, events, marks

BEFORE, AFTER = 30, 50


@pytest.fixture(params=["embedded_broker", "kafka"])
def servers(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param).bootstrap_servers)


@pytest.fixture
def topic(servers: str) -> str:
    name = f"topic-{uuid.uuid4().hex[:12]}"
    create_topic(servers, name)
    produce(servers, name, 0, events(BEFORE, "old"))
    return name


def made_anew(servers: str, topic: str, *, records: int) -> None:
    delete_topic(servers, topic)
    create_topic(servers, topic)
    produce(servers, topic, 0, events(records, "new"))


@pytest.mark.parametrize("records", [AFTER, BEFORE - 10], ids=["longer", "shorter"])
def test_a_topic_made_anew_between_two_runs_is_read_from_its_start(
    servers: str, topic: str, sqlite_url: str, records: int
) -> None:
    with open_stores(sqlite_url, layout=LAYOUT) as stores:
        with counting(stores, servers, topic) as before:
            before.until(lambda: before.events == BEFORE)
        made_anew(servers, topic, records=records)
        with counting(stores, servers, topic) as after:
            after.until(lambda: after.events == records)
        _is_said(stores, topic, renewed=after.renewed)
        assert stores.reads.totals().events == BEFORE + records
        assert stores.reads.totals().duplicates == 0


@pytest.mark.parametrize("records", [AFTER, BEFORE - 10], ids=["longer", "shorter"])
def test_a_topic_made_anew_while_it_is_read_ends_the_worker_and_the_next_reads_it_from_its_start(
    servers: str, topic: str, sqlite_url: str, records: int
) -> None:
    with open_stores(sqlite_url, layout=LAYOUT) as stores:
        with counting(stores, servers, topic) as before:
            before.until(lambda: before.events == BEFORE)
            made_anew(servers, topic, records=records)
            with pytest.raises(SourceUnavailable, match="deleted and made anew"):
                before.until(lambda: False)
        with counting(stores, servers, topic) as after:
            after.until(lambda: after.events == records)
        _is_said(stores, topic, renewed=after.renewed)
        assert stores.reads.totals().events == BEFORE + records


def _is_said(stores: Stores, topic: str, *, renewed: list[Renewal]) -> None:
    [renewal] = renewed
    assert (renewal.partition, renewal.left_at) == (f"{topic}-0", BEFORE)
    ledger = marks(stores.database)
    turn = ledger.index(("new_log", BEFORE, BEFORE))
    assert ledger[turn + 1][1] == -1, "what follows begins at the new log's beginning"
