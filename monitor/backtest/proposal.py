"""Settings proposed for a log, each with its reason; minimal, and accepted by ``driftline config check``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import yaml

from detectors.level import FLOOR, LEARNING_EVENTS, LEARNING_MASS
from monitor.backtest.learn_thresholds import LearnedLine
from monitor.backtest.survey import FormatSeen, Stream
from monitor.counts.model import Slice
from monitor.events.formats.explain import UNREADABLE
from monitor.events.formats.mapping import NAME as MAPPING
from monitor.incidents.words import plain
from monitor.judging.baselines import BaselineView
from monitor.settings.model import Settings
from monitor.wiring.decoding import AUTO

MONITORED: Final = 4
"""A baseline takes at most one part in so many of a log: what is learned from is not judged."""
ROUND_TO: Final = 100


class Seen(Protocol):
    """The subject of the reasons about a stream."""

    @property
    def stream(self) -> Stream:
        """The observed figures."""

    @property
    def baseline(self) -> BaselineView | None:
        """The proposed level and limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Settings to begin with.

    Attributes:
        settings: minimal tree, as in the file.
        reasons: (setting, why).
    """

    settings: Mapping[str, Any]
    reasons: Sequence[tuple[str, str]]

    def text(self) -> str:
        """The proposal as a settings file, each reason above its setting."""
        lines = ["# Proposed by driftline try; every other setting has its default: driftline config example"]
        for name, why in self.reasons:
            lines.append(f"# {name}: {plain(why, longest=400)}")
        return (
            "\n".join(lines) + "\n" + str(yaml.safe_dump(dict(self.settings), sort_keys=False, allow_unicode=False))
        )


def baseline_events(settings: Settings, known: Mapping[Slice, BaselineView], streams: Iterable[Stream]) -> int:
    """The number of events for a baseline: enough to show the rarest question's events often.

    At least what is set, and at most one part in :data:`MONITORED` of the smallest stream that has a baseline. Rates
    below the floor that every level is raised by gain nothing from more events.
    """
    least = settings.baseline.events
    rates = [
        min(level.rate, 1 - level.rate)
        for view in known.values()
        for level in view.levels
        if level.rate is not None and level.rate >= FLOOR and 1 - level.rate >= FLOOR
    ]
    room = [stream.events // MONITORED for stream in streams if stream.unit in known]
    if not rates or not room:
        return least
    wanted = LEARNING_MASS / min(rates)
    affordable = min(room) // ROUND_TO * ROUND_TO
    return max(least, min(int(-(-wanted // ROUND_TO) * ROUND_TO), affordable))


def propose(
    settings: Settings,
    streams: Sequence[Seen],
    *,
    learned: Sequence[LearnedLine],
    formats: Mapping[str, FormatSeen],
    span: tuple[int, int] | None,
    proposed: str = "",
) -> Proposal:
    """The settings to begin with, out of those that the log was judged by.

    Args:
        settings: by which it was judged.
        streams: of the log.
        learned: thresholds.
        formats: of the records.
        span: from when to when, epoch milliseconds.
        proposed: where the mapping comes from, if nobody has set it.
    """
    reasons = [
        ("source.format", _format_reason(settings, formats, proposed)),
        *(("source.thresholds", _learned_reason(one)) for one in learned if one.line is not None),
        ("baseline", _baseline_reason(settings, streams)),
        ("budget", _budget_reason(settings, streams, span)),
    ]
    source: dict[str, Any] = _given(settings.source)
    source["format"] = _format(settings, formats)
    tree: dict[str, Any] = {"source": source}
    for name in ("ticks", "baseline", "limits", "rules"):
        if found := _given(getattr(settings, name)):
            tree[name] = found
    default = type(settings.baseline)().events
    if settings.baseline.events != default:
        tree.setdefault("baseline", {})["events"] = settings.baseline.events
    elif "baseline" in tree and tree["baseline"].get("events") == default:
        del tree["baseline"]["events"]
    tree = {name: section for name, section in tree.items() if section}
    budget = settings.budget
    tree["budget"] = {"pages": _number(budget.pages), "per": budget.per}
    if "notices" in budget.model_fields_set or "notices_per" in budget.model_fields_set:
        tree["budget"] |= {"notices": _number(budget.notices), "notices_per": budget.notices_per}
    return Proposal(settings=tree, reasons=reasons)


def only_format(formats: Mapping[str, FormatSeen]) -> str | None:
    """The one format that every record is of, if there is one."""
    names = [name for name, seen in formats.items() if seen.records]
    return names[0] if len(names) == 1 and names[0] != UNREADABLE else None


def _format(settings: Settings, formats: Mapping[str, FormatSeen]) -> str:
    only = only_format(formats)
    if settings.source.format != AUTO or only is None:
        return settings.source.format
    if settings.source.mapping is not None and only != MAPPING:
        return AUTO
    return only


def _format_reason(settings: Settings, formats: Mapping[str, FormatSeen], proposed: str) -> str:
    mapping = settings.source.mapping
    if settings.source.format == MAPPING and mapping is not None:
        if proposed and mapping.verdicts is None and all(name == said for name, said in mapping.expressions.items()):
            return f"{proposed}: all have the canonical names; with v: 1 in each record no mapping is needed"
        fields = f"the mapping is {proposed}" if proposed else "the fields of source.mapping"
        return f"{fields}; check them, above all that a high score means unsafe"
    if settings.source.format != AUTO:
        return "as given"
    only = only_format(formats)
    if only is not None:
        return f"every record is {only}: {formats[only].why}"
    read = [name for name, seen in formats.items() if seen.records and name != UNREADABLE]
    if not read:
        return "no record could be read; name the format, or map the fields with source.mapping"
    return f"{', '.join(read)} in one log" if len(read) > 1 else f"most records are {read[0]}, some cannot be read"


def _learned_reason(one: LearnedLine) -> str:
    found = one.learned
    if found is None or one.low is None or one.high is None:
        raise AssertionError("a line without what was learned")
    return (
        f"{_quoted(one.name)} learned from {found.allowed:,} allowed and {found.adverse:,} adverse verdicts; "
        f"{found.confidence:.0%} interval {one.low:.4g} to {one.high:.4g}; it contradicts {found.contradicting:,}"
    )


def _quoted(name: str) -> str:
    return " ".join(name.split())[:120]


def _baseline_reason(settings: Settings, streams: Sequence[Seen]) -> str:
    events = settings.baseline.events
    why = "the fewest for which the proposed levels kept their promise at base rates down to .4 %"
    if events > LEARNING_EVENTS:
        short = sum(1 for one in streams if one.stream.events < MONITORED * events)
        why = f"enough to see the rarest events {LEARNING_MASS:.0f} times, and no more than a quarter of any stream"
        if short:
            why = f"as given; {short} of {len(streams)} streams have fewer than {MONITORED} times as many here"
    if events < LEARNING_EVENTS:
        why = f"as given; below {LEARNING_EVENTS:,} the levels are wide guesses"
    known = sum(1 for one in streams if one.baseline is not None)
    return f"the first {events:,} events of each stream whose halves agree; {why}. {known} streams have one"


def _budget_reason(settings: Settings, streams: Sequence[Seen], span: tuple[int, int] | None) -> str:
    budget = settings.budget
    expected = ""
    if span is not None:
        false = budget.pages * (span[1] - span[0]) / 1000 / budget.page_period_s
        expected = f"; on average at most {false:.2g} of them in a log as long as this one"
    smallest = sorted(
        level.minimum_detectable
        for one in streams
        if one.baseline is not None
        for level in one.baseline.levels
        if level.minimum_detectable is not None and level.direction == "rise"
    )
    shown = ""
    if smallest:
        shown = f"; the typical question would find a rise to {smallest[len(smallest) // 2]:.2g} within a day"
    return f"{budget.pages:g} false page a {budget.per} over all streams together{expected}{shown}"


def _given(section: Any) -> dict[str, Any]:
    """The given settings of a section, as they stand in a file."""
    plain: dict[str, Any] = {}
    for name in type(section).model_fields:
        if name not in section.model_fields_set:
            continue
        value = getattr(section, name)
        if hasattr(type(value), "model_fields"):
            if inner := _given(value):
                plain[name] = inner
        elif value is not None:
            plain[name] = _plain(value)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return _number(value)
    return str(value)


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value
