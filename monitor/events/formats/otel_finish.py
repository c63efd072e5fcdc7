"""Why a model stopped (``gen_ai.response.finish_reasons``): a provider's own filter as the verdict that it is.

Source: open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-spans.md. Every call has a reason, so the
share of those that a filter stopped is a rate.
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
ATTRIBUTES: Final = frozenset({_REASONS, *_PROVIDER})


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
        **BOOLEAN,
        **(BLOCKED if stopped else ALLOWED),
    }
