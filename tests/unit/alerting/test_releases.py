"""A new version is told of once it was seen, at least once, and what was there from the beginning is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from monitor.alerting.channels.base import ChannelError
from monitor.alerting.channels.json_post import Target
from monitor.alerting.channels.outbound import Outbound, Rules
from monitor.alerting.channels.pagerduty import PagerDutyChannel
from monitor.alerting.releases import Release, Releases, document
from monitor.clock import ManualClock
from tests.unit.alerting.protocols import KEY
from tests.unit.alerting.receiver import answer, http_receiver
from tests.unit.alerting.record import T0, sqlite_stores

OLD, NEW = ("guardrail", "shield", "2.1"), ("guardrail", "shield", "2.2")


@dataclass
class Receiver:
    down: bool = False
    permanent: bool = False
    got: list[str] = field(default_factory=list)

    def change(self, document: Mapping[str, object]) -> None:
        if self.down:
            raise ChannelError("down", permanent=self.permanent)
        self.got.append(str(document["summary"]))


def test_a_new_version_of_what_is_known_is_told_of_once() -> None:
    receiver = Receiver()
    with sqlite_stores() as stores:
        for versions in ([OLD, ("model", "small", "a")], [OLD], [OLD, NEW], [NEW], [("guardrail", "other", "1")]):
            Releases({"pager": receiver}).take(stores.alerts, versions, now_ms=T0)
    assert receiver.got == ["guardrail shield has version 2.2"]


@pytest.mark.parametrize(("permanent", "told"), [(False, 1), (True, 0)])
def test_it_is_told_again_until_it_arrives_or_is_refused_for_good(permanent: bool, told: int) -> None:
    receiver = Receiver(down=True, permanent=permanent)
    with sqlite_stores() as stores:
        step = Releases({"pager": receiver})
        step.take(stores.alerts, [OLD], now_ms=T0)
        step.take(stores.alerts, [NEW], now_ms=T0)
        receiver.down = False
        for _ in range(2):
            step.take(stores.alerts, [], now_ms=T0)
    assert len(receiver.got) == told


def test_pagerduty_gets_a_change_event_at_its_own_address() -> None:
    release = Release(kind="model", name="small\x1b[31m", version="b", seen_ms=T0, told=False)
    with http_receiver() as receiver:
        receiver.reply = lambda handler: answer(handler, 202, b"{}")
        outbound = Outbound(Rules(allow_http=True, allow_private=True))
        url = f"http://127.0.0.1:{receiver.port}/v2/enqueue"
        target = Target(url=url, secret=KEY.encode(), outbound=outbound, clock=ManualClock(T0))
        PagerDutyChannel(target).change(document(release, deployment="production"))
    (got,) = receiver.requests
    event = json.loads(got.body)
    assert got.path == "/v2/change/enqueue"
    assert event["routing_key"] == KEY
    assert event["payload"]["summary"] == "model small [31m has version b"
    assert event["payload"]["source"] == "production"
    assert event["payload"]["timestamp"] == "2026-11-23T03:12:00.000Z"
