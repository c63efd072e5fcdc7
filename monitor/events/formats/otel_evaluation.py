"""Evaluation results of OpenTelemetry GenAI (``gen_ai.evaluation.result``), whose score has no declared scale.

Source: open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-events.md.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.formats.evaluation import evaluated
from monitor.events.formats.format import Context, Event
from monitor.events.formats.otel_guardrail import failure
from monitor.events.formats.values import word

_EVALUATION: Final = "gen_ai.evaluation."


def evaluation_event(attrs: dict[str, Any], context: Context) -> Event | None:
    """The event of an evaluation; None if the attributes are of something else.

    Raises:
        Rejection: the score is no number.
    """
    name = word(attrs.get(_EVALUATION + "name"))
    if name is None:
        return None
    if "error.type" in attrs:
        return {"guardrail": name, "status": failure(attrs["error.type"])}
    return evaluated(name, attrs.get(_EVALUATION + "score.value"), attrs.get(_EVALUATION + "score.label"), context)
