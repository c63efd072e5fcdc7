"""The live terminal view: calm while all is well, unmistakable when it is not.

`render` turns a state into something that `rich` prints, at any width from 60 columns; 80 x 24 is what it is drawn
for. Colour only repeats what shape and words already say, so nothing is lost with NO_COLOR, and a terminal without
Unicode gets plain characters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.panel import Panel
from rich.text import Text

from monitor.demo.chart import EIGHTHS, block_rows, log_heights, marked_bar, stretch
from monitor.demo.state import DemoState, Evidence, Histogram, Step

LINES = 22  # the height, always: nothing jumps while the view is live
_CALM, _WARM, _HOT, _QUIET = "cyan", "yellow", "bold red", "bright_black"
_RECENT_ROWS, _BASELINE_ROWS = 4, 2
_EVIDENCE_LINES = 4  # of more tests the strongest are shown
_MARK_AT = 0.8  # the threshold's place in an evidence bar
_GUTTER = 10  # columns left of the histogram, for the word "baseline"
_ASCII = str.maketrans("━─┃┊▲●✓○·×…" + EIGHTHS, "=-|:^*+o.x~" + " ..::++##")


def render(state: DemoState) -> RenderableType:
    """The whole view of one state, `LINES` lines high."""
    return _View(state)


@dataclass(frozen=True, slots=True)
class _View:
    state: DemoState

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        lines = list(_lines(self.state, width=width))
        for line in lines:
            line.truncate(width, overflow="ellipsis")  # a wrapped line would make the view jump
        banner = list(_banner(self.state))
        for line in banner:
            line.truncate(max(0, width - 4), overflow="ellipsis")
        if options.ascii_only:
            for line in (*lines, *banner):
                line.plain = line.plain.translate(_ASCII).encode("ascii", "replace").decode()
        yield from lines
        paged = self.state.page is not None
        yield Panel(
            Text("\n").join(banner),
            box=box.HEAVY if paged else box.ROUNDED,
            border_style=_HOT if paged else _QUIET,
            width=width,
        )


def _lines(state: DemoState, *, width: int) -> Iterator[Text]:
    """Everything above the banner: 17 lines."""
    yield _sides(
        Text(" Driftline demo", "bold"), Text(f"{state.clock} · time × {state.speed:g} ", _QUIET), width=width
    )
    yield _steps(state.steps, current=state.step)
    counted = Text(f"{state.events:,} events · {state.events_per_second:,.0f}/s ", _QUIET)
    yield _sides(Text(f" {state.message}"), counted, width=width)
    yield from _histogram(state.histogram, width=width)
    yield _title("evidence of a material change, logarithmic; at the mark it pages", width=width)
    yield from _evidence(state.evidence, width=width)


def _steps(steps: Sequence[Step], *, current: str) -> Text:
    line = Text(" ")
    for i, step in enumerate(steps):
        if i:
            line.append(" ── ", _QUIET)
        if step.done >= 1.0:
            line.append(f"✓ {step.name}", _QUIET)
        elif step.name == current:
            line.append(f"● {step.name} {math.floor(100 * step.done)} %", "bold")
        else:
            line.append(f"○ {step.name}", _QUIET)
    return line


def _histogram(histogram: Histogram | None, *, width: int) -> Iterator[Text]:
    """Title, the recent rows, the baseline's rows, the axis and the shares near the threshold: 9 lines."""
    if histogram is None:
        yield _title("scores", width=width)
        yield from (Text() for _ in range(_RECENT_ROWS + _BASELINE_ROWS + 2))
        return
    yield _title(
        f"{histogram.guardrail}: scores of the last {histogram.recent_events:,} events, logarithmic", width=width
    )
    room = width - _GUTTER - 2
    charts = (("now", histogram.recent, _RECENT_ROWS), ("baseline", histogram.baseline, _BASELINE_ROWS))
    for label, shares, rows in charts:
        drawn = block_rows(stretch(log_heights(shares), width=room), rows=rows)
        for row, cells in enumerate(drawn):
            yield _histogram_row(label if row == rows - 1 else "", cells, histogram=histogram, quiet=rows == 2)
    columns = len(stretch(histogram.recent, width=room))
    yield _axis(histogram.threshold, columns=columns)
    yield _near(histogram)


def _histogram_row(label: str, cells: str, *, histogram: Histogram, quiet: bool) -> Text:
    line = Text(f" {label:<{_GUTTER - 1}}", _QUIET)
    at_threshold = _column(histogram.threshold, columns=len(cells))
    for i, cell in enumerate(cells):
        near = abs((i + 0.5) / len(cells) - histogram.threshold) <= histogram.near
        if cell == " " and i == at_threshold:
            line.append("┊", _QUIET)
        else:
            line.append(cell, _QUIET if quiet else _WARM if near else _CALM)
    return line


def _axis(threshold: float, *, columns: int) -> Text:
    at = _column(threshold, columns=columns)
    words = f"▲ threshold {threshold:g}"
    line = Text(" " * _GUTTER + "0" + " " * max(0, at - 1), _QUIET)
    line.append(words)
    line.append("1".rjust(columns - at - len(words)) if columns - at > len(words) + 1 else "", _QUIET)
    return line


def _near(histogram: Histogram) -> Text:
    before = "still learning" if histogram.baseline_near is None else f"{histogram.baseline_near:.1%}"
    crowded = histogram.baseline_near is not None and histogram.recent_near > 2 * histogram.baseline_near + 0.01
    line = Text(" " * _GUTTER + f"within {histogram.near:g} of it: ")
    line.append(f"{histogram.recent_near:.1%} now", f"bold {_WARM}" if crowded else "bold")
    return line.append(f", baseline {before}", _QUIET)


def _evidence(evidence: Sequence[Evidence], *, width: int) -> Iterator[Text]:
    shown = list(evidence)
    if len(shown) > _EVIDENCE_LINES:
        strongest = sorted(shown, key=lambda test: -_reach(test))[:_EVIDENCE_LINES]
        shown = [test for test in shown if test in strongest]
    name_width = max(20, min(36, width // 2 - 4))
    for test in shown:
        reach = _reach(test)
        style = _HOT if reach >= 1.0 else _WARM if reach >= 0.5 else _CALM
        head, gap, mark, over = marked_bar(reach, width=width - name_width - 16, mark_at=_MARK_AT)
        line = Text(f" {_clip(test.name, width=name_width):<{name_width}} ")
        line.append(head, style).append(gap, _QUIET).append(mark, "bold").append(over, style)
        line.append(f" {_at_most(test.log_evidence):5.1f}", style if reach >= 0.5 else "")
        yield line.append(f" / {_at_most(test.log_threshold):4.1f}", _QUIET)
    if not shown:
        yield Text(" begins when there is a baseline", _QUIET)
    yield from (Text() for _ in range(_EVIDENCE_LINES - max(1, len(shown))))


def _reach(test: Evidence) -> float:
    """Evidence in units of its threshold."""
    return test.log_evidence / test.log_threshold if test.log_threshold > 0 else math.nan


def _at_most(value: float) -> float:
    """A number that fits into the column: e^999.9 is all the evidence in the world."""
    return min(999.9, max(0.0, value)) if not math.isnan(value) else 0.0


def _banner(state: DemoState) -> Iterator[Text]:
    """Three lines."""
    if state.page is None:
        yield Text("All calm: nothing to page anybody for.")
        yield Text(f"Promise in force: {state.promise}.", _QUIET)
        yield Text()
        return
    yield Text(f"PAGE  {state.page.title}", _HOT)
    yield Text(f"{state.page.detail}, {state.page.after}")
    if state.incident is None:
        yield Text("opening an incident", _QUIET)
    else:
        incident = state.incident
        yield Text(f"{incident.name} ({incident.severity}) ").append(incident.address, "underline")


def _title(words: str, *, width: int) -> Text:
    words = _clip(words, width=width - 6)
    line = Text("── ", _QUIET).append(words, "default")
    return line.append(" " + "─" * (width - len(words) - 4), _QUIET)


def _sides(left: Text, right: Text, *, width: int) -> Text:
    """One line with something at either end; the left gives way."""
    left.truncate(max(0, width - len(right) - 1), overflow="ellipsis", pad=True)
    return left.append(" ").append_text(right)


def _clip(words: str, *, width: int) -> str:
    return words if len(words) <= width else words[: max(0, width - 1)] + "…"


def _column(score: float, *, columns: int) -> int:
    return min(columns - 1, max(0, int(score * columns))) if columns else 0
