"""Control statements: the purpose of each guardrail."""

from __future__ import annotations

from monitor.settings.section import Section, setting


class ControlStatement(Section):
    """The control statement of one guardrail."""

    prohibits: str = setting(
        ...,
        "content that must not pass",
        min_length=1,
        max_length=1000,
        example="instructions that make the assistant leave its task",
    )
    evaluated: str = setting(
        "", "how the guardrail detects it", max_length=1000, example="classifier on the prompt, English and German"
    )
    threshold: float | None = setting(
        None,
        "score (as P(unsafe)) from which it acts; none: the threshold in the log",
        unit="score",
        ge=0,
        le=1,
        example=0.5,
    )
    owner: str = setting("", "person or team responsible for it", max_length=200, example="trust-and-safety")
