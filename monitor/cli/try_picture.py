"""A finding's curve out of characters: columns, the level that it was held to, and when."""

from __future__ import annotations

from monitor.cli.wrapping import wrapped
from monitor.demo.chart import block_rows
from monitor.incidents.words import moment
from monitor.judging.curves import Picture
from monitor.judging.drawn import scale_text

ROWS = 5
LABEL = 8


def lines(picture: Picture, *, width: int = 80) -> list[str]:
    """The picture, top line first; at most ``width`` columns, of which it uses 70."""
    values = [value or 0.0 for value in picture.values]
    line = picture.baseline if picture.level is None else picture.level
    top = max([*values, line or 0.0, 1e-12])
    rows = block_rows([value / top for value in values], rows=ROWS)
    labels = [""] * ROWS
    labels[0], labels[-1] = level_text(picture, top), level_text(picture, 0.0)
    if line is not None:
        at = min(ROWS - 1, max(0, ROWS - 1 - int(line / top * ROWS)))
        rows[at] = rows[at].replace(" ", "┄")
        labels[at] = level_text(picture, line)
    drawn = [f"{label:>{LABEL}} {row}" for label, row in zip(labels, rows, strict=True)]
    marks = [" "] * len(values)
    moments = []
    for at_ms, mark, what in (
        (picture.onset_low_ms, "^", "began"),
        (picture.detected_at_ms, "!", "found"),
        (picture.ended_at_ms, "|", "over"),
    ):
        if at_ms is None:
            continue
        place = (at_ms - picture.start_ms) // picture.step_ms
        if 0 <= place < len(marks):
            marks[place] = mark
        moments.append(f"{mark} {what} {moment(at_ms, day_of_ms=picture.onset_low_ms)}")
    name = "normal" if picture.level is None else "held to"
    held = "" if line is None else f"; ┄ {name} {level_text(picture, line)}"
    text = [
        *wrapped(f"{picture.what}, {_step(picture.step_ms)} a column{held}", width, indent=LABEL + 1),
        *drawn,
        f"{'':>{LABEL}} {''.join(marks)}",
        f"{'':>{LABEL}} {'  '.join(moments)}",
    ]
    return [line.rstrip() for line in text]


def level_text(picture: Picture, value: float) -> str:
    """A value of the curve with its unit."""
    return scale_text(picture.unit, value)


def _step(step_ms: int) -> str:
    seconds = step_ms / 1000
    return (
        f"{seconds:g} s"
        if seconds < 120
        else f"{seconds / 60:.3g} min"
        if seconds < 7200
        else f"{seconds / 3600:.3g} h"
    )
