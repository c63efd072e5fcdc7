"""Alerting by /apis/...v1beta1, from Grafana 13.3 on: an object each, with a resource version.

Rules are in rules.alerting.grafana.app, contact points (receivers) and policies (routing trees) in
notifications.alerting.grafana.app. The documents that come in and go out are those of :mod:`provisioning`; here they
are translated. Source: the kinds under ``apps/alerting`` in Grafana's repository, and the HTTP API's pages of 13.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from monitor.grafana import names
from monitor.grafana.alert_rules import EVERY_S, MARK
from monitor.grafana.sync.compare import seconds
from monitor.grafana.sync.holders import Document, Held
from monitor.grafana.sync.provisioning import with_secrets
from monitor.grafana.sync.server import GrafanaRefused, Server

RULES: Final = "rules.alerting.grafana.app/v1beta1"
NOTIFICATIONS: Final = "notifications.alerting.grafana.app/v1beta1"
FOLDER: Final = "grafana.app/folder"
GROUP_LABEL: Final = "grafana.com/group"
PROVENANCE: Final = "grafana.com/provenance"
TREE: Final = "user-defined"
"""The one tree that every alert goes through unless its rule names another."""
OWNERS: Final = {"file": "file provisioning"}
_STATES: Final = {"OK": "Ok", "NoData": "NoData", "Alerting": "Alerting", "Error": "Error", "KeepLast": "KeepLast"}
_SAME: Final = {
    "title": "title",
    "isPaused": "paused",
    "for": "for",
    "keep_firing_for": "keepFiringFor",
    "labels": "labels",
}


def offered(server: Server) -> bool:
    """Whether this Grafana knows both groups in this version; older ones answer 404 to all of /apis."""
    return all(server.get(f"/apis/{group}") is not None for group in (RULES, NOTIFICATIONS))


class Collection:
    """The objects of one kind in the namespace of the organisation."""

    def __init__(self, server: Server, group: str, kind: str, plural: str) -> None:
        self._server, self._group, self._kind = server, group, kind
        self._base = f"/apis/{group}/namespaces/{namespace(server)}/{plural}"

    def every(self) -> list[Document]:
        """All of them, page by page."""
        found: list[Document] = []
        more = ""
        while True:
            page = self._server.get(f"{self._base}?limit=500{more}") or {}
            found += page.get("items") or []
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            more = f"&continue={quote(token)}"

    def one(self, name: str) -> Document | None:
        """One by its name."""
        found: Document | None = self._server.get(f"{self._base}/{quote(name)}")
        return found

    def put(self, spec: Document, metadata: Document, *, before: Document | None) -> None:
        """Create, or replace the version that was read: a change in between is refused as a conflict."""
        document = {"apiVersion": self._group, "kind": self._kind, "metadata": metadata, "spec": spec}
        if before is None:
            self._server.call("POST", self._base, document)
        else:
            kept = {name: before["metadata"][name] for name in ("name", "resourceVersion")}
            self._server.call("PUT", f"{self._base}/{quote(kept['name'])}", document | {"metadata": metadata | kept})

    def remove(self, name: str) -> None:
        """Remove it."""
        self._server.call("DELETE", f"{self._base}/{quote(name)}")


def namespace(server: Server) -> str:
    """That of the token's organisation: ``default`` for the first, ``org-2`` for the second."""
    number = int((server.get("/api/org") or {}).get("id", 1))
    return "default" if number == 1 else f"org-{number}"


class Rules:
    """Alert rules."""

    kind = "alert rule"
    marked = True
    locked = False

    def __init__(self, server: Server) -> None:
        self._rules = Collection(server, RULES, "AlertRule", "alertrules")

    def held(self, wanted: Mapping[str, Document]) -> dict[str, Held]:
        """Those that are wanted or bear our mark."""
        found = {}
        for one in self._rules.every():
            held = _held(one)
            if one["metadata"]["name"] in wanted or held.mark:
                found[str(one["metadata"]["name"])] = held
        return found

    def read(self, uid: str) -> Held | None:
        """One by its uid."""
        one = self._rules.one(uid)
        return None if one is None else _held(one)

    def write(self, uid: str, document: Document, *, mark: str, secrets: Mapping[str, str], exists: bool) -> None:
        """Create or replace."""
        before = self._rules.one(uid) if exists else None
        # A rule that is made here can be in no group, then or later; one from before 13.3 has to stay in its own.
        labels = {} if before is None else before["metadata"].get("labels") or {}
        metadata = {"name": uid, "annotations": {FOLDER: document["folderUID"]}, "labels": labels}
        self._rules.put(spec_of(document, mark), metadata, before=before)

    def remove(self, uid: str) -> None:
        """Remove it."""
        self._rules.remove(uid)


def spec_of(document: Document, mark: str) -> Document:
    """A rule as a spec of ``AlertRule``."""
    return {
        **{theirs: document[ours] for ours, theirs in _SAME.items() if ours in document},
        "trigger": {"interval": f"{EVERY_S}s"},
        "annotations": document["annotations"] | {MARK: mark},
        "noDataState": _STATES[document["noDataState"]],
        "execErrState": _STATES[document["execErrState"]],
        "expressions": {step["refId"]: _expression(step, document["condition"]) for step in document["data"]},
    }


def _expression(step: Document, condition: str) -> Document:
    made: Document = {"model": step["model"], "queryType": step["queryType"]}
    if step["datasourceUid"] != "__expr__":
        span = step["relativeTimeRange"]
        made |= {
            "datasourceUID": step["datasourceUid"],
            "relativeTimeRange": {"from": f"{span['from']}s", "to": f"{span['to']}s"},
        }
    return made | ({"source": True} if step["refId"] == condition else {})


def _held(one: Document) -> Held:
    spec, metadata = one["spec"], one["metadata"]
    notes = metadata.get("annotations") or {}
    annotations = dict(spec.get("annotations") or {})
    mark = str(annotations.pop(MARK, ""))
    steps = spec.get("expressions") or {}
    names_of_states = {theirs: ours for ours, theirs in _STATES.items()}
    document = {
        "uid": metadata["name"],
        "folderUID": notes.get(FOLDER, ""),
        **{ours: spec[theirs] for ours, theirs in _SAME.items() if theirs in spec},
        "annotations": annotations,
        "noDataState": names_of_states.get(spec.get("noDataState"), ""),
        "execErrState": names_of_states.get(spec.get("execErrState"), ""),
        "condition": next((name for name, step in steps.items() if step.get("source")), ""),
        "data": [_step(name, steps[name]) for name in sorted(steps)],
    }
    group = (metadata.get("labels") or {}).get(GROUP_LABEL)
    grouped = {} if group is None else {"ruleGroup": group}
    return Held(document | grouped, mark, OWNERS.get(notes.get(PROVENANCE, ""), ""))


def _step(name: str, step: Document) -> Document:
    source = step.get("datasourceUID") or "__expr__"
    span = step.get("relativeTimeRange")
    made = {"refId": name, "datasourceUid": source, "queryType": step.get("queryType", ""), "model": step["model"]}
    if source == "__expr__":
        return made | {"relativeTimeRange": {"from": 600, "to": 0}}  # means nothing for a step without a source
    if span:
        made["relativeTimeRange"] = {end: seconds(span[end]) for end in ("from", "to")}
    return made


class ContactPoints:
    """Our receiver, which the server names after its title."""

    kind = "contact point"
    marked = False
    locked = True

    def __init__(self, server: Server) -> None:
        self._receivers = Collection(server, NOTIFICATIONS, "Receiver", "receivers")

    def held(self, wanted: Mapping[str, Document]) -> dict[str, Held]:
        """Ours, if it is there."""
        one = self._ours()
        if one is None:
            return {}
        hooks = [hook for hook in one["spec"].get("integrations") or [] if hook.get("type") == "webhook"]
        hook = hooks[0] if hooks else {}
        document = {
            "uid": names.CONTACT_POINT_UID,
            "name": one["spec"]["title"],
            "type": hook.get("type", ""),
            "settings": hook.get("settings") or {},
            "disableResolveMessage": bool(hook.get("disableResolveMessage")),
        }
        notes = one["metadata"].get("annotations") or {}
        return {names.CONTACT_POINT_UID: Held(document, owner=OWNERS.get(notes.get(PROVENANCE, ""), ""))}

    def read(self, uid: str) -> Held | None:
        """Ours, as it is now."""
        return self.held({}).get(uid)

    def write(self, uid: str, document: Document, *, mark: str, secrets: Mapping[str, str], exists: bool) -> None:
        """Create or replace, with the key that it signs with."""
        settings = with_secrets(document, secrets)["settings"]
        hook = {"type": "webhook", "version": "v1", "settings": settings, "disableResolveMessage": False}
        before = self._ours()
        known = (before or {}).get("spec", {}).get("integrations") or []
        if known and known[0].get("uid"):
            hook["uid"] = known[0]["uid"]
        self._receivers.put({"title": document["name"], "integrations": [hook]}, {}, before=before)

    def remove(self, uid: str) -> None:
        """Remove it."""
        one = self._ours()
        if one is not None:
            self._receivers.remove(one["metadata"]["name"])

    def _ours(self) -> Document | None:
        return next((one for one in self._receivers.every() if one["spec"].get("title") == names.CONTACT_POINT), None)


class Routes:
    """Our route in the tree that every alert goes through."""

    kind = "notification policy"
    marked = False
    locked = False

    def __init__(self, server: Server) -> None:
        self._trees = Collection(server, NOTIFICATIONS, "RoutingTree", "routingtrees")

    def held(self, wanted: Mapping[str, Document]) -> dict[str, Held]:
        """Our branch, if it is there."""
        tree = self._trees.one(TREE) or {"spec": {}, "metadata": {}}
        owner = OWNERS.get((tree["metadata"].get("annotations") or {}).get(PROVENANCE, ""), "")
        ours = [one for one in tree["spec"].get("routes") or [] if _is_ours(one)]
        return {str(one.get("receiver")): Held(_neutral(one), owner=owner) for one in ours}

    def read(self, uid: str) -> Held | None:
        """Ours, as it is now."""
        return self.held({}).get(uid)

    def write(self, uid: str, document: Document, *, mark: str, secrets: Mapping[str, str], exists: bool) -> None:
        """Put our branch first; the rest of the tree stays."""
        matchers = [
            {"label": label, "type": kind, "value": value} for label, kind, value in document["object_matchers"]
        ]
        kept = {name: value for name, value in document.items() if name != "object_matchers"}
        self._change([kept | {"matchers": matchers, "continue": False}])

    def remove(self, uid: str) -> None:
        """Take our branch out."""
        self._change([])

    def _change(self, ours: list[Document]) -> None:
        tree = self._trees.one(TREE)
        if tree is None:
            raise GrafanaRefused(f"there is no routing tree {TREE!r}", status=404)
        others = [one for one in tree["spec"].get("routes") or [] if not _is_ours(one)]
        self._trees.put(tree["spec"] | {"routes": [*ours, *others]}, {}, before=tree)


def _is_ours(route: Mapping[str, Any]) -> bool:
    wanted = {"label": names.OWNER_LABEL, "type": "=", "value": names.OWNER_VALUE}
    return wanted in (route.get("matchers") or [])


def _neutral(route: Document) -> Document:
    matchers = [[one["label"], one["type"], one["value"]] for one in route["matchers"]]
    kept = {name: value for name, value in route.items() if name not in ("matchers", "continue")}
    return kept | {"object_matchers": matchers}
