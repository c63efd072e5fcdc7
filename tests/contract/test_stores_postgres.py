"""PostgreSQL's own part: its server dies, its locks and statements run into their limits, its pool recovers."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url, text

from monitor.counting.ports import Tally
from monitor.errors import StoreRefused, StoreUnavailable
from monitor.storage import migrate
from monitor.storage.session import Limits, open_database
from monitor.storage.stores import Stores, open_stores, stores_on
from tests.contract.stores_fixtures import a_commit, a_slice, counted
from tests.servers.postgres import PostgresNode

pytestmark = pytest.mark.postgres


@pytest.fixture
def stores(postgres_url: str) -> Iterator[Stores]:
    migrate.upgrade(postgres_url)
    with open_stores(postgres_url) as opened:
        yield opened


def rival(url: str, **limits: int) -> Stores:
    return stores_on(open_database(url, limits=Limits(**limits)))


def test_kill_9_of_the_server_between_commits_loses_nothing_that_was_committed(postgres_node: PostgresNode) -> None:
    url = postgres_node.url()
    migrate.upgrade(url)
    with open_stores(url) as stores:
        stores.counts.register("log", ["log-0"])
        offset, committed = -1, 0
        for _ in range(4):
            position = stores.counts.claim("log-0", owner="w", now_ms=0)
            assert position.next_offset == offset
            for _ in range(5):
                commit = a_commit(
                    "log-0",
                    position.generation,
                    offset,
                    offset + 10,
                    counts=[counted(committed, c3=1), counted(committed + 1, c3=2)],
                    tally=Tally(events=3),
                )
                stores.counts.commit(commit, now_ms=0)
                offset, committed = offset + 10, committed + 1
            postgres_node.kill()
            with pytest.raises(StoreUnavailable):
                stores.counts.claim("log-0", owner="w", now_ms=0)
            postgres_node.restart()
        loaded = stores.judge.counts(0, 1000)
        assert int(loaded.count.sum()) == 3 * committed == stores.reads.totals().events
        assert stores.reads.totals().commits == committed == 20


def test_a_server_that_dies_in_the_middle_of_a_commit_has_written_all_or_nothing(postgres_node: PostgresNode) -> None:
    url = postgres_node.url()
    migrate.upgrade(url)
    with open_stores(url) as stores:
        token = stores.judge.acquire(holder="j", now_ms=0, ttl_ms=10)
        assert token is not None

        def die_halfway() -> None:
            with stores.judge.judgement(token) as judgement:
                judgement.advance(5, tick_ms=10_000)
                postgres_node.kill()

        with pytest.raises(StoreUnavailable):
            die_halfway()
        postgres_node.restart()
        assert stores.judge.judged_before() is None
        with stores.judge.judgement(token) as judgement:  # the lease has survived, too
            judgement.advance(6, tick_ms=10_000)
        assert stores.judge.judged_before() == 6


def test_waiting_for_a_row_that_another_judge_holds_ends(stores: Stores, postgres_url: str) -> None:
    other = rival(postgres_url, lock_ms=50)
    token = stores.judge.acquire(holder="j1", now_ms=0, ttl_ms=10)
    assert token is not None
    with stores.judge.judgement(token), pytest.raises(StoreUnavailable, match="lock timeout"):
        other.judge.acquire(holder="j2", now_ms=99, ttl_ms=10)
    assert other.judge.acquire(holder="j2", now_ms=99, ttl_ms=10) == token + 1
    other.database.close()


def test_a_judge_that_stops_inside_its_transaction_does_not_hold_the_lease_for_ever(
    stores: Stores, postgres_url: str
) -> None:
    stopped = rival(postgres_url, idle_in_transaction_ms=50)
    token = stopped.judge.acquire(holder="j1", now_ms=0, ttl_ms=10)
    assert token is not None
    taken = []

    def stop_for_long() -> None:
        with stopped.judge.judgement(token) as judgement:
            judgement.advance(1, tick_ms=10_000)
            # Waits for the row until the server has thrown the idle transaction out.
            taken.append(stores.judge.acquire(holder="j2", now_ms=99, ttl_ms=10))

    with pytest.raises(StoreUnavailable):
        stop_for_long()
    assert taken == [token + 1]
    assert stores.judge.judged_before() is None
    stopped.database.close()


def test_a_statement_that_takes_too_long_is_cancelled(postgres_url: str) -> None:
    database = open_database(postgres_url, limits=Limits(statement_ms=50))

    def dawdle() -> None:
        with database.reading() as connection:
            connection.execute(text("SELECT pg_sleep(30)"))

    with pytest.raises(StoreUnavailable, match="statement timeout"):
        dawdle()
    database.close()


def test_a_store_is_not_opened_before_the_upgrade(postgres_url: str) -> None:
    def use() -> None:
        with open_stores(postgres_url):
            pass

    with pytest.raises(StoreRefused, match="run `driftline db upgrade`"):
        use()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"database": "nowhere"}, 'database "nowhere" does not exist'), ({"username": "nobody"}, 'role "nobody"')],
)
def test_what_the_server_refuses_is_refused(postgres_url: str, change: dict[str, str], words: str) -> None:
    url = make_url(postgres_url).set(password="hunter2", **change).render_as_string(hide_password=False)
    with pytest.raises(StoreRefused, match=words) as caught:
        migrate.current(url)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_the_plain_url_of_the_documentation_works(postgres_url: str) -> None:
    plain = postgres_url.replace("postgresql+psycopg2://", "postgresql://")
    assert migrate.upgrade(plain).up_to_date
    with open_stores(plain) as stores:
        assert stores.counts.slice_ids([a_slice()]) == [1]
        with stores.database.reading() as connection:
            name = connection.execute(text("SELECT current_setting('application_name')")).scalar_one()
    assert name == "driftline"
