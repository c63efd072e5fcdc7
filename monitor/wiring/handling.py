"""What the response does beside paging, each a job: evidence, measures, reminders, anchors; and inbound requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from monitor import __version__
from monitor.alerting.anchoring import Anchors
from monitor.alerting.channels.base import Channel, ChannelError
from monitor.alerting.channels.grafana import GrafanaChannel
from monitor.alerting.channels.json_post import Target
from monitor.alerting.channels.measure import MeasureWebhook
from monitor.alerting.channels.outbound import Outbound, Rules
from monitor.alerting.channels.pagerduty import PagerDutyChannel
from monitor.alerting.containing import MeasureReceiver, contain_step
from monitor.alerting.inbound.model import InboundSource, SourceKind
from monitor.alerting.inbound.receive import receive
from monitor.alerting.policy import AlertPolicy
from monitor.alerting.releases import Releases
from monitor.alerting.reminding import remind_step
from monitor.clock import Clock
from monitor.errors import SettingsError, TryAgain
from monitor.incidents.containment import MeasureRule
from monitor.incidents.evidence import Setup
from monitor.incidents.playbook import Action
from monitor.judging.capture import capture_step
from monitor.settings.model import Settings
from monitor.settings.response import ContainmentMeasure, Inbound
from monitor.storage.stores import Stores
from monitor.wiring.jobs import Job

CAPTURE_EVERY_S: Final = 5.0
CONTAIN_EVERY_S: Final = 1.0
REMIND_EVERY_S: Final = 60.0
ANCHOR_EVERY_S: Final = 10.0
TELLING: Final = (PagerDutyChannel, GrafanaChannel)
"""Channels that can tell of a release beside incidents."""
RELEASES_EVERY_S: Final = 30.0


class Handling:
    """The jobs on one database."""

    def __init__(
        self,
        stores: Stores,
        policy: AlertPolicy,
        *,
        clock: Clock,
        tick_ms: int,
        setup: Setup,
        rules: Mapping[str, MeasureRule],
        receivers: Mapping[str, MeasureReceiver],
        anchor_file: Path | None = None,
        channels: Mapping[str, Channel] | None = None,
    ) -> None:
        self._stores = stores
        self._policy = policy
        self._clock = clock
        self._tick_ms = tick_ms
        self._setup = setup
        self._rules = rules
        self._receivers = receivers
        hearing = {name: each for name, each in (channels or {}).items() if isinstance(each, TELLING)}
        self._releases = Releases(hearing, deployment=policy.deployment)
        self._newest_slice = 0
        self._anchors = None if anchor_file is None else Anchors(anchor_file)

    def jobs(self) -> list[Job]:
        """The periodic jobs; each step is idempotent and claims what it works on."""
        return [
            Job("capture", CAPTURE_EVERY_S, self.capture_step, leader_only=True),
            Job("contain", CONTAIN_EVERY_S, self.contain_step),
            Job("remind", REMIND_EVERY_S, self.remind_step),
            Job("releases", RELEASES_EVERY_S, self.releases_step, leader_only=True),
            Job("anchor", ANCHOR_EVERY_S, self.anchor_step, leader_only=True),
        ]

    def capture_step(self) -> None:
        """Capture evidence that was asked for.

        Raises:
            TryAgain: the database did not answer.
        """
        stores = self._stores
        while capture_step(
            stores.alerts,
            stores.judge,
            stores.evidence,
            now_ms=self._clock.now_ms(),
            tick_ms=self._tick_ms,
            setup=self._setup,
        ):
            pass

    def contain_step(self) -> None:
        """Send measures that are due.

        Raises:
            TryAgain: the database did not answer.
        """
        now_ms = self._clock.now_ms()
        contain_step(self._stores.alerts, self._receivers, self._rules, now_ms=now_ms, policy=self._policy)

    def remind_step(self) -> None:
        """Remind the owners of action items.

        Raises:
            TryAgain: the database did not answer.
        """
        remind_step(self._stores.alerts, now_ms=self._clock.now_ms(), policy=self._policy)

    def releases_step(self) -> None:
        """Tell of new versions of guardrails and models.

        Raises:
            TryAgain: the database did not answer.
        """
        slices = self._stores.judge.slices(after_id=self._newest_slice)
        seen = {("guardrail", each.guardrail, each.guardrail_version) for each in slices.values()}
        seen |= {("model", each.model, each.model_version) for each in slices.values()}
        named = {each for each in seen if each[1] and each[2]}
        self._releases.take(self._stores.alerts, named, now_ms=self._clock.now_ms())
        self._newest_slice = max(slices, default=self._newest_slice)

    def anchor_step(self) -> None:
        """Append the heads of timelines that have grown, where the settings name a file.

        Raises:
            TryAgain: the database did not answer.
        """
        if self._anchors is not None:
            self._anchors.step(self._stores.alerts, now_ms=self._clock.now_ms())


def setup_of(settings: Settings) -> Setup:
    """What is running: the version, and the settings with their secrets masked."""
    masked = json.loads(settings.model_dump_json())
    return Setup(version=__version__, settings=masked)


def measure_rules(settings: Settings) -> dict[str, MeasureRule]:
    """The measures that the settings offer, by name."""
    return {name: _rule(name, given) for name, given in settings.response.measures.items()}


def measure_receivers(settings: Settings, *, clock: Clock, env: Mapping[str, str]) -> dict[str, MeasureReceiver]:
    """What carries each of them out.

    Raises:
        SettingsError: a secret is missing, or nothing may be sent to an address.
    """
    return {name: _receiver(name, given, clock=clock, env=env) for name, given in settings.response.measures.items()}


def inbound_sources(settings: Settings, env: Mapping[str, str]) -> dict[str, InboundSource]:
    """The other tools that may send here, by name.

    Raises:
        SettingsError: a secret is missing.
    """
    return {name: _source(name, given, env) for name, given in settings.response.inbound.items()}


class InboundDoor:
    """What a server calls with each request to ``/inbound/NAME``."""

    def __init__(self, sources: Mapping[str, InboundSource], policy: AlertPolicy, *, clock: Clock) -> None:
        self._sources = sources
        self._policy = policy
        self._clock = clock
        self.stores: Stores | None = None
        """The open stores; None while the database is waited for."""

    def __call__(self, name: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, object]]:
        """(name, headers, body) -> status and JSON document; the sender tries again after 503."""
        if self.stores is None:
            return 503, {"error": "the database is not open yet"}
        try:
            now_ms = self._clock.now_ms()
            reply = receive(
                self.stores.alerts, self._sources, name, headers, body, now_ms=now_ms, policy=self._policy
            )
        except TryAgain:
            return 503, {"error": "the database does not answer"}
        return reply.status, reply.document


def _rule(name: str, given: ContainmentMeasure) -> MeasureRule:
    return MeasureRule(
        name=name,
        action=Action(given.action),
        guardrails=frozenset(given.guardrails),
        parameters=dict(given.parameters),
        approvers=frozenset(given.approvers),
        four_eyes=given.four_eyes,
        approve_within_ms=given.approve_within.ms,
        lasts_ms=None if given.lasts is None else given.lasts.ms,
        give_up_ms=given.give_up.ms,
    )


def _receiver(name: str, given: ContainmentMeasure, *, clock: Clock, env: Mapping[str, str]) -> MeasureReceiver:
    rules = Rules(allow_http=given.allow_http, allow_private=given.allow_private, timeout_s=given.timeout.ms / 1000)
    secret = given.secret
    target = Target(
        url=given.url.get_secret_value(),
        secret=None if secret is None else secret.read(env).encode(),
        outbound=Outbound(rules),
        clock=clock,
    )
    try:
        return MeasureWebhook(target)
    except ChannelError as error:
        raise SettingsError(f"response.measures.{name}: {error}") from error


def _source(name: str, given: Inbound, env: Mapping[str, str]) -> InboundSource:
    secret = given.secret
    if secret is None:
        raise SettingsError(f"response.inbound.{name}: give secret_file or secret_env")
    return InboundSource(
        name=name,
        kind=SourceKind(given.kind),
        secret=secret.read(env).encode(),
        window_ms=given.window.ms,
        timestamp_header=given.timestamp_header,
    )
