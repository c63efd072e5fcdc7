"""Why a model stopped (``gen_ai.response.finish_reasons``): a provider's own filter as the verdict that it is.

Sources: open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-spans.md (``gen_ai.usage.*`` beside it);
OpenLLMetry, whose spans carry ``gen_ai.completion.0.refusal`` where the model refused. Every call has a reason, so
the share of those that a filter stopped is a rate.

Lengths are in characters and a call has tokens: four characters count as one, OpenAI's rule of thumb
(help.openai.com, "What are tokens"). One provider's calls are compared with each other: the rule need not be exact.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.format import Event
from monitor.events.formats.values import joined, word
from monitor.events.formats.verdicts import ALLOWED, BLOCKED, BOOLEAN
from monitor.events.schema import FINISH_ALIASES

_REASONS: Final = "gen_ai.response.finish_reasons"
_PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system")
"""Today's name and the older one."""
_INPUT: Final = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OUTPUT: Final = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_REFUSAL, _ANSWER = "gen_ai.completion.0.refusal", "gen_ai.completion.0.role"
ATTRIBUTES: Final = frozenset({_REASONS, *_PROVIDER, *_INPUT, *_OUTPUT, _REFUSAL, _ANSWER})
_CHARACTERS: Final = 4
"""Of a token."""
_MOST_TOKENS: Final = 200_000_000


def finish_event(attrs: dict[str, Any]) -> Event | None:
    """The event of a model's call; None if there is no reason why the model stopped."""
    reasons = attrs.get(_REASONS)
    words = [reason for reason in (reasons if isinstance(reasons, list) else [reasons]) if isinstance(reason, str)]
    if not words:
        return None
    stopped = [reason for reason in words if FINISH_ALIASES.get(reason, reason) == "content_filter"]
    provider = next((attrs[name] for name in _PROVIDER if name in attrs), None)
    return {
        "guardrail": joined("provider-filter", provider),
        "stage": "output",
        "finish_reason": word((stopped or words)[0]),
        "refusal": True if _REFUSAL in attrs or "refusal" in words else False if _ANSWER in attrs else None,
        "input_length": _length(attrs, _INPUT),
        "output_length": _length(attrs, _OUTPUT),
        **BOOLEAN,
        **(BLOCKED if stopped else ALLOWED),
    }


def _length(attrs: dict[str, Any], names: tuple[str, ...]) -> int | None:
    """Characters of that many tokens."""
    tokens = next((attrs[name] for name in names if name in attrs), None)
    if not isinstance(tokens, int) or isinstance(tokens, bool) or not 0 <= tokens <= _MOST_TOKENS:
        return None
    return tokens * _CHARACTERS
