"""`driftline grafana sync` as people and scripts use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from monitor.cli import main
from tests.servers.grafana import TOKEN, Grafana, grafana

RULE = "driftline-unreadable-records"


@pytest.fixture
def server() -> Iterator[Grafana]:
    with grafana() as running:
        yield running


@pytest.fixture
def config(server: Grafana, tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    written = {
        "source": {"files": {"paths": ["events.jsonl"]}},
        "budget": {"pages": 1},
        "grafana": {"url": server.url, "allow_http": True, "token_file": str(tmp_path / "token")},
    }
    path = tmp_path / "driftline.yaml"
    path.write_text(yaml.safe_dump(written), encoding="utf-8")
    return path


def run(config: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["grafana", "sync", "-c", str(config), *options])


def test_a_dry_run_a_sync_and_a_second_one(server: Grafana, config: Path) -> None:
    dry = run(config, "--dry-run")
    assert "dashboard driftline-fleet: would be created" in dry.output
    assert server.boards == {}
    done = run(config)
    assert done.exit_code == 0, done.output
    assert "dashboard driftline-fleet: created" in done.output
    assert f"alert rule {RULE}: created\n  keep_firing_for: this Grafana does not keep 10m" in done.output
    again = run(config)
    assert "created" not in again.output
    assert again.output.endswith("objects are as they should be.\n")


def test_json_for_scripts(server: Grafana, config: Path) -> None:
    run(config)
    server.rules[RULE]["for"] = "7m"
    steps = {step["uid"]: step for step in json.loads(run(config, "--json").output)}
    assert steps[RULE]["action"] == "kept"
    assert {"field": "for", "wanted": "5m", "found": "7m"} in steps[RULE]["changes"]
    assert {step["action"] for uid, step in steps.items() if uid != RULE} == {"unchanged"}


@pytest.mark.parametrize(
    ("path", "reply", "code", "said"),
    [
        ("/api/dashboards/db", (400, {"message": "no"}), 1, "dashboard driftline-fleet: refused"),
        ("/api", (503, {"message": "starting"}), 75, "starting"),
        ("/api", (401, {"message": "Invalid API key"}), 1, "role Admin"),
    ],
)
def test_exit_codes(
    server: Grafana, config: Path, path: str, reply: tuple[int, object], code: int, said: str
) -> None:
    server.fail[path] = reply
    result = run(config)
    assert (result.exit_code, said in result.output) == (code, True), result.output


def test_without_the_section_it_says_what_to_write(config: Path) -> None:
    written = yaml.safe_load(config.read_text(encoding="utf-8"))
    del written["grafana"]
    config.write_text(yaml.safe_dump(written), encoding="utf-8")
    result = run(config)
    assert result.exit_code == 2
    assert "grafana: is not set" in result.output


def test_without_the_extra_it_says_what_to_install(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.wiring.grafana.find_spec", lambda name: None)
    result = run(config)
    assert (result.exit_code, "pip install 'driftline[grafana]'" in result.output) == (2, True), result.output
