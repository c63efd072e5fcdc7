"""The forms of acts, read off what each act needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitor.incidents.case import PHASES, Case, Phase
from monitor.web.acts import IncidentAct

MINUTES: Final = (30, 60, 120, 240, 480, 1_440, 2_880, 10_080)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of a form.

    Attributes:
        kind: ``text``, ``area``, ``choice``, ``number`` or ``several``.
        options: of a choice, value and words.
    """

    name: str
    label: str
    kind: str
    required: bool
    options: Sequence[tuple[str, str]] = ()


def fields_of(act: IncidentAct, case: Case, findings: Sequence[tuple[str, str]]) -> list[FormField]:
    """The form of an act.

    Args:
        act: which.
        case: its next phase is offered first.
        findings: id and words of those that may be split off.
    """
    fields = []
    for name, info in act.body.model_fields.items():
        kind, options = "text", list[tuple[str, str]]()
        if name == "until":
            continue  # a form says for how long
        if name == "minutes":
            kind, options = "choice", [(str(each), length_words(each)) for each in MINUTES]
        elif name == "findings":
            kind, options = "several", list(findings)
        elif name == "text":
            kind = "area" if info.is_required() else "text"
        elif name == "into":
            kind = "number"
        elif isinstance(info.annotation, type) and issubclass(info.annotation, StrEnum):
            kind, options = "choice", _choices(info.annotation, case)
        required = info.is_required() or name == "minutes"
        fields.append(FormField(name=name, label=info.title or name, kind=kind, required=required, options=options))
    return fields


def _choices(values: type[StrEnum], case: Case) -> list[tuple[str, str]]:
    every = [(each.value, each.value.replace("_", " ")) for each in values]
    if values is not Phase:
        return every
    here = PHASES.index(case.phase)
    following = every[here + 1 : here + 2]
    return following + every[:here]


def length_words(minutes: int) -> str:
    """``30 minutes``, ``2 hours``, ``7 days``."""
    if minutes < 60:
        return f"{minutes} minutes"
    if minutes < 1_440:
        return f"{minutes // 60} hour{'s' if minutes >= 120 else ''}"
    return f"{minutes // 1_440} day{'s' if minutes >= 2_880 else ''}"
