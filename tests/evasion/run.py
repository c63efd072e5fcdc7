"""One attack through the counting worker and the judge: when it is first reported, and when it first pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.findings.model import Finding, Kind
from monitor.ingestion.memory import MemoryRecord
from monitor.judging.judge_settings import JudgeSettings
from tests.evasion.attacks import Attack, attacked
from tests.scenarios.service import told
from tests.scenarios.story import MINUTE_MS, START_MS, log_of

CALM_MIN: Final = 20
UNITS: Final = 64
"""Room for units where it is to be filled: thousands of versions fill 4,096 just so, and take longer to simulate."""
OWN_S: Final = 600.0
"""A finding of its own comes within this time."""
STORY: Final = """
    00:00 shield: rate=120/min near=0.5% unsafe=1% languages=en:70,de:30
    00:00 filter: rate=120/min
    {end} end
"""


@dataclass(frozen=True)
class Seen:
    """Seconds from the beginning of the attack (of the release, after a flood); None: never."""

    notice_s: float | None
    page_s: float | None
    own_s: float | None
    """Until a finding reports the disguise itself; from the beginning of the flood, where there is one."""
    as_what: str
    """Signal and question of the first page, or of the first finding."""


def seen(attack: Attack, share: float, *, seed: int = 1, minutes: int = 30) -> Seen:
    """Ordinary traffic, then so many minutes of the attack with this share of one guardrail's events."""
    log, begins = log_with(attack, share, seed=seed, minutes=minutes)
    # Nobody waits a day for a table: a baseline of so many minutes counts as a whole one here.
    outcome = told(log, rule=JudgeSettings(baseline_span_ms=0), units=UNITS if attack.flood else 4_096)
    flood_ms = START_MS + CALM_MIN * MINUTE_MS
    own = [one for one in outcome.findings if one.signal == "intake" and _moment(one) > flood_ms]
    found = [one for one in outcome.findings if _moment(one) > begins]
    pages = [one for one in found if one.kind is Kind.page]
    first = min(pages or found, key=_moment, default=None)
    return Seen(
        notice_s=_seconds(found, begins),
        page_s=_seconds(pages, begins),
        own_s=_seconds(own, flood_ms),
        as_what="" if first is None else f"{first.signal}/{first.question}",
    )


def log_with(attack: Attack, share: float, *, seed: int, minutes: int) -> tuple[list[MemoryRecord], int]:
    """The log, and the moment at which the attack begins."""
    flood_min = minutes if attack.flood else 0
    end = CALM_MIN + flood_min + minutes
    chance = np.random.default_rng(seed)
    flood_ms = START_MS + CALM_MIN * MINUTE_MS
    begins = flood_ms + flood_min * MINUTE_MS
    number, log = 0, []
    for record in log_of(STORY.format(end=f"{end // 60:02}:{end % 60:02}"), seed=seed):
        event = json.loads(record.value or b"{}")
        hit = event["guardrail"] == "shield" and chance.random() < share
        if hit and event["time"] >= begins:
            event = attacked(attack, number, event)
        elif hit and event["time"] >= flood_ms:
            event["guardrail_version"] = f"junk-{number}"
        if attack.flood and event["guardrail"] == "shield" and event["time"] >= begins:
            event["guardrail_version"] = "2"
        number += hit
        log.append(MemoryRecord(json.dumps(event).encode(), key=record.key, timestamp_ms=record.timestamp_ms))
    return log, begins


def _moment(finding: Finding) -> int:
    return finding.detected_at_ms if finding.paged_at_ms is None else finding.paged_at_ms


def _seconds(found: list[Finding], begins: int) -> float | None:
    return min(((_moment(one) - begins) / 1000 for one in found), default=None)


def held(evading: Seen, plain: Seen) -> bool:
    """Whether evasion gains no more than may be."""
    paged = evading.page_s is not None and plain.page_s is not None and evading.page_s <= 2 * plain.page_s
    return paged or (evading.own_s is not None and evading.own_s <= OWN_S)
