"""What each guardrail is for."""

from __future__ import annotations

from monitor.settings.section import Section, setting


class ControlStatement(Section):
    """The control statement of one guardrail."""

    prohibits: str = setting(
        ...,
        "what must not pass",
        min_length=1,
        max_length=1000,
        example="instructions that make the assistant leave its task",
    )
    evaluated: str = setting(
        "", "how that is found out", max_length=1000, example="classifier on the prompt, English and German"
    )
    threshold: float | None = setting(
        None,
        "score (as P(unsafe)) from which it acts; none: whatever the log says",
        unit="score",
        ge=0,
        le=1,
        example=0.5,
    )
    owner: str = setting("", "who answers for it", max_length=200, example="trust-and-safety")
