"""Marks on the dashboards where a new version of a guardrail begins, each made once.

Grafana keeps what was marked: the tag of a release is looked up before its mark is made, so that any process may do
it at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from monitor.grafana.names import TAG
from monitor.grafana.sync.server import Server
from monitor.incidents.words import plain

RELEASE: Final = "release"
MOST: Final = 100
"""Releases that are looked at, the newest: each is one tag to compare."""


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """The first event of a version of a guardrail."""

    at_ms: int
    guardrail: str
    version: str

    @property
    def tag(self) -> str:
        """The same for the same version, and never longer than Grafana keeps."""
        name = json.dumps([self.guardrail, self.version])
        return f"release-{sha256(name.encode()).hexdigest()[:16]}"


def releases(seen: Iterable[Release]) -> Sequence[Release]:
    """The earliest sight of each version, but for the first version of a guardrail: with it nothing was released."""
    earliest: dict[tuple[str, str], Release] = {}
    for one in seen:
        known = earliest.get((one.guardrail, one.version))
        if one.version and (known is None or one.at_ms < known.at_ms):
            earliest[one.guardrail, one.version] = one
    found: list[Release] = []
    begun: set[str] = set()
    for one in sorted(earliest.values()):
        if one.guardrail in begun:
            found.append(one)
        begun.add(one.guardrail)
    return found[-MOST:]


def mark(server: Server, found: Sequence[Release]) -> list[Release]:
    """Make the marks that are missing; returns those that were made.

    Raises:
        GrafanaUnavailable, GrafanaRefused: Grafana does not take them.
    """
    if not found:
        return []
    begin = found[0].at_ms
    there = server.get(f"/api/annotations?tags={TAG}&tags={RELEASE}&from={begin}&limit={10 * MOST}") or []
    marked = {tag for one in there for tag in one.get("tags") or []}
    made = [one for one in found if one.tag not in marked]
    for one in made:
        document = {
            "time": one.at_ms,
            "tags": [TAG, RELEASE, one.tag, plain(f"guardrail:{one.guardrail}")],
            "text": plain(f"{one.guardrail}: version {one.version} is seen first"),
        }
        server.call("POST", "/api/annotations", document)
    return made
