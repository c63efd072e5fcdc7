"""A measure over real HTTP: signed, the same key on every try, and refused as channels are."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from monitor.alerting.channels.base import ChannelError
from monitor.alerting.channels.json_post import Target
from monitor.alerting.channels.measure import MeasureWebhook
from monitor.alerting.channels.outbound import Outbound, Rules
from monitor.alerting.containing import request
from monitor.clock import ManualClock
from monitor.incidents.containment import Measure, MeasureState
from monitor.incidents.playbook import Action
from tests.unit.alerting.receiver import answer, http_receiver

SECRET = b"a secret of enough bytes"
NOW_S = 1_795_403_520
MEASURE = Measure(
    id=2,
    incident_id=1,
    rule="tighten",
    action=Action.tighten_threshold,
    parameters={"threshold": "0.4"},
    state=MeasureState.approved,
    reason="probing since 03:12",
    proposed_by="ann",
    proposed_ms=NOW_S * 1000,
    approved_by="ben",
    approved_ms=NOW_S * 1000,
)


def webhook(port: int, rules: Rules | None = None) -> MeasureWebhook:
    outbound = Outbound(rules or Rules(allow_http=True, allow_private=True, timeout_s=2))
    url = f"http://127.0.0.1:{port}/guardrails"
    return MeasureWebhook(Target(url=url, secret=SECRET, outbound=outbound, clock=ManualClock(NOW_S * 1000)))


def test_a_measure_is_signed_and_has_the_same_key_on_every_try() -> None:
    with http_receiver() as receiver:
        receiver.reply = lambda handler: answer(handler, 200, b"threshold is 0.4 now\n\x1b[31m")
        said = [webhook(receiver.port).request(request(MEASURE, "do"), key="M-2-do") for _ in range(2)]
    first, second = receiver.requests
    assert said[0] == "200 threshold is 0.4 now [31m"
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == "M-2-do"
    assert first.body == second.body
    right = hmac.new(SECRET, f"{NOW_S}.".encode() + first.body, hashlib.sha256).hexdigest()
    assert first.headers["X-Driftline-Signature"] == f"t={NOW_S},v1={right}"
    document = json.loads(first.body)
    assert (document["verb"], document["approved_by"], document["parameters"]) == ("do", "ben", {"threshold": "0.4"})


@pytest.mark.parametrize(("status", "permanent"), [(403, True), (429, False), (500, False), (302, False)])
def test_the_answer_says_whether_trying_again_helps(status: int, permanent: bool) -> None:
    with http_receiver() as receiver:
        receiver.reply = lambda handler: answer(handler, status)
        with pytest.raises(ChannelError) as failure:
            webhook(receiver.port).request(request(MEASURE, "do"), key="M-2-do")
    assert failure.value.permanent is permanent


def test_no_measure_goes_to_a_private_address_unless_it_is_allowed() -> None:
    with http_receiver() as receiver, pytest.raises(ChannelError, match="nothing is sent there"):
        webhook(receiver.port, Rules(allow_http=True)).request(request(MEASURE, "do"), key="M-2-do")
    assert receiver.requests == []
