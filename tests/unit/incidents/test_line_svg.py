"""A curve as SVG: it is one, holds what it was given, and nothing from outside can be markup in it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.incidents.line_svg import BOTTOM, LEFT, RIGHT, TOP, Line, svg

HOSTILE = "<script>alert(1)</script>\" onload='x' &\x1b[31m"


def test_a_name_from_outside_is_text() -> None:
    root = ElementTree.fromstring(svg(Line(title=HOSTILE, points=[(0, 1.0), (1, 2.0)], marks=[(HOSTILE, 1)])))
    assert not root.findall(".//{*}script")
    assert not [each for each in root.iter() for name in each.attrib if name.startswith("on")]
    assert "<script>alert(1)</script>" in "".join(root.itertext())


@pytest.mark.parametrize("points", [[], [(0, None)], [(0, float("nan")), (1, float("inf"))]])
def test_there_is_no_picture_of_nothing(points: list[tuple[int, float | None]]) -> None:
    assert svg(Line(title="x", points=points)) == ""


@given(
    st.lists(
        st.tuples(st.integers(0, 10**13), st.one_of(st.none(), st.floats(-1e300, 1e300))), min_size=1, max_size=50
    )
)
def test_every_point_lies_inside_the_frame(points: list[tuple[int, float | None]]) -> None:
    points.sort(key=lambda point: point[0])
    drawn = svg(Line(title="x", points=points, levels=[("level", 0.5)], band=(points[0][0], points[-1][0])))
    if not drawn:
        return
    root = ElementTree.fromstring(drawn)
    for each in root.findall("{*}polyline"):
        for pair in each.attrib["points"].split():
            x, y = map(float, pair.split(","))
            assert LEFT <= x <= RIGHT
            assert TOP <= y <= BOTTOM


def test_a_gap_interrupts_the_curve() -> None:
    root = ElementTree.fromstring(svg(Line(title="x", points=[(0, 1.0), (1, 2.0), (2, None), (3, 1.0), (4, 1.0)])))
    assert len(root.findall("{*}polyline")) == 2
