"""A run against the approved one of its model: the same comparison as of releases in live traffic.

Per suite and metric, slice by slice (``detectors.slicewise``); where the same items were scored, item by item
(``detectors.comparison.PairedComparison``), which needs far fewer of them. The chance of calling any metric of a run
regressed that is no worse is at most :data:`ALPHA`, which its metrics share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from detectors.comparison import Outcome, PairedComparison
from detectors.slicewise import compare as compare_slices
from monitor.evals.model import Pairs, Result, Run, Worse

ALPHA: Final = 0.05
MARGIN: Final = 0.02
OVERALL: Final = ("regressed", "undecided", "improved", "equivalent")
"""A run is the first of these that one of its metrics is."""
NAMES: Final = {
    Outcome.REGRESSED: "regressed",
    Outcome.IMPROVED: "improved",
    Outcome.EQUIVALENT: "equivalent",
    Outcome.UNDECIDED: "undecided",
}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one metric."""

    suite: str
    metric: str
    worse: Worse
    outcome: str
    """``regressed``, ``improved``, ``equivalent``, ``undecided``; ``new`` or ``missing`` where one side lacks it."""
    before: float | None
    after: float | None
    n: int
    """Of the new side, in slices (or items) that both have."""
    paired: bool = False
    slice: str = ""
    """Which one carries it, if it is one."""
    log_evidence: float = 0.0


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All metrics of a run against a baseline."""

    baseline_id: int
    baseline_version: str
    outcome: str
    margin: float
    alpha: float
    verdicts: tuple[Verdict, ...]


def compare(run: Run, baseline: Run, *, margin: float = MARGIN, alpha: float = ALPHA) -> Comparison:
    """Judge every metric that either run has."""
    old, new = _by_metric(baseline.results), _by_metric(run.results)
    both = [key for key in sorted(new) if key in old and new[key][0].worse is old[key][0].worse]
    share = alpha / max(1, len(both))
    verdicts = [_judged(old[key], new[key], margin=margin, alpha=share) for key in both]
    verdicts += [_alone(new[key], "new") for key in sorted(new) if key not in both]
    verdicts += [_alone(old[key], "missing") for key in sorted(old) if key not in new]
    outcomes = {verdict.outcome for verdict in verdicts}
    return Comparison(
        baseline_id=baseline.id,
        baseline_version=baseline.version,
        outcome=next((name for name in OVERALL if name in outcomes), "undecided"),
        margin=margin,
        alpha=alpha,
        verdicts=tuple(verdicts),
    )


def _by_metric(results: Iterable[Result]) -> dict[tuple[str, str], list[Result]]:
    out: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        out.setdefault((result.suite, result.metric), []).append(result)
    return out


def _judged(old: Sequence[Result], new: Sequence[Result], *, margin: float, alpha: float) -> Verdict:
    before, after = ({result.slice: result for result in side} for side in (old, new))
    pairs = [_pairs(before.get(name), result) for name, result in after.items()]
    if all(pair is not None for pair in pairs):
        return _by_items(new, [pair for pair in pairs if pair is not None], margin=margin, alpha=alpha)
    shared = sorted(before.keys() & after.keys())
    first = new[0]
    if not shared:
        return _alone(new, "new")
    judged = compare_slices(
        _table(before, shared),
        _table(after, shared),
        [0, 1],
        alpha=alpha,
        equivalence=margin,
        direction="rise" if first.worse is Worse.when_high else "fall",
    )
    return Verdict(
        suite=first.suite,
        metric=first.metric,
        worse=first.worse,
        outcome=NAMES[judged.outcome],
        before=judged.before,
        after=judged.after,
        n=judged.events,
        slice=shared[judged.leading] if judged.leading >= 0 else "",
        log_evidence=judged.log_evidence,
    )


def _by_items(new: Sequence[Result], pairs: Sequence[Pairs], *, margin: float, alpha: float) -> Verdict:
    first = new[0]
    better, worse, same = (sum(getattr(pair, name) for pair in pairs) for name in ("better", "worse", "same"))
    judged = PairedComparison(alpha=alpha, equivalence=margin).update(better=better, worse=worse, same=same)
    certain = judged.outcome in (Outcome.REGRESSED, Outcome.IMPROVED) and abs(judged.difference) < margin
    after = sum(result.k for result in new) / max(1, sum(result.n for result in new))
    harm = judged.difference if first.worse is Worse.when_high else -judged.difference
    return Verdict(
        suite=first.suite,
        metric=first.metric,
        worse=first.worse,
        # However certain, a difference within the margin is none that matters.
        outcome=NAMES[Outcome.UNDECIDED if certain else judged.outcome],
        before=min(max(after - harm, 0.0), 1.0),
        after=after,
        n=judged.events,
        paired=True,
    )


def _pairs(old: Result | None, new: Result) -> Pairs | None:
    """Items through both versions; None where they are not known one by one."""
    if new.pairs is not None:
        return new.pairs
    shared = new.items.keys() & (old.items.keys() if old is not None else set())
    if old is None or not shared:
        return None
    moved = [int(new.items[item]) - int(old.items[item]) for item in shared]
    up, down = moved.count(1), moved.count(-1)
    worse, better = (up, down) if new.worse is Worse.when_high else (down, up)
    return Pairs(better=better, worse=worse, same=len(moved) - up - down)


def _table(side: Mapping[str, Result], slices: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.array([[side[name].n - side[name].k, side[name].k] for name in slices], np.int64)


def _alone(results: Sequence[Result], outcome: str) -> Verdict:
    n, k = sum(result.n for result in results), sum(result.k for result in results)
    return Verdict(
        suite=results[0].suite,
        metric=results[0].metric,
        worse=results[0].worse,
        outcome=outcome,
        before=k / n if outcome == "missing" else None,
        after=k / n if outcome == "new" else None,
        n=n,
    )
