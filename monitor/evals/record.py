"""Records a run: stored, compared with the approved one, and a regression becomes a finding like any other.

So re-evaluation after fine-tuning is part of the record: the page opens an incident under the name of the model (or
of the guardrail that is named), and a later run that is back within the margin, or the approval of this one, ends it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from monitor.alerting.policy import AlertPolicy
from monitor.alerting.respond import respond
from monitor.errors import NotFound, Refused
from monitor.evals.compare import Comparison, Verdict, compare
from monitor.evals.model import Run, RunState, Worse
from monitor.evals.ports import EvalStore
from monitor.findings.model import Contribution, Direction, Effect, Evidence, Finding, Kind, Promise

SIGNAL: Final = "evals"
OPEN_PAGES: Final = 1000


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of recording; without a baseline there is no comparison."""

    run: Run
    comparison: Comparison | None
    findings: tuple[Finding, ...]


def record(
    store: EvalStore,
    run: Run,
    *,
    margin: float,
    guardrail: str | None,
    against: int | None,
    policy: AlertPolicy,
) -> Recorded:
    """Store a run and judge it, in the caller's transaction.

    Args:
        run: with id 0.
        margin: difference that does not matter.
        guardrail: whose record a regression belongs to; None: the model's own.
        against: id of the run to compare with; None: the approved one of the model.

    Raises:
        NotFound: there is no run ``against``.
    """
    baseline = store.approved_run(run.model) if against is None else store.run(against)
    if against is not None and baseline is None:
        raise NotFound(f"there is no run {against}; `driftline evals show` lists them")
    stored = store.save_run(run)
    if baseline is None:
        return Recorded(stored, None, ())
    comparison = compare(stored, baseline, margin=margin)
    subject = guardrail or run.model
    findings = [
        _finding(verdict, stored, comparison, subject)
        for verdict in comparison.verdicts
        if verdict.outcome == "regressed"
    ]
    better = {_question(verdict) for verdict in comparison.verdicts if _is_over(verdict, margin)}
    over = [finding for finding in _open(store, run.model) if finding.question in better]
    now_ms = run.recorded_at_ms
    findings += [msgspec.structs.replace(finding, ended_at_ms=now_ms) for finding in over]
    responses = tuple(respond(store, finding, now_ms=now_ms, policy=policy) for finding in findings)
    return Recorded(stored, comparison, responses)


def approve(store: EvalStore, run_id: int, *, actor: str, reason: str, now_ms: int, policy: AlertPolicy) -> Run:
    """A run becomes the baseline of its model; findings against the former one end.

    Raises:
        NotFound: there is no such run.
        Refused: it is the baseline already.
    """
    run = store.run(run_id)
    if run is None:
        raise NotFound(f"there is no run {run_id}; `driftline evals show` lists them")
    if run.state is RunState.approved:
        raise Refused(f"run {run_id} is the approved baseline of {run.model} already")
    approved = store.save_run(
        msgspec.structs.replace(run, state=RunState.approved, reason=f"{actor}: {reason}" if reason else actor)
    )
    for finding in _open(store, run.model):
        respond(store, msgspec.structs.replace(finding, ended_at_ms=now_ms), now_ms=now_ms, policy=policy)
    return approved


def _open(store: EvalStore, model: str) -> Iterable[Finding]:
    """Regressions of this model that have not ended."""
    pages = store.findings(kind=Kind.page.value, limit=OPEN_PAGES)
    return [
        page
        for page in pages
        if page.signal == SIGNAL
        and page.ended_at_ms is None
        and Contribution(what="model", name=model, share=1.0) in page.attribution
    ]


def _is_over(verdict: Verdict, margin: float) -> bool:
    """Shown to be no worse, or not shown to be and measured within the margin: suites are seldom large enough."""
    if verdict.outcome != "undecided" or verdict.before is None or verdict.after is None:
        return verdict.outcome in ("equivalent", "improved")
    harm = verdict.after - verdict.before
    return (harm if verdict.worse is Worse.when_high else -harm) <= margin


def _question(verdict: Verdict) -> str:
    return f"{verdict.suite}/{verdict.metric}"


def _finding(verdict: Verdict, run: Run, comparison: Comparison, subject: str) -> Finding:
    before, after = verdict.before or 0.0, verdict.after or 0.0
    name = json.dumps([run.model, run.version, _question(verdict), run.id, comparison.baseline_id])
    how = "item by item" if verdict.paired else "slice by slice"
    sign = 1 if verdict.worse is Worse.when_high else -1
    at_ms = run.recorded_at_ms
    return Finding(
        id=hashlib.sha256(name.encode()).hexdigest()[:16],
        guardrail=subject,
        guardrail_version=run.version,
        category="",
        signal=SIGNAL,
        question=_question(verdict),
        stratum=verdict.slice,
        kind=Kind.page,
        direction=Direction.rise if verdict.worse is Worse.when_high else Direction.fall,
        promise=Promise.proved,
        onset_low_ms=at_ms,
        onset_high_ms=at_ms,
        detected_at_ms=at_ms,
        paged_at_ms=at_ms,
        effect=Effect(baseline=before, current=after, ratio=after / before if before else None),
        evidence=Evidence(
            log_evidence=verdict.log_evidence,
            events=verdict.n,
            level=before + sign * comparison.margin,
            detail=f"run {run.id}: {run.model} {run.version} against the approved {comparison.baseline_version} "
            f"(run {comparison.baseline_id}), {how}: {before:.4g} -> {after:.4g}, {verdict.worse.value} is worse; "
            f"chance of saying so by mistake at most {comparison.alpha:.2g} for all metrics of the run",
        ),
        attribution=(
            Contribution(what="model", name=run.model, share=1.0),
            *((Contribution(what="stratum", name=verdict.slice, share=1.0),) if verdict.slice else ()),
        ),
    )
