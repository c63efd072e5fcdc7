"""Units and strata: the two halves of a slice, and their names for people."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from monitor.counts.model import Slice
from monitor.findings.model import EVERY_GUARDRAIL
from monitor.signals.signal import ALL

NONE_OF_THEM: Final = "(none)"
"""The stratum of slices that carry none of the fields."""
WHOLE: Final = "(whole)"
"""Category of the unit that holds a guardrail's events whatever their fields say; see :func:`whole_of`."""
REST: Final = "(rest)"
"""The stratum that pools what has too little baseline to stand on its own, and what was never seen."""


def unit_of(piece: Slice) -> Slice:
    """The slice without its stratum: one stream in one epoch of version, threshold and score semantics."""
    return dataclasses.replace(piece, language="", app="", model="", model_version="", format="")


def family_of(unit: Slice) -> Slice:
    """The unit without its fields about scores."""
    return dataclasses.replace(unit, score_kind="", semantics="", threshold_milli=-1)


def whole_of(guardrail: str) -> Slice:
    """The unit of all of a guardrail's events: every version, category, stage, threshold and kind of score.

    A request may influence any of those, and with it which unit counts it; it is always counted here, too.
    """
    return dataclasses.replace(Slice.of_guardrail(guardrail), category=WHOLE)


def whole_that_counts(piece: Slice) -> Slice | None:
    """The guardrail as a whole that counts a slice's events; None for slices that hold none."""
    return None if piece.category in (ALL, WHOLE) else whole_of(piece.guardrail)


RECORDS: Final = whole_of(EVERY_GUARDRAIL)
"""The log as a whole: the slice and unit of the records of all guardrails."""


def is_whole(unit: Slice) -> bool:
    """Whether it is a guardrail as a whole."""
    return unit.category == WHOLE


def is_scoreless(piece: Slice) -> bool:
    """Whether its events carry no score: of a guardrail without scores, or of one that did not run."""
    return not piece.score_kind


def slices_counted_with(unit: Slice, slices: Mapping[int, Slice]) -> dict[int, Slice]:
    """The slices whose events are a unit's: its own, and those of its family that carry no score.

    A guardrail that fails has no score to log, and often no threshold; that it failed must still count against the
    stream that it belongs to, or failing open would look like a stream of its own that has always failed. A
    guardrail as a whole counts all that is the guardrail's.
    """
    if is_whole(unit):
        return {
            number: piece for number, piece in slices.items() if unit in (unit_of(piece), whole_that_counts(piece))
        }
    family = family_of(unit)
    return {
        number: piece
        for number, piece in slices.items()
        if unit_of(piece) == unit or (is_scoreless(piece) and family_of(unit_of(piece)) == family)
    }


def stratum_of(piece: Slice) -> str:
    """The stratum's name, such as ``language=en app=chat``; empty where the slice carries none of the fields."""
    fields = ("language", "app", "model", "model_version", "format")
    return " ".join(f"{name}={value}" for name in fields if (value := getattr(piece, name))) or NONE_OF_THEM


def asker_of(piece: Slice) -> str:
    """The kind of request, such as ``language=en app=chat``: the stratum without the model."""
    fields = ("language", "app", "format")
    return " ".join(f"{name}={value}" for name in fields if (value := getattr(piece, name))) or NONE_OF_THEM
