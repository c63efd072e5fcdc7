"""All envelopes, one line each; they are tried in this order."""

from __future__ import annotations

from typing import Final

from monitor.events.envelopes import (
    array,
    avro_container,
    azure_records,
    batch_result,
    cloudwatch,
    cri,
    debezium,
    eventbridge,
    google_logging,
    gzip,
    json_text,
    kafka_connect,
    kinesis,
    log_line,
    loki,
    message,
    otel_logs,
    pubsub,
    several,
    sns_sqs,
    splunk_hec,
    text_encoding,
    wire_format,
)
from monitor.events.envelopes.schemas import Schemas
from monitor.events.formats import bedrock_log, cloudevents, otlp_protobuf
from monitor.events.formats.format import Envelope

ENVELOPES: Final[tuple[Envelope, ...]] = (
    gzip.ENVELOPE,
    text_encoding.ENVELOPE,
    wire_format.ENVELOPE,
    avro_container.ENVELOPE,
    cri.ENVELOPE,
    several.ENVELOPE,
    otlp_protobuf.ENVELOPE,
    json_text.ENVELOPE,
    cloudevents.ENVELOPE,
    bedrock_log.ENVELOPE,
    batch_result.ENVELOPE,
    otel_logs.ENVELOPE,
    cloudwatch.ENVELOPE,
    kinesis.ENVELOPE,
    sns_sqs.ENVELOPE,
    eventbridge.ENVELOPE,
    pubsub.ENVELOPE,
    google_logging.ENVELOPE,
    azure_records.BATCH,
    azure_records.ENVELOPE,
    kafka_connect.ENVELOPE,
    debezium.ENVELOPE,
    splunk_hec.ENVELOPE,
    log_line.ENVELOPE,
    loki.ENVELOPE,
    message.ENVELOPE,
    array.ENVELOPE,
)


def envelopes_with(schemas: Schemas | None) -> tuple[Envelope, ...]:
    """All envelopes, with the schema registry of the settings."""
    return tuple(wire_format.wire_format(schemas) if one is wire_format.ENVELOPE else one for one in ENVELOPES)
