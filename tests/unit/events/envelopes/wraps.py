"""Every envelope around any record: what collectors, clouds and converters make of a line, written as they do."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

TIME = "2026-05-01T10:00:00Z"
TIME_MS = 1_777_629_600_000


def _text(record: Any) -> str:
    return json.dumps(record)


def _b64(record: Any) -> str:
    return base64.b64encode(_text(record).encode()).decode()


def _json(envelope: Any) -> bytes:
    return json.dumps(envelope).encode()


def fluent_bit(record: Any) -> bytes:
    pod = {"pod_name": "guard-1", "labels": {"app": "chat"}, "container_name": "guard"}
    return _json({"log": _text(record) + "\n", "stream": "stdout", "time": TIME, "kubernetes": pod})


def fluent_bit_parsed(record: Any) -> bytes:
    return _json({"log": "{...", "log_processed": record, "@timestamp": TIME_MS / 1000, "kubernetes": {}})


def fluent_bit_cri(record: Any) -> bytes:
    return _json({"log": f"{TIME} stdout F {_text(record)}"})


def cri(record: Any) -> bytes:
    return f"2026-05-01T10:00:00.000000000Z stdout F {_text(record)}".encode()


def vector(record: Any) -> bytes:
    return _json({"message": _text(record), "timestamp": TIME, "host": "h", "source_type": "file", "file": "/x"})


def logstash(record: Any) -> bytes:
    return _json({"@timestamp": TIME, "@version": "1", "message": _text(record), "service": {"name": "chat"}})


def datadog(record: Any) -> bytes:
    return _json({"message": _text(record), "service": "chat", "ddsource": "python", "ddtags": "env:prod"})


def datadog_archive(record: Any) -> bytes:
    return _json(
        {"_id": "A1", "date": TIME, "service": "chat", "status": "info", "source": "x", "attributes": record}
    )


def vector_parsed(record: Any) -> bytes:
    return _json({"message": record, "timestamp": TIME, "source_type": "file"})


def structured_logger(record: Any) -> bytes:
    return _json({"level": "info", "timestamp": TIME, "msg": _text(record), "service": "chat"})


def ecs_original(record: Any) -> bytes:
    return _json({"@timestamp": TIME, "event": {"original": _text(record)}, "service": {"name": "chat"}})


def filebeat_decoded(record: Any) -> bytes:
    return _json({"@timestamp": TIME, "agent": {"type": "filebeat"}, "json": record})


def fluentd_pair(record: Any) -> bytes:
    return _json([TIME_MS / 1000, record])


def loki(record: Any) -> bytes:
    return _json({"streams": [{"stream": {"app": "chat"}, "values": [[f"{TIME_MS}000000", _text(record)]]}]})


def otel_text(record: Any) -> bytes:
    log = {"timeUnixNano": f"{TIME_MS}000000", "body": {"stringValue": _text(record)}, "attributes": []}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "chat"}}]}
    return _json({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [log]}]}]})


def _any_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": key, "value": _any_value(one)} for key, one in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_any_value(one) for one in value]}}
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def otel_map(record: Any) -> bytes:
    log = {"observedTimeUnixNano": f"{TIME_MS}000000", "body": _any_value(record)}
    return _json({"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]})


def _subscription(record: Any) -> bytes:
    events = [{"id": "3", "timestamp": TIME_MS, "message": _text(record)}]
    batch = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "logEvents": events}
    return _json(batch)


def cloudwatch(record: Any) -> bytes:
    return _subscription(record)


def cloudwatch_gzip(record: Any) -> bytes:
    return gzip.compress(_subscription(record))


def cloudwatch_lambda(record: Any) -> bytes:
    return _json({"awslogs": {"data": base64.b64encode(gzip.compress(_subscription(record))).decode()}})


def kinesis(record: Any) -> bytes:
    inner = {"partitionKey": "p", "sequenceNumber": "49", "data": _b64(record)}
    inner["approximateArrivalTimestamp"] = TIME_MS / 1000  # type: ignore[assignment]
    return _json({"Records": [{"kinesis": inner, "eventSource": "aws:kinesis", "eventID": "shard:49"}]})


def firehose(record: Any) -> bytes:
    return _json({"requestId": "r", "timestamp": TIME_MS, "records": [{"data": _b64(record)}]})


def eventbridge(record: Any) -> bytes:
    return _json(
        {"version": "0", "id": "e", "detail-type": "t", "source": "s", "time": TIME, "region": "r", "detail": record}
    )


def sns(record: Any) -> bytes:
    return _json(
        {"Type": "Notification", "MessageId": "m", "TopicArn": "a", "Message": _text(record), "Timestamp": TIME}
    )


def sqs(record: Any) -> bytes:
    return _json({"MessageId": "m", "ReceiptHandle": "h", "Body": _text(record)})


def sqs_lambda(record: Any) -> bytes:
    attributes = {"SentTimestamp": str(TIME_MS), "MessageGroupId": "conversation"}
    return _json(
        {"Records": [{"messageId": "m", "receiptHandle": "h", "body": _text(record), "attributes": attributes}]}
    )


def sns_in_sqs(record: Any) -> bytes:
    return _json({"MessageId": "q", "ReceiptHandle": "h", "Body": sns(record).decode()})


def google_logging(record: Any) -> bytes:
    resource = {"type": "k8s_container", "labels": {"container_name": "chat"}}
    return _json({"insertId": "i", "logName": "l", "resource": resource, "timestamp": TIME, "jsonPayload": record})


def google_text(record: Any) -> bytes:
    return _json({"insertId": "i", "logName": "l", "timestamp": TIME, "textPayload": _text(record)})


def pubsub(record: Any) -> bytes:
    message = {"data": _b64(record), "messageId": "1", "publishTime": TIME, "orderingKey": "conversation"}
    return _json({"message": message, "subscription": "s"})


def azure_batch(record: Any) -> bytes:
    return _json({"records": [{"time": TIME, "resourceId": "/X", "category": "c", "properties": record}]})


def azure_text(record: Any) -> bytes:
    return _json({"records": [{"time": TIME, "resourceId": "/X", "category": "c", "properties": _text(record)}]})


def event_hubs(record: Any) -> bytes:
    return _json({"records": [record]})


def kafka_connect(record: Any) -> bytes:
    return _json({"schema": {"type": "struct"}, "payload": record})


def debezium(record: Any) -> bytes:
    return _json({"before": None, "after": record, "source": {"ts_ms": TIME_MS}, "op": "c", "ts_ms": TIME_MS})


def debezium_connect(record: Any) -> bytes:
    return kafka_connect(json.loads(debezium(record)))


def splunk(record: Any) -> bytes:
    return _json(
        {"time": f"{TIME_MS // 1000}.000", "host": "h", "source": "s", "sourcetype": "_json", "event": record}
    )


def splunk_text(record: Any) -> bytes:
    return _json({"event": _text(record)})


def batch_openai(record: Any) -> bytes:
    response = {"status_code": 200, "request_id": "r", "body": record}
    return _json({"id": "batch_req_1", "custom_id": "request-1", "response": response, "error": None})


def batch_anthropic(record: Any) -> bytes:
    return _json({"custom_id": "request-1", "result": {"type": "succeeded", "message": record}})


def batch_vertex(record: Any) -> bytes:
    return _json({"request": {"contents": []}, "status": "", "response": record, "processed_time": TIME})


def array(record: Any) -> bytes:
    return _json([record])


def twice_encoded(record: Any) -> bytes:
    return _json(_text(record))


def pretty(record: Any) -> bytes:
    return json.dumps(record, indent=2).encode()


def with_mark(record: Any) -> bytes:
    return _text(record).encode("utf-8-sig")


def utf_16(record: Any) -> bytes:
    return _text(record).encode("utf-16")


def utf_16_bare(record: Any) -> bytes:
    return _text(record).encode("utf-16-le")


def gzipped(record: Any) -> bytes:
    return gzip.compress(_text(record).encode())


def cloud_event(record: Any) -> bytes:
    return _json({"specversion": "1.0", "id": "c", "source": "s", "type": "t", "time": TIME, "data": record})


WRAPS: dict[str, tuple[Callable[[Any], bytes], list[str]]] = {
    one.__name__: (one, names)
    for one, names in [
        (fluent_bit, ["log-line"]),
        (fluent_bit_parsed, ["log-line"]),
        (fluent_bit_cri, ["log-line", "cri"]),
        (cri, ["cri"]),
        (vector, ["message"]),
        (logstash, ["message"]),
        (datadog, ["message"]),
        (datadog_archive, ["message"]),
        (vector_parsed, ["message"]),
        (structured_logger, ["message"]),
        (ecs_original, ["message"]),
        (filebeat_decoded, ["message"]),
        (fluentd_pair, ["array"]),
        (loki, ["loki"]),
        (otel_text, ["otel-logs"]),
        (otel_map, ["otel-logs"]),
        (cloudwatch, ["cloudwatch"]),
        (cloudwatch_gzip, ["gzip", "cloudwatch"]),
        (cloudwatch_lambda, ["cloudwatch", "gzip", "cloudwatch"]),
        (kinesis, ["kinesis"]),
        (firehose, ["kinesis"]),
        (eventbridge, ["eventbridge"]),
        (sns, ["sns-sqs"]),
        (sqs, ["sns-sqs"]),
        (sqs_lambda, ["sns-sqs"]),
        (sns_in_sqs, ["sns-sqs", "sns-sqs"]),
        (google_logging, ["google-logging"]),
        (google_text, ["google-logging"]),
        (pubsub, ["pubsub"]),
        (azure_batch, ["azure-records", "azure-resource-log"]),
        (azure_text, ["azure-records", "azure-resource-log"]),
        (event_hubs, ["azure-records"]),
        (kafka_connect, ["kafka-connect"]),
        (debezium, ["debezium"]),
        (debezium_connect, ["kafka-connect", "debezium"]),
        (splunk, ["splunk-hec"]),
        (splunk_text, ["splunk-hec"]),
        (batch_openai, ["batch-result"]),
        (batch_anthropic, ["batch-result"]),
        (batch_vertex, ["batch-result"]),
        (array, ["array"]),
        (twice_encoded, ["json-text"]),
        (pretty, []),
        (with_mark, ["text-encoding"]),
        (utf_16, ["text-encoding"]),
        (utf_16_bare, ["text-encoding"]),
        (gzipped, ["gzip"]),
        (cloud_event, ["cloudevents"]),
    ]
}
"""Name -> how it is written, and the names of the envelopes that must be found, outermost first."""
