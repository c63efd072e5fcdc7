"""The facts of a finding in a timeline entry: as known at that moment, independent of later changes."""

from __future__ import annotations

import math
from typing import Final

from monitor.findings.model import Finding
from monitor.incidents.words import Phrases, plain, sentence, subject

MOST_PARTITIONS: Final = 64
MOST_SHARES: Final = 10
LONGEST_DETAIL: Final = 500
LONGEST_ID: Final = 200


def facts(finding: Finding, phrases: Phrases) -> dict[str, object]:
    """Names, times, sizes and log offsets, bounded; numbers to six significant digits."""
    offsets = sorted(finding.offsets.items())
    return {
        "finding": plain(finding.id, longest=LONGEST_ID),
        "sentence": f"{subject(finding)}: {sentence(finding, phrases)}",
        "kind": finding.kind.value,
        "trouble": None if finding.trouble is None else finding.trouble.value,
        "trouble_rule": plain(finding.trouble_rule, longest=LONGEST_DETAIL),
        "signal": plain(finding.signal),
        "question": plain(finding.question),
        "onset_low_ms": finding.onset_low_ms,
        "onset_high_ms": finding.onset_high_ms,
        "detected_at_ms": finding.detected_at_ms,
        "paged_at_ms": finding.paged_at_ms,
        "ended_at_ms": finding.ended_at_ms,
        "baseline": _number(finding.effect.baseline),
        "current": _number(finding.effect.current),
        "ratio": _number(finding.effect.ratio),
        "current_low": _number(finding.effect.low),
        "current_high": _number(finding.effect.high),
        "unit": finding.effect.unit.value,
        "log_evidence": _number(finding.evidence.log_evidence),
        "events": finding.evidence.events,
        "level": _number(finding.evidence.level),
        "test": plain(finding.evidence.detail, longest=LONGEST_DETAIL),
        "promise": finding.promise.value,
        "attribution": [
            {"what": plain(share.what), "name": plain(share.name), "share": _number(share.share)}
            for share in finding.attribution[:MOST_SHARES]
        ],
        "partitions": len(offsets),
        "offsets": {plain(name): list(span) for name, span in offsets[:MOST_PARTITIONS]},
    }


def _number(value: float | None) -> float | None:
    """Six significant digits; None for what JSON cannot hold."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
