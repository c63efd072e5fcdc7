"""Tells receivers of changes when a guardrail or a model shows a new version in the log.

Whoever is woken looks first for what has changed; PagerDuty shows change events beside the incident. A version is new
when its guardrail or model was seen with another one before: what is there from the beginning is no release.

    step = Releases(receivers)
    step.take(alerts, versions, now_ms=...)      every few seconds, by the lease holder
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import msgspec
import structlog

from monitor.alerting.channels.base import ChannelError
from monitor.alerting.ports import Alerts
from monitor.incidents.words import plain, rfc3339

VERSION: Final = 1
AT_ONCE: Final = 20
_LOG: Final = structlog.stdlib.get_logger("driftline.releases")


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A version that was seen.

    Attributes:
        kind: ``guardrail`` or ``model``.
        seen_ms: by the service's clock.
        told: whether receivers have it, or need not.
    """

    kind: str
    name: str
    version: str
    seen_ms: int
    told: bool


class ChangeReceiver(Protocol):
    """Takes news of changes beside incidents."""

    def change(self, document: Mapping[str, object]) -> None:
        """Send it.

        Raises:
            ChannelError: it did not arrive.
        """


class Releases:
    """Tells the receivers, at least once each; the first look at a database tells nobody."""

    def __init__(self, receivers: Mapping[str, ChangeReceiver], *, deployment: str = "") -> None:
        self._receivers = receivers
        self._deployment = deployment

    def take(self, alerts: Alerts, versions: Iterable[tuple[str, str, str]], *, now_ms: int) -> int:
        """Record versions (kind, name, version) and tell of those that are new; returns how many were told of.

        Raises:
            StoreUnavailable: the database is away; what was not marked is told again.
        """
        with alerts.transaction() as store:
            known = store.releases()
            names = {(each.kind, each.name) for each in known}
            there = {(each.kind, each.name, each.version) for each in known}
            for kind, name, version in sorted({*versions} - there):
                told = (kind, name) not in names or not self._receivers
                names.add((kind, name))
                store.save_release(Release(kind=kind, name=name, version=version, seen_ms=now_ms, told=told))
            untold = [each for each in store.releases() if not each.told][:AT_ONCE]
        for release in untold:
            if self._told(release):
                with alerts.transaction() as store:
                    store.save_release(msgspec.structs.replace(release, told=True))
        return len(untold)

    def _told(self, release: Release) -> bool:
        """Whether no receiver is left that may take it later."""
        done = True
        for name, receiver in self._receivers.items():
            try:
                receiver.change(document(release, deployment=self._deployment))
            except ChannelError as error:
                _LOG.warning("a change was not told", channel=name, permanent=error.permanent, error=str(error))
                done = done and error.permanent
        return done


def document(release: Release, *, deployment: str) -> dict[str, object]:
    """The news of one release."""
    name, version = plain(release.name), plain(release.version)
    return {
        "version": VERSION,
        "summary": f"{release.kind} {name} has version {version}",
        "kind": release.kind,
        "name": name,
        "release": version,
        "seen_at": rfc3339(release.seen_ms),
        "deployment": plain(deployment),
    }
