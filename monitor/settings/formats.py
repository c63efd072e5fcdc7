"""Settings of reading records: wire format, thresholds that records do not carry, a mapping for any other JSON."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, field_validator, model_validator

from monitor.settings.expressions import looks_at_record, tree_of
from monitor.settings.section import Section, setting
from monitor.settings.values import Words

FormatName = Literal[
    "auto",
    "canonical",
    "mapping",
    "bedrock-apply-guardrail",
    "bedrock-converse",
    "bedrock-invoke-model",
    "bedrock-checks",
    "azure-openai",
    "azure-content-safety",
    "azure-prompt-shields",
    "litellm",
    "openai-moderation",
    "mistral-moderation",
    "otel",
    "llm-guard",
    "lakera",
    "prompt-guard",
    "llama-guard",
    "llama-firewall",
    "nemo-guardrails",
    "guardrails-ai",
    "cloudflare",
    "azure-safety-checks",
    "bedrock-agent",
    "lakera-v1",
    "nemo-traces",
    "openai-agents",
    "model-armor",
    "gemini",
    "anthropic",
    "openai-guardrails",
    "portkey",
    "prisma-airs",
    "cisco-ai-defense",
    "pangea",
    "presidio",
    "guard-models",
    "evaluation-scores",
    "kong",
    "databricks",
    "snowflake",
    "datadog",
    "vendor-error",
]


def expression(meaning: str, *, example: str, must: bool = False) -> str:
    """A setting that is a JMESPath expression."""
    found: str = setting(
        ... if must else None, meaning, example=example, allowed="a JMESPath expression", max_length=2_000
    )
    return found


VERDICT_LINE: Final = re.compile(r"\s*(.{1,128}?)\s*=\s*(allow|flag|deny|modify)\s*")
"""A word of the record and the verdict that it stands for."""
_EVIDENCE: Final = ("verdict", "action", "status", "score", "harmful", "text", "rules")


def _verdict_lines(lines: tuple[str, ...]) -> tuple[str, ...]:
    words = []
    for line in lines:
        match = VERDICT_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{line[:80]!r} is not of the form: word = allow (or flag, deny, modify)")
        words.append(match[1].lower())
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice[:80]!r} is given twice")
    return lines


class Expressions(Section):
    """A section whose texts are JMESPath expressions."""

    @field_validator("*")
    @classmethod
    def _compiles(cls, value: object) -> object:
        if isinstance(value, str):
            tree_of(value)
        return value


class Unwrap(Expressions):
    """A record inside of your own JSON, that is of a format which Driftline knows; the rest fills what it lacks."""

    when: str = expression(
        "condition: a record for which it is true holds another one", must=True, example="vendor_response.raw"
    )
    record: str = expression(
        "the record inside, an array of them, or text that holds one", must=True, example="vendor_response.raw"
    )
    event_id: str | None = expression("unique per record", example="id")
    time: str | None = expression("time of the verdict: RFC 3339, or epoch seconds to nanoseconds", example="ts")
    request_id: str | None = expression("joins the guardrails that judged one request", example="request_id")
    session_id: str | None = expression("the conversation", example="session_id")
    model: str | None = expression("the model that the product calls", example="model")
    app: str | None = expression("the product or feature", example="app")

    @property
    def expressions(self) -> dict[str, str]:
        """Canonical field -> expression."""
        names = ("event_id", "time", "request_id", "session_id", "model", "app")
        given = {name: getattr(self, name) for name in names}
        return {name: text for name, text in given.items() if text is not None}


class Mapping(Expressions):
    """Canonical fields as JMESPath expressions over a record, for ``format: mapping``; constants are ``'quoted'``."""

    when: str = expression(
        "condition: the mapping is for records for which it is true", must=True, example="blocked != `null`"
    )
    events: str | None = expression(
        "an array with one event per element; none: the record is one event", example="checks"
    )
    guardrail: str = expression("name of the guardrail", must=True, example="detector.name")
    event_id: str | None = expression("unique per event", example="id")
    time: str | None = expression("time of the verdict: RFC 3339, or epoch seconds to nanoseconds", example="ts")
    guardrail_version: str | None = expression("its version", example="guardrail_version")
    stage: str | None = expression("input, output, tool or retrieval", example="'input'")
    category: str | None = expression("kind of harm", example="category")
    score: str | None = expression("score, from 0 to highest", example="result.score")
    score_kind: str | None = expression("continuous, quantised, ordinal or boolean", example="score_kind")
    score_semantics: str | None = expression("p_unsafe, label_confidence or inverted", example="'inverted'")
    threshold: str | None = expression("decision threshold, on the score's scale", example="`0.5`")
    verdict: str | None = expression("allow, flag, deny or modify, or a word of verdicts", example="blocked")
    verdicts: Annotated[Words, AfterValidator(_verdict_lines)] | None = setting(
        None,
        "meaning of each word of verdict; true and false are words; a word that is not listed is rejected",
        example=["true = deny", "false = allow"],
        max_length=100,
        allowed="one or more lines such as BLOCKED = deny",
    )
    action: str | None = expression("allow, block, redact or audit", example="action")
    status: str | None = expression("ok, error, timeout, not_run, skipped or bypassed", example="status")
    request_id: str | None = expression("joins the guardrails that judged one request", example="request_id")
    session_id: str | None = expression("the conversation", example="session_id")
    model: str | None = expression("the model that the product calls", example="model")
    model_version: str | None = expression("its version", example="model_version")
    app: str | None = expression("the product or feature", example="app")
    language: str | None = expression("language of the text", example="language")
    format: str | None = expression("format of the text", example="format")
    turn: str | None = expression("turn of the conversation, from 1", example="turn")
    input_length: str | None = expression("characters of the prompt", example="input_length")
    output_length: str | None = expression("characters of the answer", example="output_length")
    refusal: str | None = expression("whether the answer reads like a refusal", example="refusal")
    finish_reason: str | None = expression("reason why the model stopped", example="choices[0].finish_reason")
    script: str | None = expression("writing system of the text", example="script")
    disorder: str | None = expression(
        "unusual character pairs among 64 bytes of the text, 0 to 64", example="disorder"
    )
    text: str | None = expression("the text; fingerprinted, measured and discarded at once", example="text")
    fingerprint: str | None = expression(
        "SimHash of the text, 16 hexadecimal digits, made by the producer", example="simhash"
    )
    rules: str | None = expression("names of the rules that hit; only their number is kept", example="rules")
    latency_ms: str | None = expression("latency of the guardrail, in milliseconds", example="latency_ms")
    labels: str | None = expression("an object of texts for your own use; checked and dropped", example="tags")
    harmful: str | None = expression("a person's later judgement: makes the record a label", example="harmful")
    highest: float = setting(1, "upper end of the score's scale; 0 is the lower", unit="score", gt=0, le=1_000_000)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.verdicts is not None and self.verdict is None:
            raise ValueError("verdicts gives the meaning of the words of verdict; add verdict, or leave verdicts out")
        given = [text for name in _EVIDENCE if (text := getattr(self, name)) is not None]
        if not any(map(looks_at_record, given)):
            raise ValueError(f"at least one of {', '.join(_EVIDENCE)} must be an expression that reads the record")
        return self

    @property
    def expressions(self) -> dict[str, str]:
        """Canonical field -> expression."""
        others = ("when", "events", "highest", "verdicts")
        given = {name: getattr(self, name) for name in type(self).model_fields if name not in others}
        return {name: text for name, text in given.items() if text is not None}

    @property
    def words(self) -> list[tuple[str, str]]:
        """The lines of ``verdicts``: (word, verdict)."""
        return [(match[1], match[2]) for line in self.verdicts or () if (match := VERDICT_LINE.fullmatch(line))]
