"""Lakera Guard v2: flagged or not, per detector with a breakdown; ordinal words at the results endpoint.

Sources: docs.lakera.ai (guard and guard/results) and the integrations of it in litellm and Kong.
"""

from __future__ import annotations

import re
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
    at,
    has,
    identified,
)
from monitor.events.formats.values import flag, identifier, word
from monitor.events.formats.verdicts import BOOLEAN, by_category
from monitor.events.reasons import Reason, Rejection

_GUARDRAIL: Final = "lakera"
_LEVEL: Final = re.compile(r"l([1-5])_[a-z_]{1,32}")


def _fits(record: Any) -> str | None:
    if has(record, "flagged") and (
        any(isinstance(record.get(key), list) for key in ("breakdown", "payload")) or has(record.get("dev_info"))
    ):
        return "has flagged and breakdown[], payload[] or dev_info"
    if has(record, "flagged", "metadata") and has(record["metadata"], "request_uuid"):
        return "has flagged and metadata.request_uuid"
    results = at(record, "results")
    if isinstance(results, list) and results and has(results[0], "detector_type", "result"):
        return "has results[].detector_type and result"
    return None


def _read(record: dict[str, Any], context: Context) -> list[Event]:
    version = word(at(record, "dev_info", "model_version"))
    parts = [_detector(one, context) for one in record.get("breakdown") or record.get("results") or []]
    events = by_category([part for part in parts if "score" not in part]) + [
        part for part in parts if "score" in part
    ]
    if record.get("flagged") is not None:
        flagged = flag(record["flagged"], "flagged")
        events.insert(0, BOOLEAN | {"guardrail": _GUARDRAIL, "verdict": "flag" if flagged else "allow"})
    request = identifier(at(record, "metadata", "request_uuid"))
    return identified(
        [event | {"guardrail_version": version} for event in events],
        Identity(record=request, request=request),
        format_name=FORMAT.name,
    )


def _detector(one: dict[str, Any], context: Context) -> Event:
    category = word(one.get("detector_type"))
    event: Event = {"guardrail": _GUARDRAIL, "category": category}
    if one.get("result") is None:
        return event | BOOLEAN | {"verdict": "flag" if flag(one.get("detected"), "detected") else "allow"}
    level = _LEVEL.fullmatch(str(one["result"]))
    if level is None:
        raise Rejection(Reason.unknown_value, "result is not a level such as l1_confident to l5")
    threshold = context.thresholds.scaled(_GUARDRAIL, category, low=1.0, high=5.0)
    return event | {
        "score": (5 - int(level[1])) / 4,
        "score_kind": "ordinal",
        "threshold": None if threshold is None else 1.0 - threshold,
    }


_DETECTOR: Final = {"detector_type": VALUE, "detected": VALUE, "result": VALUE}
FORMAT: Final = Format(
    name="lakera",
    source="integrations of Lakera Guard v2",
    carries=(
        Detail.verdict,
        Detail.version,
    ),
    title="Lakera Guard v2",
    keys=("flagged", "results"),
    fits=_fits,
    keep={
        "flagged": VALUE,
        "breakdown": [_DETECTOR],
        "results": [_DETECTOR],
        "metadata": {"request_uuid": VALUE},
        "dev_info": {"model_version": VALUE},
    },
    guardrail=_GUARDRAIL,
    read=_read,
    scores=(
        Score("flagged, breakdown", ScoreKind.boolean, Orientation.none, ThresholdFrom.none, ""),
        Score("results", ScoreKind.ordinal, Orientation.low, ThresholdFrom.settings, "level 1 (surest) to 5"),
    ),
    dropped="payload: matched text and its place; project and policy ids",
)
