"""False pages and notices of traffic whose events hang together, through the real Assessor, by what was promised.

python -m tests.benchmarks.promise                           the table
python -m tests.benchmarks.promise --streams 40 --days 1 2   streams of a kind; the days that are counted, from 1 on
python -m tests.benchmarks.promise --kinds "20 turns, .014"
python -m tests.benchmarks.promise --json

Default ticks and re-opening; one page and one notice a month and stream are promised. The first day is the one
in which a baseline is provisional. Exits with 1 if more pages came than their promise allows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass

from detectors.budget import poisson_upper_limit
from monitor.findings.model import Kind
from monitor.judging.judge_settings import JudgeSettings
from tests.statistics.promise_streams import MONTH_MS, Judged, Normal, Stream, judge
from tests.statistics.together import DAY_TICKS, KINDS, Traffic

PROMISED = ("proved", "calibrated")


@dataclass(frozen=True)
class Cell:
    """One kind of traffic, by day: pages and notices by their promise, and what was spent on them."""

    name: str
    pages: dict[str, Counter[str]]
    notices: Counter[str]
    page_spend: float
    notice_spend: float


def streams_of(traffic: Traffic, number: int) -> list[Stream]:
    """So many streams of one kind of traffic."""
    return [Stream((Normal(0.05, 0.01),), lambda rng, ticks: rng.poisson(5, (ticks, 1)), traffic=traffic)] * number


def measured(name: str, *, streams: int, days: int, seed: int) -> tuple[Cell, Judged]:
    """Judge them for so many days."""
    rule = JudgeSettings(pages=streams, notices=streams, notice_period_ms=MONTH_MS)
    outcome = judge(streams_of(KINDS[name], streams), rule, seed=seed, ticks=days * DAY_TICKS)
    pages: dict[str, Counter[str]] = {}
    for found in outcome.findings:
        if found.kind is Kind.page:
            day = "first day" if found.detected_at_ms <= 86_400_000 + 3_600_000 else "later"
            pages.setdefault(day, Counter())[found.promise.value] += 1
    notices = Counter(f.promise.value for f in outcome.findings if f.kind is Kind.notice)
    return Cell(name, pages, notices, outcome.page_spend, outcome.notice_spend), outcome


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=40)
    parser.add_argument("--days", type=int, default=2, help="how long they are judged, the first day included")
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=list(KINDS), metavar="KIND")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object a kind of traffic")
    arguments = parser.parse_args()
    broken = False
    if not arguments.json:
        print("| traffic | pages, first day | pages, later | spent on pages | notices | spent on notices |")
        print("|" + " --- |" * 6)
    for name in arguments.kinds:
        cell, outcome = measured(name, streams=arguments.streams, days=arguments.days, seed=arguments.seed)
        promised = outcome.count(Kind.page)
        broken |= promised > 0 and poisson_upper_limit(promised) > max(cell.page_spend, 3.0)
        said = [_said(cell.pages.get(day, Counter())) for day in ("first day", "later")]
        if arguments.json:
            print(
                json.dumps(
                    {
                        "traffic": name,
                        "pages": cell.pages,
                        "notices": cell.notices,
                        "page_spend": cell.page_spend,
                        "notice_spend": cell.notice_spend,
                    }
                ),
                flush=True,
            )
        else:
            print(
                f"| {name} | {said[0]} | {said[1]} | {cell.page_spend:.1f} | {_said(cell.notices)} | "
                f"{cell.notice_spend:.1f} |",
                flush=True,
            )
    return int(broken)


def _said(by_promise: Counter[str]) -> str:
    return ", ".join(f"{n} {promise}" for promise, n in sorted(by_promise.items())) or "0"


if __name__ == "__main__":
    sys.exit(main())
