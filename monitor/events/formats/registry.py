"""All wire formats, one line each; records are tried in this order. Envelopes have a registry of their own."""

from __future__ import annotations

from typing import Final

from monitor.events.formats import (
    azure_content_safety,
    azure_openai,
    azure_prompt_shields,
    bedrock_apply,
    bedrock_checks,
    bedrock_trace,
    cloudflare,
    guardrails_ai,
    lakera,
    litellm,
    llama_firewall,
    llama_guard,
    llm_guard,
    mistral_moderation,
    nemo,
    openai_moderation,
    otel,
    prompt_guard,
    vendor_error,
)
from monitor.events.formats.format import Format

FORMATS: Final[tuple[Format, ...]] = (
    bedrock_apply.FORMAT,
    bedrock_trace.CONVERSE,
    bedrock_trace.INVOKE,
    bedrock_checks.FORMAT,
    azure_openai.FORMAT,
    azure_content_safety.FORMAT,
    azure_prompt_shields.FORMAT,
    litellm.FORMAT,
    openai_moderation.FORMAT,
    mistral_moderation.FORMAT,
    otel.FORMAT,
    llm_guard.FORMAT,
    lakera.FORMAT,
    prompt_guard.FORMAT,
    llama_guard.FORMAT,
    llama_firewall.FORMAT,
    nemo.FORMAT,
    guardrails_ai.FORMAT,
    cloudflare.FORMAT,
    vendor_error.FORMAT,
)

BY_NAME: Final[dict[str, Format]] = {one.name: one for one in FORMATS}
