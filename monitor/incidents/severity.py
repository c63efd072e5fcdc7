"""Severity of a page: one table, upgrade only.

| page about | severity | because |
| --- | --- | --- |
| coverage, silence | critical | the guardrail is not there: requests pass unjudged (fail-open) or nothing is known |
| denied_but_allowed | critical | fail-open one step later: the verdict was deny, and the request went through |
| anything else | error | the guardrail runs, and its input or its behaviour has left the approved level |

An incident has the highest severity of its pages. It is never lowered: that a page has ended does not undo the harm,
and a receiver that has escalated should not have to take it back. ``warning`` is left to notices.
"""

from __future__ import annotations

from typing import Final

from monitor.findings.model import Finding, Kind
from monitor.incidents.model import Severity

CRITICAL_SIGNALS: Final = frozenset({"coverage", "silence"})
CRITICAL_QUESTIONS: Final = frozenset({"silence", "denied_but_allowed"})
_RANK: Final = {Severity.warning: 0, Severity.error: 1, Severity.critical: 2}


def severity_of(finding: Finding) -> Severity:
    """The severity of an incident that had this finding alone."""
    if finding.kind is Kind.notice:
        return Severity.warning
    if finding.signal in CRITICAL_SIGNALS or finding.question in CRITICAL_QUESTIONS:
        return Severity.critical
    return Severity.error


def higher(one: Severity, other: Severity) -> Severity:
    """The more severe of two."""
    return one if _RANK[one] >= _RANK[other] else other
