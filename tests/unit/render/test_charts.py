"""Drawings say the same in words and numbers, and nothing that goes into them can break out."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from monitor.render.bars import before_and_after, strip
from monitor.render.heat import cell_of, heat_map
from monitor.render.over_time import HEIGHT, WIDTH, Held, Line, Mark, Stretch, Wording, chart_over_time
from monitor.render.svg import element, text

PLAIN = Wording(value="{:g}".format, moment=str, short_moment=str)
HOSTILE = '"><script>alert(1)</script>&'


def over_time(*points: tuple[float, float | None], **options):
    line = Line(name="level", points=points)
    words = {"name": "c", "title": "Level", "description": "It rose.", "wording": PLAIN}
    return chart_over_time([line], **(words | options))


def classes(svg: str) -> list[str]:
    return [node.get("class", "") for node in ElementTree.fromstring(svg).iter() if node.get("class")]


def test_a_line_is_broken_where_a_value_is_missing_and_a_lone_value_is_a_dot() -> None:
    chart = over_time((0, 1.0), (1, 2.0), (2, None), (3, 1.0), (4, math.nan), (5, 3.0), (6, 2.0))
    assert classes(chart.svg).count("curve") == 2
    assert classes(chart.svg).count("dot") == 1
    assert [row[1] for row in chart.table.rows] == ["1", "2", "none", "1", "none", "3", "2"]


def test_everything_that_is_drawn_lies_inside_whatever_the_values_are() -> None:
    chart = over_time(
        (0, 1e300),
        (1, -1e300),
        (9, 5.0),
        held=[Held(value=3.0, label="held to 3"), Held(value=-2.0, label="normal", kind="normal")],
        stretches=[Stretch(from_ms=-100, to_ms=2, label="began"), Stretch(from_ms=50, to_ms=60, label="later")],
        marks=[Mark(at_ms=8, word="found", label="found 8"), Mark(at_ms=99, word="over", label="over 99")],
    )
    for node in ElementTree.fromstring(chart.svg).iter():
        for name, most in [(f"x{end}", WIDTH) for end in ("", 1, 2)] + [(f"y{end}", HEIGHT) for end in ("", 1, 2)]:
            assert 0 <= float(node.get(name, 0)) <= most
    assert classes(chart.svg).count("band") == 1
    assert classes(chart.svg).count("mark") == 1
    assert "held to 3" in chart.table.caption


@pytest.mark.parametrize(
    "points", [[], [(5, None)], [(5, 0.0)], [(5, 2.0), (5, 2.0)]], ids=["none", "hole", "0", "same"]
)
def test_little_or_nothing_is_drawn_without_a_fault(points: list[tuple[float, float | None]]) -> None:
    ElementTree.fromstring(over_time(*points).svg)


def test_a_long_line_has_a_table_that_can_be_read() -> None:
    chart = over_time(*((float(at), 1.0) for at in range(10_000)))
    assert 300 <= len(chart.table.rows) <= 400


def test_names_from_outside_stay_text() -> None:
    chart = over_time((0, 1.0), (1, 2.0), title=HOSTILE, marks=[Mark(at_ms=1, word=HOSTILE, label=HOSTILE)])
    bars = before_and_after([HOSTILE], [1], [2], name="b", title=HOSTILE, description=HOSTILE)
    for svg in (chart.svg, bars.svg, strip([1, 2], label=HOSTILE)):
        names = {node.tag for node in ElementTree.fromstring(svg).iter()}
        assert "script" not in names
        assert "style=" not in svg
    assert element("a", text("x"), title=HOSTILE).count("<") == 2


def test_bars_are_shares_and_the_table_has_both_counts() -> None:
    chart = before_and_after(["low", "high"], [90, 10], [3, 1], name="b", title="Scores", description="Moved.")
    assert [list(row) for row in chart.table.rows] == [
        ["low", "90", "90.00%", "3", "75.00%"],
        ["high", "10", "10.00%", "1", "25.00%"],
    ]
    nothing = before_and_after(["low"], [0], [0], name="b", title="Scores", description="None.")
    assert nothing.table.rows[0][2] == "0.00%"
    with pytest.raises(ValueError, match="zip"):
        before_and_after(["low"], [1, 2], [3], name="b", title="Scores", description="Moved.")


def test_the_heat_map_has_a_sign_for_each_class_and_says_what_is_not_tested() -> None:
    kinds = [cell_of(value).kind for value in (1.0, 0.0, -1.0, -4.0, -8.0, -30.0, None)]
    assert kinds == ["alarm", "alarm", "near", "rising", "stir", "calm", "none"]
    assert len({cell_of(value).sign for value in (0.0, -1.0, -4.0, -8.0, -30.0, None)}) == 6
    shown = heat_map({("a", "x"): 0.5}, rows=["a", "b"], columns=["x", "y"])
    assert [[cell.words for cell in cells] for _, cells in shown.rows] == [
        ["alarm, 0.5", "not tested"],
        ["not tested", "not tested"],
    ]
