"""The stream through the very pipeline that runs live."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from monitor.backtest.replay import Replay, replay
from monitor.counts.units import is_whole
from monitor.ingestion.memory import MemorySource
from monitor.settings import Settings
from tests.real_stream.power import Power, power
from tests.real_stream.sightings import Sighting, sightings
from tests.real_stream.stream import ANSWERS, Span, Stream

Layout = Literal["one", "keyed", "scattered"]
"""One partition; several, keyed by conversation; several, without a key."""
PARTITIONS = 3
BUDGET = {"pages": 1, "per": "month", "notices": 1, "notices_per": "day"}
"""The defaults of a newcomer."""


@dataclass(frozen=True)
class Told:
    """What a replay of the stream said."""

    stream: Stream
    replay: Replay
    sightings: list[Sighting]

    def of(self, place: int) -> list[Sighting]:
        """What was seen of a stretch; of -1 what is false."""
        return [sighting for sighting in self.sightings if sighting.place == place]

    def unavailable(self) -> dict[str, dict[str, str]]:
        """Guardrail -> signal or question -> why it is not asked. Nothing that is missing may be silent."""
        assessor = self.replay.judge.assessor
        units = [] if assessor is None else assessor.fleet.state.units
        own = [unit for unit in units if not is_whole(unit.unit)]
        return {unit.unit.guardrail: dict(unit.epoch.unavailable) for unit in own if unit.epoch is not None}


def told(stream: Stream, *, layout: Layout = "one") -> Told:
    """Replay a stream with the default settings."""
    parts = [stream.partition()] if layout == "one" else stream.partitions(PARTITIONS, keyed=layout == "keyed")
    settings = Settings.model_validate({"source": {"files": {"paths": ["memory"]}}, "budget": BUDGET})
    result = replay(MemorySource([(f"log-{i}", records) for i, records in enumerate(parts)]), settings)
    return Told(stream, result, sightings(stream, result.findings))


def answers_power(told_: Told, span: Span) -> Power | None:
    """Whether a stretch had the answers to show its shift of output toxicity."""
    assessor = told_.replay.judge.assessor
    if assessor is None:
        return None
    denied = [
        event["verdict"] == "deny"
        for time, _, line in told_.stream.lines
        if span.begin_ms <= time <= span.end_ms and (event := json.loads(line))["guardrail"] == ANSWERS
    ]
    return power(
        assessor,
        guardrail=ANSWERS,
        question="verdict_mix/adverse_rise",
        events=len(denied),
        happened=sum(denied) / len(denied),
    )
