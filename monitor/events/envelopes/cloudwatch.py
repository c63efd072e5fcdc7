"""Amazon CloudWatch Logs: a subscription's batch of log events, as Lambda, Kinesis and Firehose get it.

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html. The batch comes as gzip, and to
Lambda in base64 under ``awslogs.data``. CONTROL_MESSAGE is sent to see whether the destination can be reached.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.contents import from_base64
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at, has
from monitor.events.formats.values import identifier, instant
from monitor.events.reasons import Reason, Rejection


def _fits(record: Any) -> str | None:
    if isinstance(at(record, "awslogs", "data"), str):
        return "has awslogs.data"
    return "has messageType, logGroup and logEvents" if has(record, "messageType", "logGroup", "logEvents") else None


def _open(record: dict[str, Any]) -> Inner | list[Inner]:
    if "awslogs" in record:
        return from_base64(record["awslogs"]["data"], "awslogs.data"), Identity()
    if record["messageType"] == "CONTROL_MESSAGE":
        raise Rejection(Reason.no_verdict, "cloudwatch: a control message, which holds no log event")
    events = record["logEvents"]
    if not isinstance(events, list):
        raise Rejection(Reason.wrong_type, "cloudwatch: logEvents must be an array")
    return [(at(event, "message"), _identity(event)) for event in events]


def _identity(event: Any) -> Identity:
    return Identity(record=identifier(at(event, "id")), time=instant(at(event, "timestamp")))


ENVELOPE: Final = Envelope(
    name="cloudwatch",
    title="Amazon CloudWatch Logs subscription, also to Lambda",
    keys=("awslogs", "logEvents"),
    fits=_fits,
    keep={"messageType": VALUE, "logEvents": [{"id": VALUE, "timestamp": VALUE, "message": VALUE}]},
    open=_open,
    dropped="account, log group and stream, filters",
    fills="time, event_id",
)
