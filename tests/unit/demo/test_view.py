"""The view keeps its size, says what matters in words, and works without colour or Unicode."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from monitor.demo.chart import block_rows, log_heights, marked_bar, stretch
from monitor.demo.state import HISTOGRAM_BINS, DemoState, Evidence, Histogram, Incident, Page, Step
from monitor.demo.view import LINES, render

LEARNING = DemoState(
    clock="simulated 09:41:20",
    speed=60,
    steps=(Step("baseline", 0.4), Step("normal", 0.0), Step("probing", 0.0)),
    message="Learning what normal looks like.",
    events=1_600,
    events_per_second=243.4,
    promise="at most one false page a month",
)
_SHARES = tuple([0.9] + [0.1 / (HISTOGRAM_BINS - 1)] * (HISTOGRAM_BINS - 1))
WATCHING = replace(
    LEARNING,
    steps=(Step("baseline", 1.0), Step("normal", 1.0), Step("probing", 0.5)),
    histogram=Histogram(
        guardrail="prompt-injection",
        threshold=0.5,
        near=0.1,
        baseline=_SHARES,
        recent=_SHARES[::-1],
        recent_events=300,
        baseline_near=0.004,
        recent_near=0.213,
    ),
    evidence=(
        Evidence("boundary proximity, prompt-injection", 12.1, 18.0),
        Evidence("verdict mix, toxicity", -3.0, 18.0),
    ),
)
PAGED = replace(
    WATCHING,
    page=Page(
        title="prompt-injection: scores crowd the threshold", detail="21.3% near it", after="after 41 requests"
    ),
    incident=Incident(name="Incident 1", severity="SEV2", address="http://127.0.0.1:8790/incidents/1"),
)
STRANGE = replace(
    PAGED,
    message="a very long message " * 20,
    evidence=tuple(
        Evidence(f"test {i} " * 9, value, threshold)
        for i, (value, threshold) in enumerate(
            [(math.nan, 18.0), (math.inf, 18.0), (-math.inf, 18.0), (1e9, 18.0), (1.0, 0.0), (2.0, 18.0)]
        )
    ),
    page=Page(title="t" * 300, detail="d" * 300, after="a"),
)


def _text(state: DemoState, *, width: int = 80, encoding: str = "utf-8", color: bool = False) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(
        width=width, file=file, force_terminal=True, color_system="truecolor", no_color=not color, _environ={}
    )
    console.print(render(state))
    file.flush()
    return raw.getvalue().decode(encoding)


def _plain(state: DemoState, *, width: int = 80) -> list[str]:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(render(state))
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [60, 80, 121, 200])
@pytest.mark.parametrize("state", [LEARNING, WATCHING, PAGED, STRANGE], ids=["learning", "watching", "paged", "odd"])
def test_every_state_has_the_same_height_and_fits_the_width(state: DemoState, width: int) -> None:
    lines = _plain(state, width=width)
    assert len(lines) == LINES < 24
    assert max(cell_len(line) for line in lines) <= width


def test_the_calm_view_states_the_promise_and_the_paged_one_the_incidents_address() -> None:
    calm, paged = "\n".join(_plain(WATCHING)), "\n".join(_plain(PAGED))
    assert "All calm" in calm
    assert "at most one false page a month" in calm
    assert "PAGE" not in calm
    assert "PAGE  prompt-injection: scores crowd the threshold" in paged
    assert "Incident 1 (SEV2) http://127.0.0.1:8790/incidents/1" in paged


def test_shares_near_the_threshold_and_evidence_are_there_in_figures() -> None:
    shown = "\n".join(_plain(WATCHING))
    assert "within 0.1 of it: 21.3% now, baseline 0.4%" in shown
    assert "12.1 / 18.0" in shown
    assert "✓ baseline ── ✓ normal ── ● probing 50 %" in shown


def test_of_many_tests_the_strongest_are_shown() -> None:
    tests = tuple(Evidence(f"test {i}", float(i), 18.0) for i in range(9))
    shown = "\n".join(_plain(replace(WATCHING, evidence=tests)))
    assert [i for i in range(9) if f"test {i} " in shown] == [5, 6, 7, 8]


def test_without_colour_no_colour_is_sent() -> None:
    assert "\x1b[33m" in _text(WATCHING, color=True)
    for code in ("\x1b[33m", "\x1b[36m", "\x1b[90m", "\x1b[1;31m"):
        assert code not in _text(PAGED, color=False)


def test_a_terminal_without_unicode_gets_plain_characters() -> None:
    shown = _text(PAGED, encoding="ascii")
    assert "prompt-injection" in shown
    assert len(shown.splitlines()) == LINES


def test_a_fuller_bin_is_never_drawn_lower() -> None:
    heights = log_heights([0.0, 0.0005, 0.002, 0.01, 0.1, 0.5, 1.0])
    assert heights == sorted(heights)
    assert (heights[0], heights[-1]) == (0.0, 1.0)


def test_blocks_stack_from_the_bottom() -> None:
    assert block_rows([0.0, 0.5, 1.0, 0.01], rows=2) == ["  █ ", " ██▁"]


def test_more_bins_than_columns_keep_their_peaks() -> None:
    assert stretch([0.0, 0.0, 0.9, 0.0], width=2) == [0.0, 0.9]
    assert stretch([0.1, 0.2], width=5) == [0.1, 0.1, 0.2, 0.2]
    assert stretch([], width=5) == []


@given(reach=st.floats(allow_nan=True), width=st.integers(3, 200), mark_at=st.floats(0, 1))
def test_a_bar_has_its_width_and_passes_the_mark_only_beyond_the_threshold(
    reach: float, width: int, mark_at: float
) -> None:
    head, gap, mark, beyond = marked_bar(reach, width=width, mark_at=mark_at)
    assert len(head + gap + mark + beyond) == width
    assert (gap == "") == (reach >= 1.0)
    assert reach > 1.0 or "━" not in beyond
