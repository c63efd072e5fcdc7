"""A site on a database that a real judge has filled, and clients of it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from monitor.access.credentials import LINK_MS, issue
from monitor.access.model import Kind, Role
from monitor.access.rate import RateLimit
from monitor.alerting.deliver import deliver_step
from monitor.alerting.policy import AlertPolicy
from monitor.clock import ManualClock
from monitor.judging.evidence_record import EvidenceRetention
from monitor.settings.model import Settings
from monitor.storage.stores import Stores, open_stores
from monitor.web.backend import Site
from monitor.web.health import Served
from monitor.web.server import serve_site
from monitor.wiring import translate
from monitor.wiring.pages import backend_of, site_of
from tests.scenarios.service import Judging, service
from tests.scenarios.story import at, log_of
from tests.stories.world import Receiver

STORY = """
00:00 prompt-injection: rate=240/min
00:00 toxicity: rate=120/min
00:20 prompt-injection: unsafe=30% near=20%
00:26 end
"""
"""A probing wave that is not over yet."""
END_MS = at("00:26")
WATCHED = {
    "source": {"files": {"paths": "events.jsonl"}},
    "budget": {"pages": 1},
    "alerts": {"deployment": "tests", "channels": [{"type": "log", "name": "pager"}]},
    "controls": {"prompt-injection": {"prohibits": "instructions to ignore the rules", "owner": "safety team"}},
    "oncall": {
        "people": {"ann": {"contacts": ["pager"]}, "ben": {"contacts": ["pager"]}},
        "schedules": {
            "guardrails": {
                "zone": "Europe/Berlin",
                "layers": {"rota": {"people": ["ann", "ben"], "every": "1 week", "begin": "2020-10-05T09:00"}},
            }
        },
        "policy": "default",
        "policies": {"default": {"steps": {"first": {"wait": "5m", "schedules": ["guardrails"]}}}},
    },
}


def settings() -> Settings:
    """What the site runs with."""
    return Settings.model_validate(WATCHED)


def tell(file: Path, *, policy: AlertPolicy | None = None) -> None:
    """Fill a database with the story: an open incident, streams, evidence, a baseline."""
    judging = Judging(at_the_end=True, retention=EvidenceRetention())
    policy = policy or translate.alert_policy(settings())
    with service([log_of(STORY, seed=4)], judging=judging, url=f"sqlite:///{file}", policy=policy) as told:
        told.run()
        deliver_step(told.stores.outbox, {"pager": Receiver("pager")}, now_ms=told.clock.now_ms())


@dataclass
class Place:
    """A running site, its database, and the clock that it goes by."""

    address: str
    stores: Stores
    clock: ManualClock
    site: Site
    _clients: list[httpx.Client] = field(default_factory=list)

    def token(self, role: Role = Role.viewer, *, name: str = "bot", guardrails: tuple[str, ...] = ()) -> str:
        """A token of this role."""
        return self._credential(Kind.token, role, name, guardrails)

    def link(self, role: Role = Role.admin, *, name: str = "ann", guardrails: tuple[str, ...] = ()) -> str:
        """The code of a login link."""
        return self._credential(Kind.link, role, name, guardrails)

    def _credential(self, kind: Kind, role: Role, name: str, guardrails: tuple[str, ...]) -> str:
        with self.stores.access.transaction() as store:
            return issue(
                store,
                kind=kind,
                name=name,
                role=role,
                guardrails=guardrails,
                lifetime_ms=LINK_MS,
                made_by="root",
                now_ms=self.clock.now_ms(),
                random=self.site.random,
            )[1]

    def client(self, **headers: str) -> httpx.Client:
        """A client without a login."""
        client = httpx.Client(base_url=self.address, headers=headers, timeout=30)
        self._clients.append(client)
        return client

    def bot(self, role: Role = Role.viewer, **of: Any) -> httpx.Client:
        """A client with a token."""
        return self.client(Authorization=f"Bearer {self.token(role, **of)}")

    def browser(self, role: Role = Role.admin, **of: Any) -> httpx.Client:
        """A client that has logged in, as a browser does."""
        client = self.client()
        answer = client.post("/login", data={"code": self.link(role, **of)})
        assert answer.status_code == 303, answer.text
        return client

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients:
            client.close()


@contextmanager
def place(database: Path | str, *, url: str = "", limits: RateLimit | None = None) -> Iterator[Place]:
    """A site on this database, a file or a URL, ten seconds after the story's end."""
    clock = ManualClock(END_MS + 10_000)
    with open_stores(database if isinstance(database, str) else f"sqlite:///{database}") as stores:
        chosen = settings()
        served = Served(CollectorRegistry(), list, list)
        backend = backend_of(stores, chosen, clock)
        made = site_of(chosen, served, clock, backend=lambda: backend)
        site = dataclasses.replace(made, url=url, changes=limits or made.changes)
        with serve_site("127.0.0.1", 0, site) as address:
            built = Place(address, stores, clock, site)
            try:
                yield built
            finally:
                built.close()


def copy_of(told: Path, folder: Path) -> Path:
    """A copy of a filled database, to change."""
    copied = folder / "driftline.db"
    shutil.copy(told, copied)
    return copied
