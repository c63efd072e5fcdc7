"""Dismissing a notice: a person marks it as false, so that the stream keeps its history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from monitor.alerting.ports import Alerts
from monitor.errors import NotFound, Refused
from monitor.findings.model import Finding, Kind
from monitor.judging.ports import Dismissal, JudgeStore


class Findings(Protocol):
    """The store of findings and their dismissals."""

    @property
    def alerts(self) -> Alerts:
        """Findings."""

    @property
    def judge(self) -> JudgeStore:
        """Dismissals."""


def find(stores: Findings, start: str) -> Finding:
    """The finding whose id begins like this.

    Raises:
        NotFound: none does.
        Refused: several do.
    """
    with stores.alerts.transaction() as store:
        exact = store.finding(start)
        if exact is not None:
            return exact
        found = [finding for finding in store.findings(limit=10_000) if finding.id.startswith(start)]
    if not found:
        raise NotFound(f"there is no finding {start!r}; `driftline findings list` lists them")
    if len(found) > 1:
        raise Refused(f"{len(found)} findings begin with {start!r}; give more of the id")
    return found[0]


def dismiss(stores: Findings, start: str, *, by: str, reason: str, now_ms: int) -> tuple[Finding, Dismissal]:
    """Dismiss a notice; the judge puts the history back with its next tick.

    Raises:
        NotFound: there is no such finding.
        Refused: it is a page, or dismissed already.
    """
    finding = find(stores, start)
    if finding.kind is Kind.page:
        raise Refused(
            f"{finding.id} is a page: it ends by itself, or with a new baseline (`driftline baseline propose`); "
            "record actions on its incident"
        )
    earlier = stores.judge.dismissal(finding.id)
    if earlier is not None:
        raise Refused(f"{finding.id} was dismissed by {earlier.by} already: {earlier.reason}")
    with stores.judge.approval() as store:
        written = store.save_dismissal(Dismissal(finding_id=finding.id, by=by, reason=reason, at_ms=now_ms))
    return finding, written


def dismissals(stores: Findings) -> Mapping[str, Dismissal]:
    """Dismissals by finding."""
    return {one.finding_id: one for one in stores.judge.dismissals()}
