"""Snowflake Cortex AI Guardrails: rows of their history, one per scan of a tool's result.

Source: docs.snowflake.com, view CORTEX_AI_GUARDRAILS_USAGE_HISTORY of ACCOUNT_USAGE. What was done about a signal
(blocked, or logged alone) is in the account's settings and not in the row.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import VALUE
from monitor.events.formats.format import (
    Context,
    Detail,
    Event,
    Format,
    Identity,
    Orientation,
    Score,
    ThresholdFrom,
    has,
    identified,
)
from monitor.events.formats.values import flag, identifier, instant, word
from monitor.events.formats.verdicts import BOOLEAN

_GUARDRAIL: Final = "snowflake-cortex-guardrails"


def _fits(record: Any) -> str | None:
    for name, source in (("GUARDRAILS_SIGNAL", "AGENTIC_SOURCE"), ("guardrails_signal", "agentic_source")):
        if has(record, name, source):
            return f"has {name} and {source}"
    return None


def _prepare(record: Any) -> Any:
    """Columns are upper case in the view, and lower case behind many a connector."""
    return {key.upper(): value for key, value in record.items()} if has(record, "guardrails_signal") else record


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    flagged = flag(record.get("GUARDRAILS_SIGNAL"), "GUARDRAILS_SIGNAL")
    event: Event = {"guardrail": _GUARDRAIL, "stage": "tool", **BOOLEAN, "verdict": "flag" if flagged else "allow"}
    identity = Identity(  # a request has a row per tool, and no row has an id of its own
        request=identifier(record.get("PARENT_REQUEST_ID")) or identifier(record.get("REQUEST_ID")),
        time=instant(record.get("USAGE_TIME")),
        app=word(record.get("AGENTIC_SOURCE")),
    )
    return identified([event], identity, format_name=FORMAT.name)


FORMAT: Final = Format(
    name="snowflake",
    source="docs.snowflake.com, CORTEX_AI_GUARDRAILS_USAGE_HISTORY",
    carries=(Detail.verdict, Detail.stage, Detail.time),
    title="Snowflake Cortex AI Guardrails, usage history",
    keys=("GUARDRAILS_SIGNAL", "guardrails_signal"),
    fits=_fits,
    keep=dict.fromkeys(
        ("GUARDRAILS_SIGNAL", "AGENTIC_SOURCE", "REQUEST_ID", "PARENT_REQUEST_ID", "USAGE_TIME"), VALUE
    ),
    prepare=_prepare,
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(Score("GUARDRAILS_SIGNAL", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="users, roles, tags, tokens, credits, results by tool",
)
