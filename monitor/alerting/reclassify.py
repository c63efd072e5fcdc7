"""Types of stored findings: of a new version, and of every finding that it fires together with.

What a finding is depends on its company, and the company gathers as slower tests catch up. So whenever a finding is
reported, its own type and those of the findings that coincide with it are worked out anew, from the stored findings
and
their event times alone: in the end each has the type that its whole company gives it, in any order of arrival.
"""

from __future__ import annotations

from typing import Final

import msgspec

from monitor.clock import DAY_MS
from monitor.findings.model import Finding
from monitor.incidents.classify import Classified, classify
from monitor.incidents.coincide import WIDEST_GAP_MS, concerns, stretch
from monitor.incidents.ports import ResponseStore

UPGRADES_WITHIN_MS: Final = DAY_MS
"""A notice that was detected this long before it became a page is still found by when it was detected."""
MOST: Final = 1000
"""Newest findings around an onset that are looked at."""


def classified(store: ResponseStore, finding: Finding) -> Finding:
    """The finding with the type that its company gives it; nothing is stored."""
    return _as(finding, classify([finding, *_company(store, finding)]))


def reclassify_related(store: ResponseStore, finding: Finding) -> list[Finding]:
    """Recompute the types that a finding, stored or about to be, affects; returns those that changed, as stored."""
    around = _around(store, [finding])
    swayed = [other for other in around if other.id != finding.id and concerns(finding, other)]
    if not swayed:
        return []
    company = [finding, *(other for other in _around(store, swayed) if other.id != finding.id)]
    changed = []
    for each in swayed:
        beside = [other for other in company if other.id != each.id and concerns(other, each)]
        after = _as(each, classify([each, *beside]))
        if after != each:
            store.save_finding(after)
            changed.append(after)
    return changed


def _company(store: ResponseStore, finding: Finding) -> list[Finding]:
    return [other for other in _around(store, [finding]) if other.id != finding.id and concerns(other, finding)]


def _around(store: ResponseStore, findings: list[Finding]) -> list[Finding]:
    """All findings that may concern one of these."""
    stretches = [stretch(each) for each in findings]
    found = store.findings_around(
        None,  # what concerns what is asked of each pair: prompts and answers have guardrails of their own
        from_ms=min(low for low, _ in stretches) - WIDEST_GAP_MS - UPGRADES_WITHIN_MS,
        to_ms=max(high for _, high in stretches) + WIDEST_GAP_MS,
        limit=MOST,
    )
    return list(found)


def _as(finding: Finding, found: Classified) -> Finding:
    return msgspec.structs.replace(finding, trouble=found.trouble, trouble_rule=found.rule)
