"""The demo without a live terminal: one line for each thing that changed, or JSON lines for scripts."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from monitor.demo.state import DemoState, Evidence

_MILESTONES = (0.25, 0.5, 0.75, 1.0)  # of an evidence's threshold; each is told once, when first reached


class Narrator:
    """Prints a run of states as lines; each thing once.

    Told are: a phase begins, evidence first reaches a quarter, half, three quarters or all of its threshold, a page,
    an incident.
    """

    def __init__(self) -> None:
        self._last: DemoState | None = None
        self._reached: dict[str, float] = {}

    def tell(self, state: DemoState) -> Iterator[str]:
        """Lines for what is new in `state`; none if nothing notable is."""
        last, self._last = self._last, state
        if last is None or last.step != state.step:
            yield f"{state.clock}  phase {state.step}: {state.message}"
        for test in state.evidence:
            milestone = _milestone(test)
            if milestone > self._reached.get(test.name, 0.0):
                self._reached[test.name] = milestone
                yield (
                    f"{state.clock}  evidence {test.name}: {test.log_evidence:.1f} of {test.log_threshold:.1f},"
                    f" {milestone:.0%} of the threshold"
                )
        if state.page is not None and (last is None or last.page != state.page):
            yield f"{state.clock}  PAGE {state.page.title}: {state.page.detail}, {state.page.after}"
        if state.incident is not None and (last is None or last.incident != state.incident):
            incident = state.incident
            yield f"{state.clock}  {incident.name} ({incident.severity}) {incident.address}"


def json_line(state: DemoState) -> str:
    """The state as one line of JSON, with the field names of `DemoState`; a number that is not finite is null."""
    return msgspec.json.encode(state, enc_hook=float).decode()  # numpy's floats are not msgspec's


def _milestone(test: Evidence) -> float:
    """Largest milestone that the evidence has reached; 0 below the first."""
    if not test.log_threshold > 0:
        return 0.0
    reach = test.log_evidence / test.log_threshold
    return max((milestone for milestone in _MILESTONES if reach >= milestone), default=0.0)
