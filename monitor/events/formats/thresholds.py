"""Decision thresholds that the settings give, for scores whose records carry none.

Written as one line each: ``azure-content-safety/violence >= 4`` (unsafe from 4 on), ``relevance <= 0.7`` (unsafe up
to .7). The name is a guardrail's, or guardrail/category; the number is on the vendor's own scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from monitor.settings.source import THRESHOLD


@dataclass(frozen=True, slots=True)
class Threshold:
    """``value`` on the vendor's scale; ``low_is_unsafe``: whether scores below it are unsafe."""

    value: float
    low_is_unsafe: bool = False


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds by ``guardrail/category`` or ``guardrail``; the former goes first."""

    by_name: dict[str, Threshold] = field(default_factory=dict)

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Thresholds:
        """Parses lines like ``guardrail/category >= number``.

        Raises:
            ValueError: a line is not of that form, or two are about the same name.
        """
        found: dict[str, Threshold] = {}
        for line in lines:
            match = THRESHOLD.fullmatch(line)
            if match is None:
                raise ValueError(f"{line[:80]!r} is not of the form: guardrail/category >= number (or <=)")
            name, side, number = match.groups()
            if name in found:
                raise ValueError(f"{name[:80]!r} is given twice")
            found[name] = Threshold(float(number), low_is_unsafe=side == "<=")
        return cls(found)

    def of(self, guardrail: str | None, category: str | None = None) -> Threshold | None:
        """The threshold of a stream, if there is one."""
        if not self.by_name or guardrail is None:
            return None
        exact = self.by_name.get(f"{guardrail}/{category}") if category else None
        return exact or self.by_name.get(guardrail)

    def scaled(
        self, guardrail: str | None, category: str | None, *, low: float = 0.0, high: float = 1.0
    ) -> float | None:
        """The threshold's place between the ends of the vendor's scale, 0 to 1; None if there is none, or off it."""
        known = self.of(guardrail, category)
        if known is None:
            return None
        place = (known.value - low) / (high - low)
        return place if math.isfinite(place) and 0.0 <= place <= 1.0 else None
