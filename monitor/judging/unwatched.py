"""Open pages that no test follows any more: an upgrade replaced their rule or removed their signal.

The state is rebuilt from counts after an upgrade. Every page of a signal whose rule is the same comes up again and
its test for the end goes on; one of a replaced rule has no such test, and would stay open indefinitely.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from monitor.findings.model import Finding
from monitor.judging.findings.promises import stated
from monitor.judging.state import JudgeState
from monitor.signals.registry import SIGNALS


def ended_with_their_rule(pages: Iterable[Finding], state: JudgeState, *, at_ms: int) -> list[Finding]:
    """The open pages that end because their rule has; the signal's new rule learns, and pages on its own.

    Args:
        pages: open ones, as stored.
        state: rebuilt.
        at_ms: event time at which they end.
    """
    known = {(one.signal, one.question) for one in stated()}
    place = {(kind.name, question.name): s for s, kind in enumerate(SIGNALS) for question in kind.questions}
    ended = []
    for page in pages:
        asked = page.signal, page.question
        stream = page.guardrail, page.guardrail_version, page.category, page.stage
        epochs = [
            unit.epoch
            for unit in state.units
            if unit.epoch is not None
            and (unit.unit.guardrail, unit.unit.guardrail_version, unit.unit.category, unit.unit.stage) == stream
        ]
        learning = bool(epochs) and all(place.get(asked) in [n.signal for n in epoch.new_signals] for epoch in epochs)
        if asked not in known or learning:
            ended.append(msgspec.structs.replace(page, ended_at_ms=max(at_ms, page.detected_at_ms)))
    return ended
