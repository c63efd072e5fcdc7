"""Amazon SNS notifications and SQS messages, as a queue holds them and as Lambda gets them.

Sources: docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html (``Type``, ``MessageId``, ``Message``,
``Timestamp``); docs.aws.amazon.com/lambda/latest/dg/with-sqs.html and with-sns.html (``Records[]`` with ``body`` or
``Sns``); AWSSimpleQueueService/latest/APIReference/API_Message.html (``MessageId``, ``Body``). S3 keeps neither.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at, has
from monitor.events.formats.values import identifier, instant, number


def _fits(record: Any) -> str | None:
    if has(record, "Message", "MessageId") and record.get("Type") in ("Notification", None):
        return "has MessageId and Message"
    if has(record, "Body", "MessageId") or has(record, "body", "messageId", "receiptHandle"):
        return "has a message id and a body"
    records = at(record, "Records")
    if isinstance(records, list) and records and (has(records[0], "messageId", "body") or has(records[0], "Sns")):
        return "has Records[] of SQS or SNS"
    return None


def _open(record: dict[str, Any]) -> Inner | list[Inner]:
    if "Records" in record:
        return [_one(one.get("Sns", one) if isinstance(one, dict) else one) for one in record["Records"]]
    return _one(record)


def _one(message: Any) -> Inner:
    if not isinstance(message, dict):
        return message, Identity()
    body = next((message[name] for name in ("Message", "Body", "body") if name in message), None)
    name = identifier(message.get("MessageId")) or identifier(message.get("messageId"))
    attributes = (
        message.get("attributes") if isinstance(message.get("attributes"), dict) else message.get("Attributes")
    )
    sent = at(attributes, "SentTimestamp")
    sent = int(sent) if isinstance(sent, str) and sent.isascii() and sent.isdigit() and len(sent) < 16 else sent
    time = instant(message.get("Timestamp")) or (instant(sent) if number(sent) is not None else None)
    return body, Identity(record=name, time=time, session=identifier(at(attributes, "MessageGroupId")))


ENVELOPE: Final = Envelope(
    name="sns-sqs",
    title="Amazon SNS notification or SQS message, also to Lambda",
    keys=("Message", "Body", "body", "Records"),
    fits=_fits,
    keep={"MessageId": VALUE, "messageId": VALUE, "Timestamp": VALUE, "attributes": {"SentTimestamp": VALUE}},
    open=_open,
    dropped="topics, subjects, signatures, receipt handles, message attributes",
    fills="time, event_id; session_id, by MessageGroupId",
)
