"""A finding's curve out of characters: columns, the level that it was held to, and when."""

from __future__ import annotations

from monitor.demo.chart import block_rows
from monitor.incidents.words import moment, number
from monitor.judging.curves import Picture

ROWS = 5
LABEL = 8


def lines(picture: Picture) -> list[str]:
    """The picture, top line first; at most 70 columns."""
    values = [value or 0.0 for value in picture.values]
    top = max([*values, picture.level or 0.0, 1e-12]) * 1.02
    rows = block_rows([value / top for value in values], rows=ROWS)
    labels = [""] * ROWS
    labels[0], labels[-1] = number(top), "0"
    if picture.level is not None:
        at = min(ROWS - 1, max(0, ROWS - 1 - int(picture.level / top * ROWS)))
        rows[at] = rows[at].replace(" ", "┄")
        labels[at] = number(picture.level)
    drawn = [f"{label:>{LABEL}} {row}" for label, row in zip(labels, rows, strict=True)]
    marks = [" "] * len(values)
    said = []
    for at_ms, mark, what in (
        (picture.onset_low_ms, "^", "began"),
        (picture.detected_ms, "!", "told"),
        (picture.ended_ms, "|", "over"),
    ):
        if at_ms is None:
            continue
        place = (at_ms - picture.start_ms) // picture.step_ms
        if 0 <= place < len(marks):
            marks[place] = mark
        said.append(f"{mark} {what} {moment(at_ms, day_of_ms=picture.onset_low_ms)}")
    held = f"; ┄ held to {number(picture.level)}" if picture.level is not None else ""
    return [
        f"{'':>{LABEL}} {picture.what}, {_step(picture.step_ms)} a column{held}",
        *drawn,
        f"{'':>{LABEL}} {''.join(marks)}",
        f"{'':>{LABEL}} {'  '.join(said)}",
    ]


def _step(step_ms: int) -> str:
    seconds = step_ms / 1000
    return (
        f"{seconds:g} s"
        if seconds < 120
        else f"{seconds / 60:.3g} min"
        if seconds < 7200
        else f"{seconds / 3600:.3g} h"
    )
