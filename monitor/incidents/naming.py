"""Which page names an incident."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from monitor.findings.model import Finding, IncidentType
from monitor.incidents.classify import RULES
from monitor.incidents.model import Severity
from monitor.incidents.severity import severity_of


def most_telling(pages: Sequence[Finding]) -> Finding:
    """The page that names an incident: of the most severe, of the most specific type, what its rule is about.

    Args:
        pages: at least one, in any order.
    """
    order = list(IncidentType)
    any_of = {rule.name: rule.any_of for rule in RULES}

    def rank(page: Finding) -> tuple[bool, int, bool, int, str]:
        about = any_of.get(page.trouble_rule.partition(":")[0], ())
        return (
            severity_of(page) is not Severity.critical,
            len(order) if page.trouble is None else order.index(page.trouble),
            not any(fnmatchcase(f"{page.signal}/{page.question}", name) for name in about),
            page.paged_at_ms or page.detected_at_ms,
            page.id,
        )

    return min(pages, key=rank)
