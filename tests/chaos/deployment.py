"""One deployment on real servers: a topic, its dead letters, a database, settings, processes; and where it stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from monitor.storage import migrate
from tests.chaos.process import Process, stop_all, write_settings

LOOK_SECONDS = 0.02
POSTGRESQL = "postgresql+psycopg2://"


@dataclass
class Deployment:
    """Settings and processes around one database.

    Attributes:
        records: records that the topic holds: the deployment is done when all are counted and judged.
    """

    directory: Path
    url: str
    servers: str
    topic: str
    records: int
    partitions: int = 4
    settings: Mapping[str, Any] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "key").write_text("0123456789abcdef0123456789abcdef\n")
        self.url = self.url.replace(POSTGRESQL, "postgresql://")
        migrate.upgrade(self.url)
        self._engine = create_engine(self.url.replace("postgresql://", POSTGRESQL), poolclass=NullPool)
        base: dict[str, Any] = {
            "source": {"kafka": {"servers": self.servers, "topics": [self.topic], "session_timeout": "6s"}},
            "budget": {"pages": 1, "per": "day"},
            "database": self.url,
            "privacy": {"key_file": str(self.directory / "key")},
            "http": {"port": 0},
        }
        self.file = write_settings(self.directory / "driftline.yaml", merged(base, self.settings))

    def add(self, name: str, role: str, *, static: bool = False) -> Process:
        """Another process of a role; ``static``: a static member of the consumer group."""
        variables = {"DRIFTLINE__WORKER_ID": name}
        if static:
            variables["DRIFTLINE__SOURCE__KAFKA__INSTANCE_ID"] = name
        self.processes[name] = Process(name, role, self.file, self.directory / f"{name}.log", variables)
        return self.processes[name]

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, *_: object) -> None:
        stop_all(list(self.processes.values()))
        self._engine.dispose()

    def rows(self, statement: str) -> list[Any]:
        """The rows of a query; none while the database is down."""
        try:
            with self._engine.connect() as connection:
                return list(connection.execute(text(statement)).all())
        except OperationalError:
            return []

    def number(self, statement: str) -> int:
        """The number that a query gives; 0 while the database is down."""
        rows = self.rows(statement)
        return int(rows[0][0] or 0) if rows else 0

    def counted(self) -> int:
        """Records below the committed positions, over all partitions."""
        return self.number("SELECT sum(greatest(next_offset, 0)) FROM partitions")

    def owners(self) -> list[str]:
        """Workers that own a partition."""
        return sorted({row[0] for row in self.rows("SELECT owner FROM partitions WHERE owner <> ''")})

    def leader(self) -> str | None:
        """The judge that holds the lease."""
        rows = self.rows("SELECT holder FROM leases WHERE name = 'judge' AND holder <> ''")
        return str(rows[0][0]).partition("/")[0] if rows else None

    def done(self) -> bool:
        """Everything is counted, closed by an idle mark of now, judged and delivered."""
        if self.counted() < self.records:
            return False
        waiting = self.number("SELECT count(*) FROM outbox WHERE state = 'waiting'")
        last = self.number("SELECT max(tick) FROM tick_counts")
        judged = self.number("SELECT judged_before FROM judge WHERE id = 1")
        return waiting == 0 and judged > last

    def wait_until(self, reached: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Look until it is so.

        Raises:
            AssertionError: it is not so in time; with the ends of all logs.
        """
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline:
                tails = "\n".join(f"--- {one.name}\n{one.tail()}" for one in self.processes.values())
                raise AssertionError(f"not {what} within {seconds:g} s; counted {self.counted()}\n{tails}")
            time.sleep(LOOK_SECONDS)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others laid over them."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[name] = merged(below, value) if both else value
    return result
