"""Severity from impact: one matrix, shown with the cell that triage chose.

Functional and information impact give a severity; what takes long to recover from is one worse. r2's 3.2.6 names the
scales, r3's RS.MA N2 the factors; neither gives levels, so the matrix is Driftline's own and stands here.
"""

from __future__ import annotations

from typing import Final

from monitor.incidents.case import Case, Functional, Information, Recoverability, Verdict
from monitor.incidents.model import Severity

_W, _E, _C = Severity.warning, Severity.error, Severity.critical
MATRIX: Final[dict[Functional, dict[Information, Severity]]] = {
    Functional.none: dict(zip(Information, (_W, _E, _E, _E), strict=True)),
    Functional.low: dict(zip(Information, (_W, _E, _E, _C), strict=True)),
    Functional.medium: dict(zip(Information, (_E, _C, _C, _C), strict=True)),
    Functional.high: dict(zip(Information, (_C, _C, _C, _C), strict=True)),
}
"""functional impact x information impact -> severity."""
_SLOW: Final = frozenset({Recoverability.extended, Recoverability.not_recoverable})
_WORSE: Final = {_W: _E, _E: _C, _C: _C}
_PRIORITY: Final = {(_C, True): "P1", (_C, False): "P2", (_E, True): "P2", (_E, False): "P3"}


def severity_from(functional: Functional, information: Information, recoverability: Recoverability) -> Severity:
    """The severity that follows from the impact."""
    found = MATRIX[functional][information]
    return _WORSE[found] if recoverability in _SLOW else found


def priority_from(severity: Severity, *, going_on: bool) -> str:
    """``P1`` (now) to ``P4`` (in its turn); an ongoing incident comes before one that is over."""
    return _PRIORITY.get((severity, going_on), "P3" if going_on else "P4")


def meets_criteria(verdict: Verdict, severity: Severity, information: Information) -> bool:
    """Whether it is a *declared* incident: it is real, and severe or with information lost."""
    return verdict is Verdict.true_positive and (
        severity is not Severity.warning or information is not Information.none
    )


def shown(case: Case) -> str:
    """The matrix as text, the chosen cell in brackets."""
    columns = list(Information)
    lines = ["functional \\ information".ljust(26) + "".join(each.value.ljust(20) for each in columns)]
    for row, cells in MATRIX.items():
        chosen = [
            f"[{cells[column].value}]"
            if (row, column) == (case.functional, case.information)
            else cells[column].value
            for column in columns
        ]
        lines.append(row.value.ljust(26) + "".join(each.ljust(20) for each in chosen))
    slow = case.recoverability in _SLOW
    lines.append(f"recoverability {case.recoverability.value}: {'one worse' if slow else 'as it is'}")
    return "\n".join(line.rstrip() for line in lines)
