"""Builds a :class:`Finding`: its id, the stream's names and the moments that go by its tick."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple

from monitor.counts.model import Slice
from monitor.findings.model import Contribution, Direction, Effect, Evidence, Finding, Kind
from monitor.judging.findings.promises import promise_of


def finding_id(unit: Slice, signal: str, question: str, tick: int) -> str:
    """Derived from what was found, so that a replay finds the same id."""
    name = json.dumps([*astuple(unit), signal, question, tick])
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def build(
    unit: Slice,
    signal: str,
    question: str,
    *,
    tick: int,
    tick_ms: int,
    kind: Kind,
    direction: Direction,
    onset_ms: tuple[int, int],
    effect: Effect,
    evidence: Evidence,
    name: str = "",
    attribution: tuple[Contribution, ...] = (),
    stratum: str = "",
    stage: str = "",
) -> Finding:
    """A finding that is detected at the end of ``tick``, and paged then if it is a page.

    Args:
        unit: the stream that it is about; a guardrail as a whole where only that is known.
        onset_ms: first and last moment at which it may have begun; not after its detection.
        name: its distinction from others of the question in the same tick, where there can be several.
    """
    at_ms = (tick + 1) * tick_ms
    return Finding(
        id=finding_id(unit, signal, name or question, tick),
        guardrail=unit.guardrail,
        guardrail_version=unit.guardrail_version,
        category=unit.category,
        stage=stage,
        signal=signal,
        question=question,
        stratum=stratum,
        kind=kind,
        direction=direction,
        promise=promise_of(signal, question),
        onset_low_ms=onset_ms[0],
        onset_high_ms=min(onset_ms[1], at_ms),
        detected_at_ms=at_ms,
        paged_at_ms=at_ms if kind is Kind.page else None,
        effect=effect,
        evidence=evidence,
        attribution=attribution,
    )
