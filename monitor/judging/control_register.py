"""The control register of a database: what the settings declare beside what the log has shown."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.counts.model import Slice
from monitor.incidents.controls import Control, Entry, Seen, register
from monitor.judging.ports import JudgeStore


def control_register(store: JudgeStore, declared: Mapping[str, Control]) -> list[Entry]:
    """Every guardrail that was counted or declared, by name."""
    return register(declared, newest(store.slices()))


def newest(slices: Mapping[int, Slice]) -> list[Seen]:
    """The facts of each guardrail's newest stream of a category and stage; replaced streams are history."""
    streams: dict[tuple[str, str, str], Seen] = {}
    for _, piece in sorted(slices.items()):
        key = (piece.guardrail, piece.category, piece.stage)
        before = streams.get(key)
        if before is not None and piece.threshold_milli < 0:
            continue  # an event without a score is no evidence of the threshold
        streams[key] = Seen(
            guardrail=piece.guardrail,
            guardrail_version=piece.guardrail_version,
            category=piece.category,
            stage=piece.stage,
            threshold=None if piece.threshold_milli < 0 else piece.threshold_milli / 1000,
        )
    return list(streams.values())
