"""The service while something that it needs is not there: it waits, says so, and goes on."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from monitor.clock import SystemClock
from monitor.errors import SettingsError, StoreUnavailable
from monitor.settings.model import Settings
from monitor.wiring.service import Roles, Service

WITHIN_SECONDS = 30.0
KEY = {"DRIFTLINE_KEY": "0123456789abcdef0123456789abcdef"}


def settings(directory: Path, **changes: Any) -> Settings:
    known: dict[str, Any] = {
        "source": {"kafka": {"servers": "127.0.0.1:9", "topics": ["events"]}},
        "budget": {"pages": 1},
        "database": f"sqlite:///{directory / 'driftline.db'}",
        "privacy": {"key_env": "DRIFTLINE_KEY"},
        "http": {"port": 0},
    }
    return Settings.model_validate(known | changes)


@contextmanager
def running(given: Settings, roles: Roles | None = None) -> Iterator[Service]:
    service = Service(given, roles or Roles(count=False), clock=SystemClock(), env=os.environ | KEY)
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    wait_until(lambda: service.http_address is not None)
    try:
        yield service
    finally:
        service.stop()
        thread.join(WITHIN_SECONDS)
        assert not thread.is_alive(), "a service that waits can be stopped"


def wait_until(reached: Callable[[], bool], *, seconds: float = WITHIN_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ready(service: Service, path: str = "/readyz") -> dict[str, str]:
    """The checks of /readyz; the status code must agree with them."""
    try:
        with urllib.request.urlopen(f"{service.http_address}{path}", timeout=10) as answer:
            status, body = answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        status, body = error.code, json.load(error)
    checks: dict[str, str] = body["checks"]
    assert (status == 200) == all(text == "ok" for text in checks.values())
    return checks


def test_a_database_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    away = tmp_path / "driftline.db"
    with sqlite3.connect(away, isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with running(settings(tmp_path)) as service:
            wait_until(lambda: "locked" in ready(service)["database"])
            assert set(ready(service, "/healthz").values()) == {"ok"}
            holder.execute("ROLLBACK")
            wait_until(lambda: set(ready(service).values()) == {"ok"})


def test_whoever_does_not_want_to_wait_gets_the_error(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "driftline.db", isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        service = Service(
            settings(tmp_path), Roles(count=False), clock=SystemClock(), env=os.environ | KEY, wait=False
        )
        with pytest.raises(StoreUnavailable, match="locked"):
            service.run()


def test_a_database_that_can_be_written_no_more_is_told_within_seconds_with_the_cause(tmp_path: Path) -> None:
    with running(settings(tmp_path)) as service:
        wait_until(lambda: ready(service).get("job judge") == "ok")
        database = service._stores.database  # type: ignore[union-attr]

        @event.listens_for(database._engine, "begin")
        def _mounted_read_only(connection: Connection) -> None:
            connection.exec_driver_sql("PRAGMA query_only = ON")

        began = time.monotonic()
        wait_until(lambda: ready(service)["job judge"] != "ok")
        assert time.monotonic() - began < 10
        assert "readonly database" in ready(service)["job judge"]
        assert set(ready(service, "/healthz").values()) == {"ok"}


def test_brokers_that_are_not_there_are_named_and_the_service_stays_alive(tmp_path: Path) -> None:
    with running(settings(tmp_path), Roles()) as service:
        wait_until(lambda: "paused" in ready(service)["source"], seconds=60)
        assert ready(service)["database"] == "ok"
        assert set(ready(service, "/healthz").values()) == {"ok"}


def test_a_judge_whose_ticks_have_another_length_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    log.write_text('{"v":1,"event_id":"a","time":1780000000000,"guardrail":"pi","stage":"input","verdict":"allow"}\n')
    first = settings(tmp_path, source={"files": {"paths": [str(log)]}}, http={"enabled": False})
    Service(first, Roles(), clock=SystemClock(), env=os.environ | KEY).run()
    other = settings(tmp_path, ticks={"length": "30s"}, http={"enabled": False})
    with pytest.raises(SettingsError, match=r"ticks.length: is 30000 ms, .* counted in ticks of 10000 ms"):
        Service(other, Roles(count=False), clock=SystemClock(), env=os.environ | KEY).run()
