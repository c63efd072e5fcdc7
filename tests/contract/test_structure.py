"""The shape of the code: files that can be read in one go, rooms that have their own README."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 400
"""Lines of a file: ten screens."""
ONE_IDEA = {"detectors/evidence.py", "detectors/recoupling.py"}
"""Longer, and each one idea whose parts cannot be read apart."""
ROOMS = sorted(path.parent for path in (ROOT / "monitor").glob("*/__init__.py"))


@pytest.mark.parametrize("folder", ["monitor", "detectors"])
def test_no_file_is_longer_than_can_be_read_in_one_go(folder: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST and name not in ONE_IDEA} == {}


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_the_map_of_the_rooms_names_every_room(room: Path) -> None:
    assert f"[{room.name}/]({room.name}" in (ROOT / "monitor/README.md").read_text(encoding="utf-8")
