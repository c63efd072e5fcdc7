"""Every story of the text files beside this one, each on a database of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.language import run
from tests.unit.alerting.record import sqlite_stores


def stories() -> list[tuple[str, list[str]]]:
    """(title, lines) of each; a title begins with #, an empty line ends a story."""
    found: list[tuple[str, list[str]]] = []
    for file in sorted(Path(__file__).parent.glob("*.txt")):
        for block in file.read_text(encoding="utf-8").strip().split("\n\n"):
            title, *lines = block.splitlines()
            found.append((f"{file.stem}: {title.removeprefix('# ')}", lines))
    return found


STORIES = stories()


@pytest.mark.parametrize(("title", "lines"), STORIES, ids=[title for title, _ in STORIES])
def test_story(title: str, lines: list[str]) -> None:
    assert any(" gets " in line or " is " in line or " holds " in line for line in lines), f"{title} checks nothing"
    with sqlite_stores() as stores:
        run(stores, lines)


def test_no_story_is_told_twice() -> None:
    assert len({title for title, _ in STORIES}) == len(STORIES)
