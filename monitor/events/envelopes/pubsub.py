"""Google Cloud Pub/Sub: the record is in base64 under ``data``, as a push delivers it and as connectors hand it on.

Source: cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage and cloud.google.com/pubsub/docs/push.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.contents import from_base64, is_base64
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at
from monitor.events.formats.values import identifier, instant


def _message(record: Any) -> Any:
    return at(record, "message") if isinstance(at(record, "message"), dict) else record


def _fits(record: Any) -> str | None:
    message = _message(record)
    named = at(message, "messageId") is not None or at(message, "message_id") is not None
    return "has a message id and data in base64" if named and is_base64(at(message, "data")) else None


def _open(record: dict[str, Any]) -> Inner:
    message = _message(record)
    identity = Identity(
        record=identifier(message.get("messageId")) or identifier(message.get("message_id")),
        time=instant(message.get("publishTime")) or instant(message.get("publish_time")),
        session=identifier(message.get("orderingKey")) or identifier(message.get("ordering_key")),
    )
    return from_base64(message["data"], "pubsub: data"), identity


ENVELOPE: Final = Envelope(
    name="pubsub",
    title="Google Cloud Pub/Sub message, pushed or bare",
    keys=("message", "data"),
    fits=_fits,
    keep={"message": {"data": VALUE, "messageId": VALUE, "publishTime": VALUE, "orderingKey": VALUE}},
    open=_open,
    dropped="subscription, attributes, delivery attempt",
    fills="time, event_id; session_id, by the ordering key",
)
