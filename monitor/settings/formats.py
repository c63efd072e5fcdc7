"""How records are read: their wire format, thresholds that they do not carry, and a mapping for any other JSON."""

from __future__ import annotations

from typing import Literal

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import field_validator

from monitor.settings.section import Section, setting

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
    "vendor-error",
]


def expression(meaning: str, *, example: str, must: bool = False) -> str:
    """A setting that is a JMESPath expression."""
    found: str = setting(
        ... if must else None, meaning, example=example, allowed="a JMESPath expression", max_length=2_000
    )
    return found


class Mapping(Section):
    """Canonical fields as JMESPath expressions over a record, for ``format: mapping``; constants are ``'quoted'``."""

    events: str | None = expression(
        "an array with one event per element; none: the record is one event", example="checks"
    )
    guardrail: str = expression("name of the guardrail", must=True, example="detector.name")
    event_id: str | None = expression("unique per event", example="id")
    time: str | None = expression("when it judged: RFC 3339, or epoch seconds to nanoseconds", example="ts")
    guardrail_version: str | None = expression("its version", example="guardrail_version")
    stage: str | None = expression("input, output, tool or retrieval", example="'input'")
    category: str | None = expression("kind of harm", example="category")
    score: str | None = expression("score, from 0 to highest", example="result.score")
    score_kind: str | None = expression("continuous, quantised, ordinal or boolean", example="score_kind")
    score_semantics: str | None = expression("p_unsafe, label_confidence or inverted", example="'inverted'")
    threshold: str | None = expression("decision threshold, on the score's scale", example="`0.5`")
    verdict: str | None = expression("allow, flag, deny or modify", example="blocked && 'deny' || 'allow'")
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
    finish_reason: str | None = expression("why the model stopped", example="choices[0].finish_reason")
    script: str | None = expression("writing system of the text", example="script")
    disorder: str | None = expression("odd neighbours among 64 bytes of the text, 0 to 64", example="disorder")
    text: str | None = expression("the text; fingerprinted, measured and dropped at once", example="text")
    rules: str | None = expression("names of the rules that hit; only their number is kept", example="rules")
    latency_ms: str | None = expression("how long the guardrail took, in milliseconds", example="latency_ms")
    harmful: str | None = expression("what a person found later: makes the record a label", example="harmful")
    highest: float = setting(1, "upper end of the score's scale; 0 is the lower", unit="score", gt=0, le=1_000_000)

    @field_validator("*")
    @classmethod
    def _compiles(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                jmespath.compile(value)
            except JMESPathError as error:
                raise ValueError(f"is not JMESPath: {str(error).splitlines()[0]}") from None
        return value

    @property
    def expressions(self) -> dict[str, str]:
        """Canonical field -> expression."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name not in ("events", "highest")}
        return {name: text for name, text in given.items() if text is not None}
