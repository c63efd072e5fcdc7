"""The control register: what each guardrail prohibits, by the team's own words, beside what its log shows.

A guardrail without a statement is an *undefined control*: its purpose is not written down, so nobody can judge
whether it fails. A declared threshold that the log does not use is one of the two being wrong.

    register(declared, seen) -> one Entry per guardrail, seen or declared, by name
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitor.incidents.words import plain

LONGEST: Final = 1000
"""Characters of one part of a statement."""
THRESHOLD_STEP: Final = 0.001
"""Thresholds are kept in thousandths: nearer ones are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A control statement, as the team declares it."""

    prohibits: str
    """The content that must not pass."""
    evaluated: str = ""
    """How the guardrail detects it: the classifier, the rules, the judge."""
    threshold: float | None = None
    """Threshold of the score as P(unsafe), above which it acts; None: the threshold in the log applies."""
    owner: str = ""
    """The person or team responsible for it."""


def stated(control: Control | None) -> dict[str, object] | None:
    """The statement as plain data, made safe; None where the control is undefined."""
    if control is None:
        return None
    return {
        "prohibits": plain(control.prohibits, longest=LONGEST),
        "evaluated": plain(control.evaluated, longest=LONGEST),
        "threshold": control.threshold,
        "owner": plain(control.owner, longest=LONGEST),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The log's evidence of one guardrail, in its newest stream of one version, category and stage."""

    guardrail: str
    guardrail_version: str
    category: str
    stage: str
    threshold: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A threshold in the log that is not the declared one."""

    category: str
    guardrail_version: str
    declared: float
    logged: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One guardrail in the register."""

    guardrail: str
    control: Control | None
    """None: undefined."""
    seen: bool
    """Whether the log has shown it."""
    stages: tuple[str, ...]
    categories: tuple[str, ...]
    versions: tuple[str, ...]
    thresholds: tuple[float, ...]
    """Thresholds of its newest streams, rising."""
    disagreements: tuple[Disagreement, ...]

    @property
    def in_order(self) -> bool:
        """Defined, and not contradicted by the log."""
        return self.control is not None and not self.disagreements


def register(declared: Mapping[str, Control], seen: Sequence[Seen]) -> list[Entry]:
    """Every guardrail that was seen or declared, by name."""
    names = sorted({*declared, *(each.guardrail for each in seen)})
    return [_entry(name, declared.get(name), [each for each in seen if each.guardrail == name]) for name in names]


def undefined(declared: Mapping[str, Control], names: Sequence[str]) -> list[str]:
    """Guardrails without a control statement."""
    return sorted(set(names) - set(declared))


def _entry(name: str, control: Control | None, seen: list[Seen]) -> Entry:
    wanted = None if control is None else control.threshold
    return Entry(
        guardrail=name,
        control=control,
        seen=bool(seen),
        stages=_distinct([each.stage for each in seen]),
        categories=_distinct([each.category for each in seen]),
        versions=_distinct([each.guardrail_version for each in seen]),
        thresholds=tuple(sorted({each.threshold for each in seen if each.threshold is not None})),
        disagreements=tuple(
            Disagreement(
                category=each.category,
                guardrail_version=each.guardrail_version,
                declared=wanted,
                logged=each.threshold,
            )
            for each in sorted(seen, key=lambda each: (each.category, each.guardrail_version, each.stage))
            if wanted is not None and each.threshold is not None and abs(each.threshold - wanted) >= THRESHOLD_STEP
        ),
    )


def _distinct(words: list[str]) -> tuple[str, ...]:
    return tuple(sorted({word for word in words if word}))
