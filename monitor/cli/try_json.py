"""The result of ``driftline try`` as one JSON document for scripts."""

from __future__ import annotations

import dataclasses
from typing import Any

from monitor.backtest.learn_thresholds import LearnedLine
from monitor.backtest.survey import BINS
from monitor.backtest.trial import BudgetTrial, FindingWithCurve, StreamTrial, Trial
from monitor.cli.backtest import finding_json
from monitor.judging.baselines import BaselineView


def plain(trial: Trial, name: str) -> dict[str, Any]:
    """Everything, as plain data."""
    summary = trial.replay.summary
    letters = trial.replay.dead_letters
    return {
        "log": name,
        "from_ms": trial.from_ms,
        "to_ms": trial.to_ms,
        "days": trial.days,
        "events": summary.events,
        "duplicates": summary.duplicates,
        "late": summary.late,
        "future": summary.future,
        "pooled": trial.pooled,
        "unreadable": {
            reason: {
                "records": count,
                "first": {
                    "partition": letters.first[reason][0].partition,
                    "offset": letters.first[reason][0].offset,
                    "detail": letters.first[reason][0].detail,
                },
            }
            for reason, count in sorted(summary.rejected.items())
            if reason in letters.first
        },
        "formats": [
            {
                "format": format_,
                "records": seen.records,
                "why": seen.why,
                "dropped": dict(seen.dropped.most_common()),
                "because": seen.because,
            }
            for format_, seen in trial.formats.items()
        ],
        "streams": [_stream(one) for one in trial.streams],
        "learned_thresholds": [_learned(one) for one in trial.learned],
        "proposal": {
            "settings": trial.proposal.settings,
            "reasons": [{"setting": setting, "why": why} for setting, why in trial.proposal.reasons],
        },
        "pages": len(trial.pages),
        "notices": len(trial.shown) - len(trial.pages),
        "incidents": len(trial.incidents),
        "findings": [_finding(one) for one in trial.shown],
        "budgets": [_budget(one) for one in trial.budgets],
    }


def _stream(one: StreamTrial) -> dict[str, Any]:
    stream = one.stream
    unit = stream.unit
    return {
        "guardrail": unit.guardrail,
        "version": unit.guardrail_version,
        "category": unit.category,
        "stage": unit.stage,
        "format": stream.format,
        "events": stream.events,
        "per_day": one.per_day,
        "counted_with_scored": one.counted_with,
        "verdicts": stream.verdicts,
        "actions": stream.actions,
        "statuses": stream.statuses,
        "strata": stream.strata,
        "score": {
            "kind": unit.score_kind or None,
            "semantics": unit.semantics or None,
            "bin_width": 1 / BINS,
            "histogram": stream.scores,
        },
        "threshold": {
            "value": None if unit.threshold_milli < 0 else unit.threshold_milli / 1000,
            "from": one.threshold_from,
        },
        "contradictions": {"allowed_above": stream.allowed_above, "stopped_below": stream.stopped_below},
        "baseline": None if one.baseline is None else _baseline(one.baseline),
        "missing": None if one.missing is None else dataclasses.asdict(one.missing),
    }


def _baseline(view: BaselineView) -> dict[str, Any]:
    return {
        "from_tick": view.baseline.from_tick,
        "to_tick": view.baseline.to_tick,
        "events": view.events,
        "homogeneous": view.homogeneous,
        "strata": list(view.strata),
        "reason": view.baseline.reason,
        "levels": [dataclasses.asdict(level) for level in view.levels],
    }


def _learned(one: LearnedLine) -> dict[str, Any]:
    return {
        "name": one.name,
        "line": one.line,
        "interval": None if one.low is None else [one.low, one.high],
        "reason": one.reason or None,
        "p_unsafe": None if one.learned is None else dataclasses.asdict(one.learned),
    }


def _finding(one: FindingWithCurve) -> dict[str, Any]:
    return finding_json(one.finding) | {"picture": None if one.picture is None else dataclasses.asdict(one.picture)}


def _budget(one: BudgetTrial) -> dict[str, Any]:
    return {
        "factor": one.factor,
        "pages_allowed": one.pages_allowed,
        "notices_allowed": one.notices_allowed,
        "pages": len(one.pages),
        "notices": one.notices,
        "incidents": one.incidents,
        "paged_at_ms": [finding.paged_at_ms for finding in one.pages],
    }
