"""The demo is what a newcomer sees first."""

from __future__ import annotations

import json
from pathlib import Path

from tests.acceptance.story import driftline, driftline_json


def test_the_demo_pages_its_attack_and_ends_with_0(tmp_path: Path) -> None:
    states = [
        json.loads(line)
        for line in driftline("demo", "--once", "--json", "--directory", tmp_path).splitlines()
        if line.startswith("{")
    ]
    last = states[-1]
    assert last["page"]["title"]
    assert last["events"] > 0
    assert [state for state in states if state["page"] is None], "it paged before the attack"
    database = f"sqlite:///{tmp_path / 'driftline.db'}"
    found = driftline_json("incidents", "list", "--database", database)
    assert last["incident"]["name"] in {incident["name"] for incident in found}
    driftline("incidents", "verify", "--database", database)
