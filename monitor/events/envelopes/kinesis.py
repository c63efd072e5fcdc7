"""Amazon Kinesis and Firehose: records in base64, as Lambda and HTTP endpoints get them.

Sources: docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (``Records[].kinesis.data``, ``partitionKey``,
``approximateArrivalTimestamp`` in seconds); docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
(``requestId``, ``timestamp``, ``records[].data``) and data-transformation.html (``records[].recordId``). Objects that
Firehose has concatenated are read by the envelope ``several``.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.envelopes.contents import from_base64, is_base64
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import Envelope, Identity, Inner, at
from monitor.events.formats.values import identifier, instant
from monitor.events.reasons import Rejection


def _fits(record: Any) -> str | None:
    kinesis, firehose = at(record, "Records"), at(record, "records")
    if isinstance(kinesis, list) and kinesis and isinstance(at(kinesis[0], "kinesis", "data"), str):
        return "has Records[].kinesis.data"
    if isinstance(firehose, list) and firehose and is_base64(at(firehose[0], "data")):
        return "has records[].data in base64"
    return None


def _open(record: dict[str, Any]) -> list[Inner]:
    if "Records" in record:
        return [(_data(at(one, "kinesis"), "Records[].kinesis.data"), _kinesis(one)) for one in record["Records"]]
    time = instant(record.get("timestamp"))
    return [
        (
            _data(one, "records[].data"),
            Identity(
                record=identifier(at(one, "recordId")),
                time=instant(at(one, "approximateArrivalTimestamp")) or time,
            ),
        )
        for one in record["records"]
    ]


def _data(holder: Any, name: str) -> Any:
    """The bytes; what is no base64 as it is, so that this one alone is rejected."""
    try:
        return from_base64(at(holder, "data"), name)
    except Rejection:
        return None


def _kinesis(one: Any) -> Identity:
    name = identifier(at(one, "eventID")) or identifier(at(one, "kinesis", "sequenceNumber"))
    return Identity(record=name, time=instant(at(one, "kinesis", "approximateArrivalTimestamp")))


ENVELOPE: Final = Envelope(
    name="kinesis",
    title="Amazon Kinesis and Firehose records in base64",
    keys=("Records", "records"),
    fits=_fits,
    keep={
        "timestamp": VALUE,
        "Records": [{"eventID": VALUE, "kinesis": {"data": VALUE}}],
        "records": [{"data": VALUE}],
    },
    open=_open,
    dropped="partition keys, ARNs, regions, identities",
    fills="time, event_id",
)
