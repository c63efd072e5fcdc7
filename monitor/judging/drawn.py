"""A finding's curve as a drawing, for pages and reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from monitor.findings.model import Unit
from monitor.incidents.words import moment, number, percent
from monitor.judging.curves import Picture
from monitor.render.over_time import Held, Line, Mark, Stretch, Wording, chart_over_time
from monitor.render.svg import Chart

ONSET: Final = "when it began"


def of_picture(picture: Picture, *, name: str, description: str, marks: Sequence[Mark] = ()) -> Chart:
    """The curve with the level that it was held to, the onset shaded, and its moments marked.

    Args:
        picture: the curve.
        name: prefix of the drawing's ids.
        description: what is to be seen in it.
        marks: more moments, such as releases.
    """
    points = [
        (picture.start_ms + (place + 0.5) * picture.step_ms, value) for place, value in enumerate(picture.values)
    ]
    held = []
    if picture.level is not None:
        label = f"held to {scale_text(picture.unit, picture.level)}"
        held.append(Held(value=picture.level, label=label))
    if picture.baseline is not None:
        label = f"normal {scale_text(picture.unit, picture.baseline)}"
        held.append(Held(value=picture.baseline, label=label, kind="normal"))
    moments = [
        Mark(at_ms=at, word=word, label=f"{word} {moment(at)}")
        for at, word in ((picture.detected_at_ms, "found"), (picture.ended_at_ms, "over"))
        if at is not None
    ]
    return chart_over_time(
        [Line(name=picture.what, points=points)],
        name=name,
        title=picture.what,
        description=description,
        wording=Wording(
            value=lambda value: scale_text(picture.unit, value),
            moment=moment,
            short_moment=lambda at: moment(at, day_of_ms=picture.start_ms),
        ),
        held=held,
        stretches=[Stretch(from_ms=picture.onset_low_ms, to_ms=picture.onset_high_ms, label=ONSET)],
        marks=[*moments, *marks],
        span_ms=(picture.start_ms, picture.start_ms + max(1, len(points)) * picture.step_ms),
    )


def scale_text(unit: Unit, value: float) -> str:
    """A value on a scale: ``2.5 %``, ``14``."""
    return percent(value) if unit is Unit.share else number(value)
