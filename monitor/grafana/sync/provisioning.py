"""Alerting by /api/v1/provisioning, from Grafana 9.4 to 13.

Written with ``X-Disable-Provenance``, so that people can go on changing rules and policies in the UI. The contact
point is written without: it is locked there, and a difference is never a person's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from monitor.grafana import names
from monitor.grafana.alert_rules import EVERY_S, GROUP, MARK
from monitor.grafana.sync.compare import Difference
from monitor.grafana.sync.holders import Document, Held
from monitor.grafana.sync.server import Server

BASE: Final = "/api/v1/provisioning"
EDITABLE: Final = {"X-Disable-Provenance": "true"}
RULE_FIELDS: Final = (
    "uid",
    "title",
    "folderUID",
    "ruleGroup",
    "condition",
    "data",
    "noDataState",
    "execErrState",
    "for",
    "keep_firing_for",
    "isPaused",
    "labels",
    "annotations",
)
OWNERS: Final = {"file": "file provisioning"}


class Rules:
    """Alert rules."""

    kind = "alert rule"
    marked = True
    locked = False

    def __init__(self, server: Server) -> None:
        self._server = server

    def held(self, wanted: Mapping[str, Document]) -> dict[str, Held]:
        """Those that are wanted or bear our mark."""
        found = {}
        for one in self._server.get(f"{BASE}/alert-rules") or []:
            held = _held(one)
            if one["uid"] in wanted or held.mark:
                found[str(one["uid"])] = held
        return found

    def read(self, uid: str) -> Held | None:
        """One by its uid."""
        one = self._server.get(f"{BASE}/alert-rules/{quote(uid)}")
        return None if one is None else _held(one)

    def write(self, uid: str, document: Document, *, mark: str, secrets: Mapping[str, str], exists: bool) -> None:
        """Create or replace; a new one may have made the group, whose interval then is the server's default."""
        whole = document | {"annotations": document["annotations"] | {MARK: mark}, "orgID": 1}
        if exists:
            self._server.call("PUT", f"{BASE}/alert-rules/{quote(uid)}", whole, EDITABLE)
        else:
            self._server.call("POST", f"{BASE}/alert-rules", whole, EDITABLE)
            self._set_interval()

    def remove(self, uid: str) -> None:
        """Remove it; the answer has no body."""
        self._server.call("DELETE", f"{BASE}/alert-rules/{quote(uid)}", None, EDITABLE)

    def _set_interval(self) -> None:
        path = f"{BASE}/folder/{names.FOLDER}/rule-groups/{GROUP}"
        group = self._server.get(path)
        if group is not None and group.get("interval") != EVERY_S:
            self._server.call("PUT", path, group | {"interval": EVERY_S}, EDITABLE)


def _held(one: Mapping[str, Any]) -> Held:
    document = {name: one[name] for name in RULE_FIELDS if name in one}
    annotations = dict(document.get("annotations") or {})
    mark = str(annotations.pop(MARK, ""))
    return Held(document | {"annotations": annotations}, mark, OWNERS.get(str(one.get("provenance", "")), ""))


class ContactPoints:
    """Our contact point; those of others are never looked at."""

    kind = "contact point"
    marked = False
    locked = True

    def __init__(self, server: Server) -> None:
        self._server = server

    def held(self, wanted: Mapping[str, Document]) -> dict[str, Held]:
        """Ours, if it is there; locked for the UI it is ours alone."""
        found = {}
        for one in self._server.get(f"{BASE}/contact-points") or []:
            if one.get("uid") == names.CONTACT_POINT_UID:
                provenance = str(one.get("provenance", ""))
                document = {name: one[name] for name in ("uid", "name", "type", "settings") if name in one}
                document["disableResolveMessage"] = bool(one.get("disableResolveMessage"))
                owner = "" if provenance == "api" else OWNERS.get(provenance, "somebody who made it in the UI")
                found[names.CONTACT_POINT_UID] = Held(document, owner=owner)
        return found

    def read(self, uid: str) -> Held | None:
        """Ours, as it is now."""
        return self.held({}).get(uid)

    def write(self, uid: str, document: Document, *, mark: str, secrets: Mapping[str, str], exists: bool) -> None:
        """Create or replace, with the key that it signs with."""
        whole = with_secrets(document, secrets)
        if exists:
            self._server.call("PUT", f"{BASE}/contact-points/{quote(uid)}", whole)
        else:
            self._server.call("POST", f"{BASE}/contact-points", whole)

    def remove(self, uid: str) -> None:
        """Remove it."""
        self._server.call("DELETE", f"{BASE}/contact-points/{quote(uid)}")


class Routes:
    """Our route in the notification policy: one branch of a tree that is everybody's."""

    kind = "notification policy"
    marked = False
    locked = False

    def __init__(self, server: Server) -> None:
        self._server = server

    def held(self, wanted: Mapping[str, Document]) -> dict[str, Held]:
        """Our branch, if it is there."""
        tree = self._server.get(f"{BASE}/policies") or {}
        provenance = str(tree.get("provenance", ""))
        # 9.4 takes no notice of the header: whatever is written here locks the whole tree for people.
        lost = (Difference("provenance", "(none)", provenance),) if provenance == "api" else ()
        ours = [one for one in tree.get("routes") or [] if is_ours(one)]
        return {str(one.get("receiver")): Held(one, owner=OWNERS.get(provenance, ""), lost=lost) for one in ours}

    def read(self, uid: str) -> Held | None:
        """Ours, as it is now."""
        return self.held({}).get(uid)

    def write(self, uid: str, document: Document, *, mark: str, secrets: Mapping[str, str], exists: bool) -> None:
        """Put our branch first, where no other can take our alerts; the rest of the tree stays."""
        self._change([document])

    def remove(self, uid: str) -> None:
        """Take our branch out."""
        self._change([])

    def _change(self, ours: list[Document]) -> None:
        tree = dict(self._server.get(f"{BASE}/policies") or {})
        others = [one for one in tree.get("routes") or [] if not is_ours(one)]
        tree.pop("provenance", None)
        self._server.call("PUT", f"{BASE}/policies", tree | {"routes": [*ours, *others]}, EDITABLE)


def is_ours(route: Mapping[str, Any]) -> bool:
    """Whether a branch of the policy is the one that we put there."""
    return [names.OWNER_LABEL, "=", names.OWNER_VALUE] in (route.get("object_matchers") or [])


def with_secrets(document: Document, secrets: Mapping[str, str]) -> Document:
    """The contact point with its secrets in their places: ``hmacConfig.secret`` is below ``hmacConfig``."""
    settings = {
        name: dict(value) if isinstance(value, dict) else value for name, value in document["settings"].items()
    }
    for path, secret in secrets.items():
        section, _, name = path.partition(".")
        settings[section] = settings.get(section, {}) | {name: secret}
    return document | {"settings": settings}
