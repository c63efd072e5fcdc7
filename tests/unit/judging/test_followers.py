"""What every follower must keep to, whatever it looks at. A new one in the registry fails until it has a story.

It ends, it re-opens under the same id within ``reopen_ms`` and under another one later, it does not begin after it
was detected, how ticks are grouped does not show, and what is open is listed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from monitor.counts.model import Cluster, Slice
from monitor.findings.model import Finding, Kind
from monitor.judging.follower import Follower
from monitor.judging.judge_settings import JudgeSettings
from monitor.judging.registry import FOLLOWERS
from monitor.signals.campaign import YOUNG_BIN
from tests.unit.judging.ticks import BASE, RULE, Cells, Lab, column, like, verdicts

PATIENCE = 80
"""Ticks within which something must begin or end; a campaign ends after 60 that are quiet."""


@dataclass(frozen=True)
class Story:
    """How one kind of thing goes wrong: what comes in a tick while all is well, and while it is not."""

    question: str
    kind: Kind
    calm: dict[int, Cells]
    wrong: dict[int, Cells] | Callable[[int], dict[int, Cells]]
    """Or by how often it has gone wrong so far."""
    rules: dict[str, Any] = field(default_factory=dict)
    slices: dict[int, Slice] = field(default_factory=lambda: {1: BASE})
    clusters: tuple[Cluster, ...] = ()
    """While it is wrong."""
    learning: int = 30
    """Calm ticks before: the scatter of windows is measured by 288 of them."""


def joins(found: int, missed: int) -> Cells:
    """Outputs of which the request was found or not, some of them after a first layer that let them pass."""
    passed, caught = column("layer_bypass", "passed/allow"), column("layer_bypass", "passed/unsafe")
    cells = {passed: found * 9 // 10, caught: found - found * 9 // 10}
    lost = {column("request_join", "neither"): missed} if missed else {}
    return verdicts(found + missed) | {column("request_join", "found"): found} | cells | lost


def agreeing(consistent: int, passed: int) -> Cells:
    """Verdicts that agree with their score, and verdicts that do not."""
    cells = {"consistent": consistent, "passed above the threshold": passed}
    return verdicts(consistent + passed) | {column("contradictions", name): n for name, n in cells.items() if n}


TWO = {1: BASE, 2: like(guardrail="other")}
VERSIONS = {1: BASE, **{n: like(guardrail_version=f"junk-{n}") for n in range(2, 80)}}


def junk(times: int) -> dict[int, Cells]:
    """21 versions that were never there before."""
    return {1: verdicts(95, 5), **{2 + 21 * times + n: verdicts(1) for n in range(21)}}


LANGUAGES = {1: BASE, 2: like(language="de"), 3: like(language="xx")}
STORIES = {
    "Silence": Story(
        "silence",
        Kind.page,
        {1: verdicts(90, 10), 2: verdicts(90, 10)},
        {2: verdicts(90, 10)},
        {"silence": "page"},
        TWO,
    ),
    "Volume": Story(
        "volume_rise",
        Kind.notice,
        {1: verdicts(90, 10)},
        {1: verdicts(360, 40)},
        {"volume": "notice", "volume_window_ms": 60_000},
        learning=288,
    ),
    "SourceSilence": Story(
        "source_silent", Kind.notice, {1: verdicts(90, 10)}, {}, {"silence": "page", "source_silent_ms": 600_000}
    ),
    "Contradictions": Story("contradiction_share", Kind.notice, {1: agreeing(100, 0)}, {1: agreeing(80, 20)}),
    "NewUnits": Story("new_units", Kind.page, {1: verdicts(95, 5)}, junk, slices=VERSIONS),
    "Traffic": Story(
        "new_slices_surge",
        Kind.page,
        {1: verdicts(70), 2: verdicts(30)},
        {1: verdicts(60), 2: verdicts(20), 3: verdicts(20)},
        slices=LANGUAGES,
    ),
    "Releases": Story(
        "model_version",
        Kind.page,
        {1: verdicts(95, 5)},
        {2: verdicts(60, 40)},
        slices={1: BASE, 2: like(model_version="2")},
    ),
    "Alarms": Story("adverse_rise", Kind.page, {1: verdicts(95, 5)}, {1: verdicts(60, 40)}),
    "Campaigns": Story(
        "cluster_rise",
        Kind.notice,
        {1: verdicts(95, 5)},
        {1: verdicts(95, 5) | {column("campaign", YOUNG_BIN): 3}},
        {"campaign": "notice"},
        clusters=(Cluster(tick=0, name="00ff" * 4, slice_id=1, hits=7, senders=2),),
    ),
    "LostJoins": Story("join_misses", Kind.notice, {1: joins(100, 0)}, {1: joins(50, 50)}),
}


class Told:
    """A story told up to where its follower reports, and on."""

    def __init__(self, follower: type[Follower]) -> None:
        story = self.story = STORIES[follower.__name__]
        self.lab = Lab(story.slices, dataclasses.replace(RULE, **story.rules))
        self.times = 0
        self.follower = next(one for one in self.lab.assessor._followers if type(one) is follower)

    def open(self) -> list[Finding]:
        """What the follower lists, of the story's question and as loud as it becomes."""
        return [f for f in self.follower.open() if (f.question, f.kind) == (self.story.question, self.story.kind)]

    def calm(self, ticks: int) -> None:
        for _ in range(ticks):
            self.lab.tick(self.story.calm)

    def until(self, done: Callable[[], bool], *, wrong: bool) -> None:
        events = self.story.calm
        if wrong:
            events = self.story.wrong(self.times) if callable(self.story.wrong) else self.story.wrong
            self.times += 1
        for _ in range(PATIENCE):
            self.lab.tick(events, list(self.story.clusters) if wrong else [])
            if done():
                return
        raise AssertionError(f"{self.story.question}: nothing {'began' if wrong else 'ended'} in {PATIENCE} ticks")

    def goes_wrong(self) -> Finding:
        """Until it is reported; returns what is reported."""
        self.until(lambda: bool(self.open()), wrong=True)
        (finding,) = self.open()
        assert finding.ended_at_ms is None
        assert finding in self.lab.found
        return finding

    def is_mended(self) -> Finding:
        """Until it has ended; returns the finding that says so."""
        (finding,) = self.open()
        self.until(lambda: not self.open(), wrong=False)
        return [one for one in self.lab.found if one.id == finding.id][-1]


def begins_in_order(finding: Finding) -> bool:
    """Nothing is detected before it began, nor paged before it was detected, nor over before that."""
    loud = finding.detected_at_ms if finding.paged_at_ms is None else finding.paged_at_ms
    moments = [finding.onset_low_ms, finding.onset_high_ms, finding.detected_at_ms, loud]
    moments += [] if finding.ended_at_ms is None else [finding.ended_at_ms]
    return moments == sorted(moments) and (finding.kind is Kind.page) == (finding.paged_at_ms is not None)


def gist(findings: list[Finding]) -> list[tuple[Any, ...]]:
    """What must not depend on how ticks are grouped; sums of floats are rounded."""
    return sorted(
        (
            *(
                f.id,
                f.ended_at_ms or 0,
                f.kind,
                f.onset_low_ms,
                f.onset_high_ms,
                f.detected_at_ms,
                f.paged_at_ms or 0,
            ),
            *(f.evidence.detail, round(f.evidence.log_evidence, 6), round(f.effect.current, 9)),
        )
        for f in findings
    )


@pytest.mark.parametrize("follower", FOLLOWERS, ids=lambda one: one.__name__)
def test_a_finding_lives_as_every_finding_does(follower: type[Follower]) -> None:
    told = Told(follower)
    told.calm(told.story.learning)
    assert list(told.follower.open()) == []

    first = told.goes_wrong()
    ended = told.is_mended()
    assert (ended.id, ended.detected_at_ms) == (first.id, first.detected_at_ms)
    assert ended.ended_at_ms is not None

    again = told.goes_wrong()  # at once, so within a quarter of an hour
    assert (again.id, again.detected_at_ms) == (first.id, first.detected_at_ms)
    told.is_mended()

    told.calm(told.lab.rule.reopen_ms // told.lab.rule.tick_ms + 1)
    later = told.goes_wrong()
    assert later.id != first.id
    assert later.detected_at_ms > ended.ended_at_ms
    told.is_mended()

    assert [f for f in told.lab.found if not begins_in_order(f)] == []
    assert told.lab.assessor.open_pages() == []
    for step in (7, told.lab.now):
        assert gist(told.lab.again(step)) == gist(told.lab.found)


def test_open_pages_are_those_of_all_followers() -> None:
    """A campaign that pages, once it is open, is listed: it was forgotten where pages were listed by hand."""
    story = STORIES["Campaigns"]
    lab = Lab(story.slices, JudgeSettings(tick_ms=60_000, baseline_events=400, baseline_ticks=4, campaign="page"))
    for _ in range(20):
        lab.tick(story.calm)
    (page,) = [f for f in lab.tick(story.wrong, list(story.clusters)) if f.kind is Kind.page]
    assert lab.assessor.open_pages() == [page]
