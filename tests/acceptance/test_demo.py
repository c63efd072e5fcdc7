"""The demo is what a newcomer sees first: the page while the attack goes on, the incident at the end, exit code 0."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from monitor.cli import main
from tests.acceptance.story import driftline, driftline_json
from tests.chaos.process import RUN_WITHIN_SECONDS, run

LOADED_SECONDS = 1_200.0
"""A run takes 25 s alone, and a few minutes beside three busy processes a core: classifiers load slowly as well."""


def demo(directory: Path, *, within: float = RUN_WITHIN_SECONDS) -> list[dict[str, Any]]:
    """The frames of one run that must end well."""
    done = run("demo", "--json", "--directory", str(directory), within=within)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def assert_told_in_time(frames: list[dict[str, Any]]) -> None:
    """The page is in a frame while the attack goes on, and the last frame shows it with its incident."""
    attack = [frame for frame in frames if frame["steps"] and 0 < frame["steps"][-1]["done"] < 1]
    assert [frame for frame in attack if frame["page"] is None], "it paged before the attack"
    assert [frame for frame in attack if frame["incident"] is not None], "no frame of the attack shows the incident"
    assert frames[-1]["page"]["after"].endswith("requests of the attack")
    assert frames[-1]["incident"]["name"] == "INC-1"


def test_the_page_is_shown_while_the_attack_goes_on_and_its_incident_can_be_read(tmp_path: Path) -> None:
    frames = demo(tmp_path)
    assert_told_in_time(frames)
    database = f"sqlite:///{tmp_path / 'driftline.db'}"
    found = driftline_json("incidents", "list", "--database", database)
    assert frames[-1]["incident"]["name"] in {incident["name"] for incident in found}
    driftline("incidents", "verify", "--database", database)


def test_a_demo_whose_attack_was_not_paged_ends_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.demo.run.run_demo", lambda options, show, **_: None)
    done = CliRunner().invoke(main, ["demo", "--json", "--directory", str(tmp_path)])
    assert done.exit_code == 1
    assert "the attack was not paged" in done.output


def _burn() -> None:
    while True:
        pass


@pytest.mark.slow
def test_ten_times_on_a_loaded_machine_the_same_story(tmp_path: Path) -> None:
    burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(3 * (os.cpu_count() or 1))]
    for burner in burners:
        burner.start()
    try:
        for number in range(10):
            assert_told_in_time(demo(tmp_path / str(number), within=LOADED_SECONDS))
    finally:
        for burner in burners:
            burner.kill()
            burner.join()
