"""Two tests of learned traffic: for a changed mix, and for a surge of never-seen slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.alternatives import Bank, Unavailable, material, swings
from detectors.budget import Budget
from detectors.level import propose
from detectors.recoupling import declared, seed_of
from monitor.counts.units import REST
from monitor.judging.judge_settings import TRAFFIC_SHARE, JudgeSettings
from monitor.judging.traffic.requests import Requests
from monitor.judging.traffic.state import MixState, Surge
from monitor.judging.watching.fleet import Fleet
from monitor.judging.watching.spending import END, PAGE
from monitor.signals.registry import EVENTS_COLUMN, OFFSETS

NAMED: Final = 24
"""Slices with a bin of their own; finer ones are pooled."""
KNOWN: Final = 4_096
"""Slices that are remembered as seen."""
NEW_LIMIT: Final = 0.03
"""Share of requests that never-seen slices may have, where the baseline itself does not show more: small enough that
10 % is found within some 300 requests of a monthly budget, large enough for a language that nobody expected."""
DENSE_SHARE: Final = 0.5
"""Of the any-change test's spend: where several slices grow at once, each alternative of one sees a part of it."""
SURGE_VALUES: Final = (0.0, 1.0)
FIRST_TURNS: Final = OFFSETS["input_turn"]
"""The column of prompts that begin a conversation."""
LONGEST: Final = 64
"""Requests of a conversation on average, at most, for a log to be taken to number its turns."""


def learn(
    fleet: Fleet, requests: Requests, references: Mapping[str, str], window: tuple[int, int], tick: int
) -> None:
    """From ``tick`` on, traffic is watched against the requests of these ticks."""
    start, end = window
    edges = (start, start + max(1, (end - start) // 4), start + max(2, (end - start) // 2), max(end, start + 3))
    parts = [by_asker(fleet, requests, references, span) for span in pairwise(edges)]
    total: dict[str, int] = {}
    for part in parts:
        for name, n in part.items():
            total[name] = total.get(name, 0) + n
    largest = sorted(total, key=lambda name: (-total[name], name))
    named = [*largest[:NAMED], REST]
    begun = [by_asker(fleet, requests, references, span, column=FIRST_TURNS) for span in pairwise(edges)]
    by_conversation = LONGEST * sum(sum(part.values()) for part in begun) >= sum(total.values())
    split, *rest = mixed = [_by_name(part, named) for part in (begun if by_conversation else parts)]
    law = declared(split)
    n_ref = max(1.0, sum(total.values()) / max(1, end - start))
    engine, baseline = fleet.panel.evidence, np.sum(mixed, axis=0)
    limit, expected = new_limit(first={**parts[0], **parts[1]}, second=parts[2])
    pages, notices = spends(fleet.rule)
    mix_ref = max(1.0, float(baseline.sum()) / max(1, end - start))
    mix = fleet.state.traffic.mix = MixState(
        effective_tick=tick,
        window=window,
        references=dict(references),
        known={name: total[name] for name in largest[:KNOWN]},
        named=named,
        by_conversation=by_conversation,
        baseline=baseline.tolist(),
        before=(baseline / max(1, baseline.sum())).tolist(),
        reported=[(baseline / max(1, baseline.sum())).tolist()],
        reported_requests=[int(baseline.sum())],
        row=fleet.panel.recoupler.add(law, seed=seed_of("traffic_mix", tick), reference=sum(rest)),
        test=engine.add([swings(law)], spend=notices * (1 - DENSE_SHARE), n_ref=mix_ref),
        dense=fleet.panel.dense.add(law, spend=notices * DENSE_SHARE, n_ref=mix_ref),
        armed_tick=tick,
        n_ref=n_ref,
        surge=Surge(
            test=engine.add([surge_bank(limit)], spend=pages, n_ref=n_ref),
            limit=limit,
            expected=expected,
            armed_tick=tick,
        ),
    )
    place(fleet, mix)


def place(fleet: Fleet, mix: MixState) -> None:
    """Wire the panel to the mix's tests, as built or as restored."""
    fleet.panel.battery.place_row(mix.row, test=mix.test, stratum=0, dense=mix.dense)
    fleet.panel.spending.book(mix.surge.test, PAGE)
    if mix.surge.end_test >= 0:
        fleet.panel.spending.book(mix.surge.end_test, END)


def forget(fleet: Fleet, mix: MixState) -> None:
    """Learn anew: the streams that counted requests are gone for good."""
    for test in (mix.test, mix.surge.test, mix.surge.end_test):
        if test >= 0:
            fleet.panel.spending.end(test)
    fleet.panel.spending.end_dense(mix.dense)
    fleet.panel.recoupler.remove(mix.row)
    traffic = fleet.state.traffic
    traffic.mix, traffic.learning_from, traffic.ticks, traffic.votes = None, None, 0, {}


def spends(rule: JudgeSettings) -> tuple[float, float]:
    """Spend of a full tick for pages and for notices."""
    tick_s = rule.tick_ms / 1000
    return (
        TRAFFIC_SHARE * Budget(rule.pages, rule.page_period_ms / 1000).per_tick(tick_s),
        TRAFFIC_SHARE * Budget(rule.notices, rule.notice_period_ms / 1000).per_tick(tick_s),
    )


def surge_bank(limit: float) -> Bank:
    """Bets that never-seen slices have more than their limit."""
    return material(SURGE_VALUES, level=limit)


def new_limit(*, first: Mapping[str, int], second: Mapping[str, int]) -> tuple[float, float]:
    """The limit, and what was measured: the share of the second half that the first had never seen."""
    unseen = sum(n for name, n in second.items() if not first.get(name))
    seen = sum(second.values()) - unseen
    if seen + unseen == 0:
        return NEW_LIMIT, 0.0
    try:
        proposed = propose([seen, unseen], SURGE_VALUES).limit
    except Unavailable:
        proposed = 0.5  # traffic without any recurring slice: only a flood of new ones is evidence
    return min(max(NEW_LIMIT, proposed), 0.9), unseen / (seen + unseen)


def by_asker(
    fleet: Fleet,
    requests: Requests,
    references: Mapping[str, str],
    span: tuple[int, int],
    *,
    column: int = EVENTS_COLUMN,
) -> dict[str, int]:
    """Requests of these ticks, or those of a column, by kind."""
    events = fleet.events_by_slice(*span, column=column)
    ids = np.flatnonzero(events)
    out: dict[str, int] = {}
    for number, pair, asker in zip(
        ids.tolist(), requests.pairs_of(ids).tolist(), requests.askers_of(ids).tolist(), strict=True
    ):
        app, stream = requests.pairs[pair]
        if references.get(app) == stream:
            name = requests.askers[asker]
            out[name] = out.get(name, 0) + int(events[number])
    return out


def _by_name(part: Mapping[str, int], named: Sequence[str]) -> NDArray[np.int64]:
    """int64 (named,), what has no name of its own in the last."""
    own = [part.get(name, 0) for name in named[:-1]]
    return np.array([*own, sum(part.values()) - sum(own)], np.int64)
