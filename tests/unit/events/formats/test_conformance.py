"""What every format keeps to; a format enrols by being in the registry, and its shapes by being samples."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.events.formats.format import Detail, Format, ThresholdFrom
from monitor.events.formats.registry import FORMATS
from tests.unit.events.blocks import block_of
from tests.unit.events.formats.marked import SECRET, marked, surrounded
from tests.unit.events.formats.samples import SAMPLES, Sample, new_decoder, new_reader
from tests.unit.events.formats.test_fuzz import one_outcome
from tests.unit.events.formats.test_secrets import all_of

every_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
FIELDS = {
    Detail.verdict: "verdict",
    Detail.action: "action",
    Detail.stage: "stage",
    Detail.version: "guardrail_version",
    Detail.time: "time",
    Detail.latency: "latency_ms",
}


def samples_of(form: Format) -> list[Sample]:
    """The samples of a format that are in no envelope, which has details of its own."""
    mine = [sample for sample in SAMPLES if sample.format == form.name]
    return [sample for sample in mine if not new_reader().recognise(sample.value).envelopes]


def events_of(form: Format) -> list[dict[str, Any]]:
    return [event for sample in samples_of(form) for event in sample.events]


@every_format
def test_there_are_three_shapes_of_a_format_at_least(form: Format) -> None:
    """Passed, stopped and failed; formats of scores alone have no verdicts, and a failure may be an error body."""
    events = events_of(form)
    assert len(samples_of(form)) >= 3
    if Detail.verdict in form.carries:
        verdicts = {event.get("verdict") for event in events}
        assert "allow" in verdicts
        assert verdicts & {"flag", "deny", "modify"}
    assert form.guardrail or any(event.get("status", "ok") != "ok" for event in events)


@every_format
def test_a_format_carries_what_its_samples_show_and_no_more(form: Format) -> None:
    events = events_of(form)
    shown = {detail for detail, field in FIELDS.items() if any(field in event for event in events)}
    shown |= {Detail.status} if any(event.get("status", "ok") != "ok" for event in events) else set()
    assert set(form.carries) == shown
    scored = any(score.kind.name != "boolean" for score in form.scores)
    assert scored == any("score" in event for event in events)
    thresholds = any(score.threshold in (ThresholdFrom.event, ThresholdFrom.vendor) for score in form.scores)
    assert thresholds == any("threshold" in event for event in events) or form.name == "llm-guard"


@every_format
def test_a_format_cites_its_source(form: Format) -> None:
    assert form.source
    module = __import__(form.read.__module__, fromlist=["__doc__"])
    assert module.__doc__
    assert "ource" in module.__doc__, f"{form.read.__module__} cites no source"


@every_format
def test_marked_secrets_in_every_field_never_leave(form: Format) -> None:
    for sample in samples_of(form):
        if isinstance(sample.record, str):
            continue
        records = [record for _, record in marked(sample)] + [surrounded(sample)]
        decoded = new_decoder().decode(block_of([json.dumps(record).encode() for record in records]))
        assert SECRET.encode() not in all_of(decoded), sample.name


@every_format
def test_a_record_damaged_at_every_byte_is_read_or_refused(form: Format) -> None:
    value = min((sample.value for sample in samples_of(form)), key=len)
    damaged = [value[:at] + byte + value[at + 1 :] for at in range(len(value)) for byte in (b"", b'"', b"\xff")]
    truncated = [value[:at] for at in range(1, len(value))]
    one_outcome(damaged + truncated, new_decoder())


@every_format
def test_a_record_twice_in_one_batch_is_read_twice(form: Format) -> None:
    """As two records, and as two in an array and in a line each, where the record is an object."""
    for sample in samples_of(form):
        ways = [[sample.value, sample.value]]
        if isinstance(sample.record, dict):
            ways += [[b"[%s,%s]" % (sample.value, sample.value)], [b"%s\n%s" % (sample.value, sample.value)]]
        for values in ways:
            decoded = new_decoder().decode(block_of(values))
            assert decoded.rejected == [], sample.name
            names = [decoded.batch.vocabulary.guardrail.text(code) for code in decoded.batch.guardrail.tolist()]
            assert names == 2 * [event["guardrail"] for event in sample.events], sample.name


@every_format
def test_a_format_s_shapes_are_of_no_other_format(form: Format) -> None:
    for sample in samples_of(form):
        fitting = [one.name for one in FORMATS if one.fits(sample.record)]
        assert fitting == [form.name], sample.name
