"""`driftline controls` as a person or a script uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli.controls import controls
from monitor.counts.model import Slice
from monitor.storage.stores import open_stores

DECLARED = """
source: {files: {paths: x.jsonl}}
budget: {pages: 1}
controls:
  shield: {prohibits: instructions that are not of the user, threshold: 0.7, owner: safety}
  unused: {prohibits: what nobody has tried yet}
"""


def piece(guardrail: str, threshold_milli: int) -> Slice:
    return Slice(guardrail, "1", "", "input", "continuous", "p_unsafe", threshold_milli, "", "", "", "", "")


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Two guardrails were counted."""
    url = f"sqlite:///{tmp_path / 'driftline.db'}"
    with open_stores(url) as stores:
        stores.counts.slice_ids([piece("shield", 500), piece("pii", 800)])
    return url


def run(*arguments: str, database: str, settings: str, folder: Path) -> Result:
    file = folder / "driftline.yaml"
    file.write_text(settings)
    return CliRunner().invoke(controls, ["--config", str(file), "--database", database, *arguments])


def test_undefined_controls_and_thresholds_that_disagree_are_reported(database: str, tmp_path: Path) -> None:
    shown = run(database=database, settings=DECLARED, folder=tmp_path)
    assert shown.exit_code == 0
    assert "pii (input)\n  UNDEFINED: it has no control statement" in shown.output
    assert "prohibits  instructions that are not of the user" in shown.output
    assert "owner      safety" in shown.output
    assert "DISAGREES  the log of 1 uses 0.5, not 0.7" in shown.output
    assert "unused (not seen yet)" in shown.output
    assert "3 guardrails: 1 undefined, 1 with another threshold in the log." in shown.output


def test_strict_fails_until_all_is_in_order(database: str, tmp_path: Path) -> None:
    assert run("--strict", database=database, settings=DECLARED, folder=tmp_path).exit_code == 1
    mended = DECLARED.replace("0.7", "0.5") + "  pii: {prohibits: personal data}\n"
    assert run("--strict", database=database, settings=mended, folder=tmp_path).exit_code == 0


def test_scripts_get_json(database: str, tmp_path: Path) -> None:
    answer = json.loads(run("--json", database=database, settings=DECLARED, folder=tmp_path).output)
    said = {each["guardrail"]: each for each in answer}
    assert (said["pii"]["defined"], said["pii"]["thresholds"]) == (False, [0.8])
    assert said["shield"]["control"]["owner"] == "safety"
    assert said["shield"]["disagreements"][0] == {
        "category": "",
        "guardrail_version": "1",
        "declared": 0.7,
        "logged": 0.5,
    }
    assert said["unused"]["in_order"] is True
