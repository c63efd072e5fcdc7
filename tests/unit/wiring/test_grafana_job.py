"""The judging process and Grafana: the job syncs, and ends nothing when Grafana says no."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import SettingsError, TryAgain
from monitor.settings.model import Settings
from monitor.wiring import grafana as wired
from tests.servers.grafana import TOKEN, Grafana, grafana


@pytest.fixture
def server() -> Iterator[Grafana]:
    with grafana() as running:
        yield running


def settings(server: Grafana, tmp_path: Path, **changes: Any) -> Settings:
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    section = {"url": server.url, "allow_http": True, "token_file": str(tmp_path / "token"), "every": "1h"} | changes
    return Settings.model_validate(
        {
            "source": {"files": {"paths": ["x"]}},
            "budget": {"pages": 1},
            "grafana": {k: v for k, v in section.items() if v},
        }
    )


def test_it_syncs(server: Grafana, tmp_path: Path) -> None:
    job = wired.grafana_job(settings(server, tmp_path), {})
    assert job is not None
    assert (job.name, job.every_s, job.leader_only) == ("grafana", 3600, True)
    for _ in range(2):
        job.step()
    assert len(server.boards) == 5


def test_a_token_that_was_taken_away_fails_the_job_and_not_the_process(server: Grafana, tmp_path: Path) -> None:
    job = wired.grafana_job(settings(server, tmp_path), {})
    assert job is not None
    server.fail["/api"] = (401, {"message": "Invalid API key"})
    with pytest.raises(TryAgain, match="role Admin"):
        job.step()


def test_without_a_period_there_is_no_job(server: Grafana, tmp_path: Path) -> None:
    assert wired.grafana_job(settings(server, tmp_path, every=None), {}) is None


def test_a_missing_extra_or_token_is_said_at_the_start(
    server: Grafana, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(server, tmp_path)
    (tmp_path / "token").write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match="token"):
        wired.grafana_job(given, {})
    monkeypatch.setattr(wired, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"driftline\[grafana\]"):
        wired.grafana_job(given, {})
