"""From scores and verdicts without a threshold to lines of ``source.thresholds``, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from detectors.learned_threshold import CannotTell, Learned, learn
from monitor.backtest.survey import Unjudged
from monitor.events.formats.mapping import NAME as MAPPING
from monitor.events.formats.reader import CANONICAL
from monitor.events.formats.thresholds import Thresholds
from monitor.settings.source import THRESHOLD


@dataclass(frozen=True, slots=True)
class Scale:
    """A vendor's scale: its number for P(unsafe) 0 and 1, and whether only whole numbers are written."""

    safe: float = 0.0
    unsafe: float = 1.0
    whole: bool = False


SCALES: Final[Mapping[str, Scale]] = {
    "azure-content-safety": Scale(0.0, 7.0, whole=True),
    "azure-openai": Scale(0.0, 3.0, whole=True),
    "cloudflare": Scale(99.0, 1.0, whole=True),
    "lakera": Scale(5.0, 1.0, whole=True),
}
"""Formats whose scale is not 0 to 1; as in the table of monitor/events/formats/README.md."""
BY_CATEGORY: Final = frozenset(
    {CANONICAL, MAPPING, "azure-content-safety", "azure-openai", "bedrock-checks", "lakera", "openai-moderation"}
)
"""Formats whose thresholds are looked up by guardrail and category; the others by guardrail alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedLine:
    """A threshold that was learned, or was not."""

    name: str
    """Guardrail, or guardrail/category."""
    line: str | None = None
    """For ``source.thresholds``; None if the log does not determine it."""
    learned: Learned | None = None
    """On P(unsafe)."""
    low: float | None = None
    high: float | None = None
    """The interval on the vendor's scale."""
    reason: str = ""
    """Why the log does not determine it; empty if it does."""


def learned_lines(seen: Iterable[Unjudged], *, given: Sequence[str] = (), highest: float = 1.0) -> list[LearnedLine]:
    """One for each stream whose scores have no threshold.

    Args:
        seen: scores and verdicts of the streams.
        given: thresholds of the settings; what they name is not learned.
        highest: upper end of the scale of ``source.mapping``.
    """
    known = Thresholds.parse(given)
    by_name: dict[str, list[Unjudged]] = {}
    for one in seen:
        by_name.setdefault(_name(one), []).append(one)
    return [
        _learned(name, streams, highest)
        for name, streams in sorted(by_name.items())
        if known.by_name.get(name) is None
    ]


def _learned(name: str, streams: Sequence[Unjudged], highest: float) -> LearnedLine:
    one = streams[0]
    if len(streams) > 1:
        return LearnedLine(
            name=name, reason=f"{len(streams)} categories share one line of {one.format}; set it by hand"
        )
    if not (one.allowed.sum() + one.adverse.sum()):
        return LearnedLine(name=name, reason="the scores come without verdicts: the threshold must come from you")
    try:
        found = learn(one.scores, one.allowed, one.adverse, level=one.level)
    except CannotTell as why:
        return LearnedLine(name=name, reason=str(why))
    scale = Scale(0.0, highest) if one.format == MAPPING else SCALES.get(one.format, Scale())
    side = ">=" if scale.unsafe > scale.safe else "<="
    value, *ends = (_on(scale, place) for place in (found.value, found.low, found.high))
    line = f"{name} {side} {_written(value, whole=scale.whole)}"
    match = THRESHOLD.fullmatch(line)
    if match is None or match[1] != name:
        return LearnedLine(name=name, reason="the name cannot be written into a line of source.thresholds")
    return LearnedLine(name=name, line=line, learned=found, low=min(ends), high=max(ends))


def _name(one: Unjudged) -> str:
    by_category = one.format in BY_CATEGORY and one.family.category
    return f"{one.family.guardrail}/{one.family.category}" if by_category else one.family.guardrail


def _on(scale: Scale, place: float) -> float:
    value = scale.safe + place * (scale.unsafe - scale.safe)
    return float(round(value)) if scale.whole and abs(value - round(value)) < 1e-6 else round(value, 6)


def _written(value: float, *, whole: bool) -> str:
    return f"{value:.0f}" if whole else f"{value:.6f}".rstrip("0").rstrip(".")
