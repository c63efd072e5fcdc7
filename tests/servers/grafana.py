"""A Grafana for tests, of two generations: the parts of its HTTP API that Driftline uses, with their quirks.

It is no Grafana. What it does is taken from the published API (the pages "HTTP API" and "Alerting provisioning", the
kinds under ``apps/alerting`` of Grafana's repository) and from a look at a real 9.4 server:

| quirk | generation |
| --- | --- |
| every path below /apis is a 404 | 9.4 |
| PUT of the policy locks it for the UI, whatever the header says | 9.4 |
| a new rule with a group, or one that is put into a group: 403 | 13.3 |
| a ``for`` of nothing is left out | 13.3 |
| ``keep_firing_for`` of a rule is taken, and gone when it is read back | 9.4 |
| DELETE of a rule has no body | 9.4 |
| PUT on a rule of file provisioning: 500 "cannot changed provenance from 'file' to ''" | 9.4 |
| PUT on an object of file provisioning: 409 that names the provenance | 13.3 |
| a secret of a contact point is read back as "[REDACTED]" | 9.4 |
| a secret of a receiver is not among its settings, and ``secureFields`` says that it is there | 13.3 |
| a receiver is named by the server, after its title in base64 | 13.3 |
| an update without the newest resourceVersion: 409 | 13.3 |
| durations come back in the server's own form: ``2m0s`` | 13.3 |
| a data source of type ``postgres`` comes back as ``grafana-postgresql-datasource`` | 13.3 |
"""

from __future__ import annotations

import base64
import copy
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "glsa_" + "t" * 32
RULES = "rules.alerting.grafana.app/v1beta1"
NOTIFICATIONS = "notifications.alerting.grafana.app/v1beta1"
Reply = tuple[int, Any]
NOTHING = object()
"""An answer without a body."""


def defaults() -> dict[str, Any]:
    """The policy of a fresh Grafana."""
    return {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}


@dataclass
class Grafana:
    """Its state, and what was asked of it.

    Attributes:
        new: 13.3 rather than 9.4.
        writes: method and path of every request that may change something.
        fail: an answer to every request that begins with this path, in place of the right one.
    """

    new: bool = False
    port: int = 0
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    secure: dict[str, dict[str, str]] = field(default_factory=dict)
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    provisioned: set[str] = field(default_factory=set)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    points: dict[str, dict[str, Any]] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=defaults)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    writes: list[tuple[str, str]] = field(default_factory=list)
    fail: dict[str, Reply] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        if self.new:
            self.objects["routingtrees", "user-defined"] = {
                "metadata": {"name": "user-defined", "resourceVersion": "1", "annotations": {}},
                "spec": {"defaults": defaults(), "routes": []},
            }

    @property
    def url(self) -> str:
        """Its base."""
        return f"http://127.0.0.1:{self.port}"

    def next(self) -> int:
        """A number that no other has."""
        self.number += 1
        return self.number

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: Any, headers: dict[str, str]
    ) -> Reply:
        """The answer to one request."""
        if method != "GET":
            self.writes.append((method, path))
        for begin, reply in self.fail.items():
            if path.startswith(begin):
                return reply
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        for pattern, part in ROUTES:
            found = re.fullmatch(pattern, path)
            if found is not None and (self.new or not path.startswith("/apis")):
                return part(self, method, [unquote(one) for one in found.groups()], query, body, headers)
        return 404, {"message": "Not found"}


def health(state: Grafana, method: str, names: list[str], *_: Any) -> Reply:
    return 200, {"commit": "x", "database": "ok", "version": "13.3.0" if state.new else "9.4.17"}


def org(state: Grafana, method: str, names: list[str], *_: Any) -> Reply:
    return 200, {"id": 1, "name": "Main Org."}


def folders(state: Grafana, method: str, names: list[str], query: Any, body: Any, headers: Any) -> Reply:
    uid = names[0] if names else body.get("uid")
    if method == "POST":
        if uid in state.folders:
            return 409, {"message": "a folder with the same uid already exists"}
        state.folders[uid] = {"uid": uid, "title": body["title"], "version": 1}
    elif uid not in state.folders:
        return 404, {"message": "folder not found"}
    elif method == "PUT":
        state.folders[uid]["title"] = body["title"]
    return 200, state.folders[uid]


def sources(state: Grafana, method: str, names: list[str], query: Any, body: Any, headers: Any) -> Reply:
    if method == "GET" and not names:
        return 200, [state.sources[uid] for uid in sorted(state.sources)]
    uid = names[0] if names else body["uid"]
    if method == "POST" and (uid in state.sources or body["name"] in {one["name"] for one in state.sources.values()}):
        return 409, {"message": "data source with the same name already exists"}
    if method != "POST" and uid not in state.sources:
        return 404, {"message": "Data source not found"}
    if method == "GET":
        return 200, state.sources[uid]
    if uid in state.provisioned:
        return 403, {"message": "Cannot update read-only data source"}
    if method == "DELETE":
        del state.sources[uid]
        return 200, {"message": "Data source deleted"}
    kind = "grafana-postgresql-datasource" if state.new and body["type"] == "postgres" else body["type"]
    kept = {name: value for name, value in body.items() if name != "secureJsonData"}
    state.sources[uid] = kept | {"id": state.next(), "type": kind, "orgId": 1, "readOnly": False}
    state.secure.setdefault(uid, {}).update(body.get("secureJsonData") or {})
    return 200, {"message": "Datasource added", "datasource": state.sources[uid]}


def search(state: Grafana, method: str, names: list[str], query: Any, body: Any, headers: Any) -> Reply:
    tag = query["tag"][0]
    return 200, [{"uid": uid} for uid, one in state.boards.items() if tag in one["dashboard"].get("tags", [])]


def boards(state: Grafana, method: str, names: list[str], query: Any, body: Any, headers: Any) -> Reply:
    if names:
        uid = names[0]
        if uid not in state.boards:
            return 404, {"message": "Dashboard not found"}
        if method == "DELETE":
            del state.boards[uid]
            return 200, {"title": "x", "message": "Dashboard deleted"}
        return 200, state.boards[uid]
    uid = body["dashboard"]["uid"]
    if uid in state.provisioned:
        return 400, {"message": "Cannot save provisioned dashboard"}
    if body.get("folderUid") not in state.folders:
        return 404, {"message": "folder not found"}
    before = state.boards.get(uid)
    if before is not None and not body.get("overwrite"):
        return 412, {"message": "The dashboard has been changed by someone else"}
    version = 1 if before is None else before["dashboard"]["version"] + 1
    dashboard = body["dashboard"] | {"id": state.next(), "version": version}
    meta = {"provisioned": False, "folderUid": body["folderUid"]}
    state.boards[uid] = {"dashboard": dashboard, "meta": meta}
    return 200, {"uid": uid, "version": version, "status": "success"}


def rules(state: Grafana, method: str, names: list[str], query: Any, body: Any, headers: Any) -> Reply:
    if method == "GET" and not names:
        return 200, list(state.rules.values())
    uid = names[0] if names else body["uid"]
    if method == "POST" and uid in state.rules:
        return 409, {"message": "a conflicting alert rule is found: rule UID under the same organisation"}
    if method != "POST" and uid not in state.rules:
        return 404, NOTHING
    if method == "GET":
        return 200, state.rules[uid]
    provenance = "" if headers.get("x-disable-provenance") else "api"
    if state.rules.get(uid, {}).get("provenance") == "file":
        return 500, {"message": f"cannot changed provenance from 'file' to '{provenance}'"}
    if method == "DELETE":
        del state.rules[uid]
        return 204, NOTHING
    if body["folderUID"] not in state.folders:
        return 400, {"message": "invalid alert rule: folder does not exist"}
    kept = {name: value for name, value in body.items() if name != "keep_firing_for"}
    kept |= {"id": state.next(), "orgID": 1, "updated": "2026-11-30T00:00:00Z"}
    state.rules[uid] = kept | ({"provenance": provenance} if provenance else {})
    return (201 if method == "POST" else 200), state.rules[uid]


def group(state: Grafana, method: str, names: list[str], query: Any, body: Any, headers: Any) -> Reply:
    folder, title = names
    inside = [one for one in state.rules.values() if (one["folderUID"], one["ruleGroup"]) == (folder, title)]
    return 200, {"title": title, "folderUid": folder, "interval": 60, "rules": inside}


def points(state: Grafana, method: str, names: list[str], query: Any, body: Any, headers: Any) -> Reply:
    if method == "GET":
        shown = copy.deepcopy(list(state.points.values()))
        for one in shown:
            for section in (one["settings"], *(v for v in one["settings"].values() if isinstance(v, dict))):
                section.update({name: "[REDACTED]" for name in section if name in ("secret", "password")})
        return 200, shown
    uid = names[0] if names else body.get("uid") or f"p{state.next()}"
    stored = state.points.get(uid)
    if method != "POST" and stored is None:
        return 404, {"message": "contact point not found"}
    provenance = "" if headers.get("x-disable-provenance") else "api"
    if stored is not None and stored["provenance"] not in ("", provenance):
        return 500, {"message": f"cannot changed provenance from '{stored['provenance']}' to '{provenance}'"}
    if method == "DELETE":
        if any(one.get("receiver") == state.points[uid]["name"] for one in state.policy.get("routes", [])):
            return 500, {"message": "contact point is used by a notification policy"}
        del state.points[uid]
        return 202, {"message": "contactpoint deleted"}
    state.points[uid] = body | {"uid": uid, "provenance": provenance}
    return 202, {"message": "contactpoint updated"}


def policies(state: Grafana, method: str, names: list[str], query: Any, body: Any, headers: Any) -> Reply:
    if method == "GET":
        return 200, state.policy
    known = {one["name"] for one in state.points.values()} | {"grafana-default-email"}
    unknown = {one["receiver"] for one in body.get("routes", [])} - known
    if unknown:
        return 400, {"message": f"invalid object specification: receiver {unknown} does not exist"}
    state.policy = body | {"provenance": "api"}
    return 202, {"message": "policies updated"}


def annotations(state: Grafana, method: str, names: list[str], query: Any, body: Any, headers: Any) -> Reply:
    if method == "GET":
        tags = set(query.get("tags", []))
        return 200, [one for one in state.annotations if tags <= set(one["tags"])]
    if not body.get("text"):
        return 400, {"message": "Failed to save annotation", "error": "text field should not be empty"}
    if not isinstance(body.get("time"), int) or not all(isinstance(tag, str) for tag in body.get("tags", [])):
        return 400, {"message": "bad request data"}
    made = {"id": state.next(), "timeEnd": body["time"], **body}
    state.annotations.append(made)
    return 200, {"message": "Annotation added", "id": made["id"]}


def version(state: Grafana, method: str, names: list[str], *_: Any) -> Reply:
    return 200, {"kind": "APIResourceList", "groupVersion": names[0]}


def objects(state: Grafana, method: str, names: list[str], query: Any, body: Any, headers: Any) -> Reply:
    plural, name = names[0], names[1] if len(names) > 1 else ""
    if method == "GET" and not name:
        items = [shown(plural, one) for (kind, _), one in sorted(state.objects.items()) if kind == plural]
        return 200, {"kind": "List", "metadata": {}, "items": items}
    if method == "POST":
        name = body["metadata"].get("name") or ""
        if plural == "receivers":
            name = base64.urlsafe_b64encode(body["spec"]["title"].encode()).decode().rstrip("=")
    stored = state.objects.get((plural, name))
    if method == "GET":
        return (200, shown(plural, stored)) if stored else (404, {"message": "not found", "code": 404})
    if method == "POST" and stored is not None:
        return 409, {"message": f"{plural} {name!r} already exists", "reason": "AlreadyExists"}
    if method != "POST" and stored is None:
        return 404, {"message": "not found", "code": 404}
    notes = {} if stored is None else stored["metadata"].get("annotations", {})
    if notes.get("grafana.com/provenance") == "file":
        return 409, {"message": "cannot update with provided provenance '', needs 'file'"}
    if method == "DELETE":
        del state.objects[plural, name]
        return 200, {"kind": "Status", "status": "Success"}
    if stored is not None and body["metadata"].get("resourceVersion") != stored["metadata"]["resourceVersion"]:
        return 409, {"message": "the object has been modified", "reason": "Conflict"}
    group = (body["metadata"].get("labels") or {}).get("grafana.com/group")
    if group is not None and (stored is None or "grafana.com/group" not in stored["metadata"].get("labels", {})):
        return 403, {"message": "cannot set group when creating a new rule"}
    if plural == "alertrules" and body["metadata"]["annotations"].get("grafana.app/folder") not in state.folders:
        return 400, {"message": "folder does not exist"}
    metadata = body["metadata"] | {"name": name, "resourceVersion": str(state.next())}
    state.objects[plural, name] = {"metadata": metadata, "spec": server_form(copy.deepcopy(body["spec"]))}
    return (201 if method == "POST" else 200), shown(plural, state.objects[plural, name])


def server_form(spec: dict[str, Any]) -> dict[str, Any]:
    """Durations as the server writes them."""
    for name in ("for", "keepFiringFor"):
        if re.fullmatch(r"[1-9]\d*m", str(spec.get(name))):
            spec[name] += "0s"
        elif spec.get(name) == "0m":
            del spec[name]
    return spec


def shown(plural: str, stored: dict[str, Any]) -> dict[str, Any]:
    """The object as it is read: without secrets."""
    one = copy.deepcopy(stored)
    if plural == "receivers":
        for hook in one["spec"]["integrations"]:
            hook["uid"] = "u" + stored["metadata"]["name"][:8]
            signing = hook["settings"].get("hmacConfig", {})
            if signing.pop("secret", None):
                hook["secureFields"] = {"hmacConfig.secret": True}
    return one


UID = r"([^/]+)"
ROUTES: list[tuple[str, Any]] = [
    ("/api/health", health),
    ("/api/org", org),
    ("/api/folders", folders),
    (f"/api/folders/{UID}", folders),
    ("/api/datasources", sources),
    (f"/api/datasources/uid/{UID}", sources),
    ("/api/search", search),
    ("/api/dashboards/db", boards),
    (f"/api/dashboards/uid/{UID}", boards),
    ("/api/v1/provisioning/alert-rules", rules),
    (f"/api/v1/provisioning/alert-rules/{UID}", rules),
    (f"/api/v1/provisioning/folder/{UID}/rule-groups/{UID}", group),
    ("/api/v1/provisioning/contact-points", points),
    (f"/api/v1/provisioning/contact-points/{UID}", points),
    ("/api/v1/provisioning/policies", policies),
    ("/api/annotations", annotations),
    (f"/apis/({RULES}|{NOTIFICATIONS})", version),
    (f"/apis/(?:{RULES}|{NOTIFICATIONS})/namespaces/default/{UID}", objects),
    (f"/apis/(?:{RULES}|{NOTIFICATIONS})/namespaces/default/{UID}/{UID}", objects),
]


@contextmanager
def grafana(*, new: bool = False) -> Iterator[Grafana]:
    """Serve one on a free loopback port."""
    state = Grafana(new=new)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def handle_one(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                body = json.loads(raw) if raw else None
                status, document = state.answer(self.command, parts.path, parse_qs(parts.query), body, headers)
            text = (
                b""
                if document is NOTHING
                else document
                if isinstance(document, bytes)
                else json.dumps(document).encode()
            )
            self.send_response(status)
            if text:
                self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815 - the names are the base class's

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    class Threads(ThreadingHTTPServer):
        daemon_threads = True

    listening = Threads(("127.0.0.1", 0), Handler)
    state.port = listening.server_address[1]
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
