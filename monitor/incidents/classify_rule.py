"""One line of the table by which incidents are classified, and what it sees of a finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from monitor.findings.model import IncidentType

Names = tuple[str, ...]
"""Patterns of ``signal/question``, as for :func:`fnmatch.fnmatchcase`."""


@dataclass(frozen=True, slots=True)
class Fired:
    """The facts of one finding that rules use."""

    name: str
    """``signal/question``."""
    page: bool
    stage: str
    size: float
    """The relative change: the larger of current / baseline and its inverse; infinite from or to zero."""
    change: float
    """The absolute difference."""
    by_mix: bool
    """Whether mostly the traffic's mix explains it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the table.

    Attributes:
        name: unique.
        trouble: the type.
        sentence: why, for the person who is paged.
        any_of: at least one of these has fired.
        also_any_of: and at least one of these, at one of ``also_stages`` (None: at any).
        none_of: and none of these.
        weighed: these count for ``also_any_of`` and ``none_of`` only if they moved, as a share of the requests, at
            least as much as what ``any_of`` names: three requests in a hundred of another kind explain no seven.
        no_page_but: no page has fired but of these; None: no condition.
        behaves: no notice has fired that the mix of the traffic does not explain, but of these; None: no condition.
        outgrows: what any_of names moved at least as much as what fired of these.
        paged: only pages count for ``any_of``.
        stages: at which ``any_of`` counts; None: at any.
    """

    name: str
    trouble: IncidentType
    sentence: str
    any_of: Names
    also_any_of: Names = ()
    also_stages: frozenset[str] | None = None
    none_of: Names = ()
    weighed: Names = ()
    no_page_but: Names | None = None
    behaves: Names | None = None
    outgrows: Names = ()
    paged: bool = False
    stages: frozenset[str] | None = None

    def fits(self, fired: Sequence[Fired]) -> bool:
        """Whether all its conditions hold."""
        asked = [
            each
            for each in fired
            if (self.stages is None or each.stage in self.stages) and (each.page or not self.paged)
        ]
        heavy = self._heavy(fired, asked)
        also = [each for each in heavy if self.also_stages is None or each.stage in self.also_stages]
        return (
            _any(asked, self.any_of)
            and (not self.also_any_of or _any(also, self.also_any_of))
            and not _any(heavy, self.none_of)
            and (self.no_page_but is None or not any(f.page and not _is(f, self.no_page_but) for f in fired))
            and (self.behaves is None or all(f.page or f.by_mix or _is(f, self.behaves) for f in fired))
            and (not self.outgrows or _size(asked, self.any_of) >= _size(fired, self.outgrows))
        )

    def _heavy(self, fired: Sequence[Fired], asked: Sequence[Fired]) -> Sequence[Fired]:
        least = max((each.change for each in asked if _is(each, self.any_of)), default=0.0)
        return [each for each in fired if each.change >= least or not _is(each, self.weighed)]


def _is(fired: Fired, names: Names) -> bool:
    return any(fnmatchcase(fired.name, name) for name in names)


def _any(fired: Iterable[Fired], names: Names) -> bool:
    return any(_is(each, names) for each in fired)


def _size(fired: Iterable[Fired], names: Names) -> float:
    return max((each.size for each in fired if _is(each, names)), default=0.0)
