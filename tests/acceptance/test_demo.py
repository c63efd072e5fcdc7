"""The demo is what a newcomer sees first."""

from __future__ import annotations

import json
from pathlib import Path

from tests.acceptance.story import driftline


def test_the_demo_pages_its_attack_and_ends_with_0(tmp_path: Path) -> None:
    states = [
        json.loads(line)
        for line in driftline("demo", "--once", "--json", "--directory", tmp_path).splitlines()
        if line.startswith("{")
    ]
    assert states
    assert (tmp_path / "driftline.db").exists()
    driftline("incidents", "verify", "--database", f"sqlite:///{tmp_path / 'driftline.db'}")
