"""The life of a finding, written once: raised, continued or upgraded, ended.

```
             raised                        end                    again within reopen_ms
  nothing ----------> open (under an id) ------> ended, remembered ----------------------> open, the same id
              `- a notice of the same change a moment ago: the page takes its id and its moment
```

What is over at once (an any-change notice, a new slice, another mix) is a moment, not a state: it has no case and no
end, and only waits for a page that may take its id.
"""

from __future__ import annotations

import msgspec

from monitor.findings.model import Finding, Kind


class Case(msgspec.Struct, kw_only=True):
    """One thing that can be wrong, and what has been reported of it. Part of the judge's snapshot."""

    open: Finding | None = None
    """The finding as reported last; None while nothing is wrong."""
    last: Finding | None = None
    """The one that ended last."""

    def raise_(self, found: Finding, *, reopen_ms: int, notice: Finding | None = None) -> Finding:
        """It is wrong: opens the case and returns the finding to report.

        Args:
            found: as seen now.
            reopen_ms: a case that ended no longer ago than this goes on under its id: lulls would split one attack
                into many.
            notice: a notice of the same change, if there was one lately.
        """
        self.open = self._continued(found, reopen_ms) or _taken_over(notice, found, reopen_ms) or found
        return self.open

    def update(self, found: Finding) -> Finding:
        """The open finding, seen better; its id and the moment of its detection stay."""
        if self.open is None:
            raise AssertionError("nothing is open that could be updated")
        if self.open.kind is Kind.notice and found.kind is Kind.page:
            found = upgraded(self.open, found)
        self.open = found
        return found

    def end(self, at_ms: int) -> list[Finding]:
        """It is over, at this moment of event time; a list of one finding, or of none if nothing was open."""
        if self.open is None:
            return []
        ended = msgspec.structs.replace(self.open, ended_at_ms=at_ms)
        self.open, self.last = None, ended
        return [ended]

    def recent(self, at_ms: int, reopen_ms: int) -> bool:
        """Whether it ended so shortly before ``at_ms`` that the next one is the same."""
        return self.last is not None and at_ms - (self.last.ended_at_ms or 0) <= reopen_ms

    def _continued(self, found: Finding, reopen_ms: int) -> Finding | None:
        last = self.last
        if last is None or not self.recent(found.detected_at_ms, reopen_ms):
            return None
        if (last.question, last.kind) != (found.question, found.kind):
            return None  # a fall after a rise, or a rule that pages by now
        return msgspec.structs.replace(
            last,
            ended_at_ms=None,
            stratum=found.stratum,
            effect=found.effect,
            evidence=found.evidence,
            attribution=found.attribution,
            tells=found.tells,
        )


def upgraded(notice: Finding, page: Finding) -> Finding:
    """The page under the notice's id and moment; its onset is never later, even if its own excursion is."""
    onset = notice if page.onset_low_ms >= notice.detected_at_ms else page
    return msgspec.structs.replace(
        page,
        id=notice.id,
        detected_at_ms=notice.detected_at_ms,
        onset_low_ms=onset.onset_low_ms,
        onset_high_ms=min(onset.onset_high_ms, notice.detected_at_ms),
    )


def _taken_over(notice: Finding | None, page: Finding, reopen_ms: int) -> Finding | None:
    """A notice of the same change becomes the page."""
    if notice is None:
        return None
    recent = page.detected_at_ms - notice.detected_at_ms <= reopen_ms
    return upgraded(notice, page) if recent or notice.detected_at_ms > page.onset_low_ms else None
