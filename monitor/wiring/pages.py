"""The pages of one process: their backend out of stores and settings, and ``driftline serve``."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from monitor.access.ports import Access
from monitor.clock import DAY_MS, Clock
from monitor.incidents.playbook import all_playbooks
from monitor.settings.document import DEFAULT, origins
from monitor.settings.load import SettingsWithOrigin
from monitor.settings.model import Settings
from monitor.storage.stores import Stores
from monitor.web.backend import Backend, Itself, Reader, Setting, Site
from monitor.web.feed import Feed
from monitor.web.health import Inbound, Served
from monitor.wiring import translate

GIVEN: Final = "the settings"
KEPT_MS: Final = DAY_MS
"""How long answers under idempotency keys are kept, and sessions and links after they expired."""


def backend_of(stores: Stores, settings: Settings, clock: Clock) -> Backend:
    """What the pages read and write."""
    return Backend(
        alerts=stores.alerts,
        judge=stores.judge,
        evidence=stores.evidence,
        evals=stores.evals,
        access=stores.access,
        itself=lambda: _itself(stores, settings, clock),
        rule=translate.judge_rule(settings),
        policy=translate.alert_policy(settings),
        playbooks=all_playbooks(translate.playbooks_folder(settings)),
        settings=_in_force(settings),
    )


def site_of(
    settings: Settings,
    served: Served,
    clock: Clock,
    *,
    backend: Callable[[], Backend | None],
    inbound: Inbound | None = None,
) -> Site:
    """The site of this process; its backend comes once the database is open."""
    return Site(
        backend=backend,
        served=served,
        clock=clock,
        random=secrets.token_bytes,
        feed=Feed(),
        inbound=inbound,
        url=(settings.http.url or "").rstrip("/"),
    )


def forget_access(access: Access, clock: Clock) -> None:
    """Remove answers of yesterday, and sessions and links that expired before that."""
    with access.transaction() as store:
        store.forget_access(clock.now_ms() - KEPT_MS)


def _itself(stores: Stores, settings: Settings, clock: Clock) -> Itself:
    tick_ms = settings.ticks.length.ms
    judged, closed, lease = stores.judge.judged_before(), stores.judge.closed_before(), stores.reads.lease()
    totals = stores.reads.totals()
    held = lease is not None and lease.holder != "" and lease.expires_at_ms > clock.now_ms()
    return Itself(
        readers=[
            Reader(
                partition=one.partition,
                source=one.source,
                active=one.active,
                closed_before_ms=None if one.closed_before is None else one.closed_before * tick_ms,
                committed_at_ms=one.committed_at_ms,
            )
            for one in stores.reads.partitions()
        ],
        judged_before_ms=None if judged is None else judged * tick_ms,
        closed_before_ms=None if closed is None else closed * tick_ms,
        lease_holder=lease.holder if lease is not None and held else None,
        lease_until_ms=lease.expires_at_ms if lease is not None and held else None,
        outbox=stores.outbox.backlog(),
        rejected=totals.rejected,
        events=totals.events,
    )


def _in_force(settings: Settings) -> list[Setting]:
    found = origins(SettingsWithOrigin(settings=settings, file=None, variables={}))
    return [
        Setting(path=path, value=_text(value), source=source if source == DEFAULT else GIVEN)
        for path, (value, source) in found.items()
    ]


def _text(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case list():
            return ", ".join(str(item) for item in value)
    return str(value)
