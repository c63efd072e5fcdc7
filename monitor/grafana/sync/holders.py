"""What Grafana holds, kind by kind, behind one protocol: read it, write one, remove one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote

from monitor.grafana import names
from monitor.grafana.sync.compare import Difference
from monitor.grafana.sync.server import Server

Document = dict[str, Any]
SOURCE_MARK: Final = "driftlineWritten"
BOARD_MARK: Final = "driftline_written"
"""A hidden constant among the variables of a dashboard: it survives saving by a person, and is shown nowhere."""
SOURCE_FIELDS: Final = ("uid", "name", "type", "access", "url", "user", "database", "isDefault", "jsonData")
PROVISIONED: Final = "file provisioning"
POSTGRESQL_TYPES: Final = frozenset({"postgres", "grafana-postgresql-datasource"})
"""Names of one plugin, before and since Grafana 11."""


@dataclass(frozen=True, slots=True)
class Held:
    """One object as it is in Grafana.

    Attributes:
        document: without what the server adds and without our mark.
        mark: what we left in it when we wrote it; empty where we never did, or the kind has no room for one.
        owner: who alone may change it; empty: anybody.
        lost: what writing it has cost beside its own fields.
    """

    document: Document
    mark: str = ""
    owner: str = ""
    lost: tuple[Difference, ...] = ()


class Holder(Protocol):
    """All objects of one kind."""

    kind: str
    marked: bool
    """Whether an object has room for our mark."""
    locked: bool
    """Whether nobody can change it in the UI, so that a difference is a wish of ours."""

    def held(self, wanted: Mapping[str, Document]) -> dict[str, Held]:
        """What there is: of the wanted uids, and all that bears our mark."""

    def read(self, uid: str) -> Held | None:
        """One as it is now."""

    def write(self, uid: str, document: Document, *, mark: str, secrets: Mapping[str, str], exists: bool) -> None:
        """Create or replace one."""

    def remove(self, uid: str) -> None:
        """Remove one."""


class Folders:
    """The folder of our dashboards and rules."""

    kind = "folder"
    marked = False
    locked = False

    def __init__(self, server: Server) -> None:
        self._server = server

    def held(self, wanted: Mapping[str, Document]) -> dict[str, Held]:
        """Those that are wanted and there."""
        return {uid: one for uid in wanted if (one := self.read(uid)) is not None}

    def read(self, uid: str) -> Held | None:
        """One by its uid."""
        one = self._server.get(f"/api/folders/{quote(uid)}")
        return None if one is None else Held({"uid": uid, "title": one["title"]})

    def write(self, uid: str, document: Document, *, mark: str, secrets: Mapping[str, str], exists: bool) -> None:
        """Create, or rename back."""
        if exists:
            self._server.call("PUT", f"/api/folders/{quote(uid)}", {"title": document["title"], "overwrite": True})
        else:
            self._server.call("POST", "/api/folders", document)

    def remove(self, uid: str) -> None:
        """Never: people may have put things of their own into it."""


class DataSources:
    """PostgreSQL and Prometheus."""

    kind = "data source"
    marked = True
    locked = False

    def __init__(self, server: Server) -> None:
        self._server = server

    def held(self, wanted: Mapping[str, Document]) -> dict[str, Held]:
        """Those that are wanted or bear our mark."""
        every = {str(one.get("uid", "")): _source(one) for one in self._server.get("/api/datasources") or []}
        return {uid: one for uid, one in every.items() if uid in wanted or one.mark}

    def read(self, uid: str) -> Held | None:
        """One by its uid."""
        one = self._server.get(f"/api/datasources/uid/{quote(uid)}")
        return None if one is None else _source(one)

    def write(self, uid: str, document: Document, *, mark: str, secrets: Mapping[str, str], exists: bool) -> None:
        """Create or replace."""
        whole = document | {
            "jsonData": document["jsonData"] | {SOURCE_MARK: mark},
            "secureJsonData": dict(secrets),
        }
        if exists:
            self._server.call("PUT", f"/api/datasources/uid/{quote(uid)}", whole)
        else:
            self._server.call("POST", "/api/datasources", whole)

    def remove(self, uid: str) -> None:
        """Remove it."""
        self._server.call("DELETE", f"/api/datasources/uid/{quote(uid)}")


class Dashboards:
    """Dashboards in the classic schema."""

    kind = "dashboard"
    marked = True
    locked = False

    def __init__(self, server: Server) -> None:
        self._server = server

    def held(self, wanted: Mapping[str, Document]) -> dict[str, Held]:
        """Those that are wanted, and those of our tag that bear our mark."""
        tagged = self._server.get(f"/api/search?type=dash-db&tag={names.TAG}&limit=1000") or []
        uids = sorted({*wanted, *(str(one["uid"]) for one in tagged)})
        found = {uid: one for uid in uids if (one := self.read(uid)) is not None}
        return {uid: one for uid, one in found.items() if uid in wanted or one.mark}

    def read(self, uid: str) -> Held | None:
        """One by its uid."""
        reply = self._server.get(f"/api/dashboards/uid/{quote(uid)}")
        return None if reply is None else _board(reply)

    def write(self, uid: str, document: Document, *, mark: str, secrets: Mapping[str, str], exists: bool) -> None:
        """Create or replace, in our folder."""
        hidden = {"type": "constant", "name": BOARD_MARK, "hide": 2, "skipUrlSync": True, "query": mark}
        variables = [*document["templating"]["list"], hidden]
        self._server.call(
            "POST",
            "/api/dashboards/db",
            {
                "dashboard": document | {"id": None, "templating": {"list": variables}},
                "folderUid": names.FOLDER,
                "overwrite": True,
                "message": "driftline grafana sync",
            },
        )

    def remove(self, uid: str) -> None:
        """Remove it."""
        self._server.call("DELETE", f"/api/dashboards/uid/{quote(uid)}")


def _source(one: Document) -> Held:
    """The data source without what the server adds, and our mark apart."""
    document = {name: one[name] for name in SOURCE_FIELDS if name in one}
    options = dict(one.get("jsonData") or {})
    mark = str(options.pop(SOURCE_MARK, ""))
    kind = "postgres" if document.get("type") in POSTGRESQL_TYPES else document.get("type")
    return Held(document | {"type": kind, "jsonData": options}, mark, PROVISIONED if one.get("readOnly") else "")


def _board(reply: Document) -> Held:
    """The dashboard without what the server adds, and our mark apart."""
    document = {name: value for name, value in reply["dashboard"].items() if name not in ("id", "version")}
    variables = (document.get("templating") or {}).get("list") or []
    mark = next((str(one.get("query", "")) for one in variables if one.get("name") == BOARD_MARK), "")
    document["templating"] = {"list": [one for one in variables if one.get("name") != BOARD_MARK]}
    return Held(document, mark, PROVISIONED if (reply.get("meta") or {}).get("provisioned") else "")
