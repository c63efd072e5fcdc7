"""NVIDIA NeMo Guardrails: ``log.activated_rails`` of a GenerationResponse. A rail stops or it does not: boolean.

Sources: docs.nvidia.com/nemo/guardrails/observability/logging; docs.nvidia.com/nemo/microservices, guardrails, whose
answers carry ``guardrails_data``, and whose check (``/v1/guardrail/checks``) has ``rails_status`` by rail. Dialog and
generation rails steer the conversation and judge nothing; they are left out. Trace files are read by ``nemo_traces``.
"""

from __future__ import annotations

from typing import Any, Final

from monitor.events.batch import ScoreKind
from monitor.events.formats.allowlist import ANY_KEY, VALUE
from monitor.events.formats.format import Context, Detail, Event, Format, Orientation, Score, ThresholdFrom, at, has
from monitor.events.formats.values import choose, milliseconds, optional_flag, seconds_ms, word
from monitor.events.formats.verdicts import ALLOWED, BLOCKED, BOOLEAN
from monitor.events.reasons import Reason, Rejection

STAGES: Final = {
    "input": "input",
    "output": "output",
    "retrieval": "retrieval",
    "tool_input": "tool",
    "tool_output": "tool",
}
"""Kinds of rails that judge; today's engine writes them with a capital."""
_PLACES: Final = (
    ("log", "activated_rails"),
    ("activated_rails",),
    ("guardrails", "log", "activated_rails"),
    ("guardrails_data", "log", "activated_rails"),
)
"""Of the library; of the server, whose answer is a chat completion with ``guardrails``; of the microservice."""
_STATUSES: Final = {"success": ALLOWED, "blocked": BLOCKED}
_STEERING: Final = ("dialog", "generation", "actions")


def _fits(record: Any) -> str | None:
    checked = at(record, "rails_status")
    if isinstance(checked, dict) and checked and all(has(one, "status") for one in checked.values()):
        return "has rails_status with a status by rail"
    return next((f"has {'.'.join(path)}[]" for path in _PLACES if isinstance(at(record, *path), list)), None)


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    if checked := record.get("rails_status"):
        return [{"guardrail": word(name), **BOOLEAN, **_checked(one)} for name, one in checked.items()]
    rails: list[dict[str, Any]] = next((found for path in _PLACES if (found := at(record, *path))), [])
    return [_event(rail, stage) for rail in rails if (stage := stage_of(rail.get("type"))) is not None]


def _checked(rail: dict[str, Any]) -> Event:
    return choose(rail.get("status"), _STATUSES, "the status of a rail")


def stage_of(kind: Any) -> str | None:
    """The stage of a kind of rail; None for those that only steer a dialogue.

    Raises:
        Rejection: it is no kind of rail; a rail that nobody knows must not vanish.
    """
    known = kind.lower().replace(" ", "_") if isinstance(kind, str) else ""
    if known in STAGES:
        return STAGES[known]
    if known not in _STEERING:
        raise Rejection(Reason.unknown_value, f"the type of a rail is not one of {', '.join((*STAGES, *_STEERING))}")
    return None


def _event(rail: dict[str, Any], stage: str) -> Event:
    return {
        "guardrail": word(rail.get("name")),
        "stage": stage,
        "time": seconds_ms(rail.get("finished_at")) or seconds_ms(rail.get("started_at")),
        "latency_ms": milliseconds(rail.get("duration")),
        **BOOLEAN,
        **(BLOCKED if optional_flag(rail.get("stop"), "stop") else ALLOWED),
    }


_RAIL: Final = dict.fromkeys(("type", "name", "stop", "started_at", "finished_at", "duration"), VALUE)
FORMAT: Final = Format(
    name="nemo-guardrails",
    source="docs.nvidia.com, logging of NeMo Guardrails; microservice",
    carries=(
        Detail.verdict,
        Detail.action,
        Detail.stage,
        Detail.time,
        Detail.latency,
    ),
    title="NVIDIA NeMo Guardrails, activated rails",
    keys=("log", "activated_rails", "guardrails", "guardrails_data", "rails_status"),
    fits=_fits,
    keep={
        "log": {"activated_rails": [_RAIL]},
        "activated_rails": [_RAIL],
        "guardrails": {"log": {"activated_rails": [_RAIL]}},
        "guardrails_data": {"log": {"activated_rails": [_RAIL]}},
        "rails_status": {ANY_KEY: {"status": VALUE}},
    },
    guardrail="nemo-guardrails",
    read=_read,
    scores=(Score("stop, status of a rail", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),),
    dropped="actions with their parameters and results, model calls with prompts and completions, the answer",
)
