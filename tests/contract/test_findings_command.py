"""``driftline findings`` on a database with a notice and a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from monitor.cli import main
from monitor.signals.registry import LAYOUT
from monitor.storage.stores import open_stores
from tests.unit.alerting.record import notice, page


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'd.db'}"
    with open_stores(made, layout=LAYOUT) as stores, stores.alerts.transaction() as store:
        store.save_finding(notice("abc123"))
        store.save_finding(page("def456"))
    return made


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["findings", *arguments, "--database", url])


def test_a_notice_is_listed_shown_dismissed_and_then_listed_only_if_asked_for(url: str) -> None:
    assert "abc123" in run(url, "list", "--kind", "notice").output
    assert "def456" not in run(url, "list", "--kind", "notice").output
    assert "mean of the weight" in run(url, "show", "abc").output  # the beginning of an id will do
    done = run(url, "dismiss", "abc", "--as", "ana", "--reason", "a load test")
    assert (done.exit_code, "dismissed by ana" in done.output) == (0, True)
    assert "abc123" not in run(url, "list").output
    (kept,) = [one for one in json.loads(run(url, "list", "--dismissed", "--json").output) if one["id"] == "abc123"]
    assert (kept["dismissal"]["by"], kept["dismissal"]["reason"]) == ("ana", "a load test")
    again = run(url, "dismiss", "abc", "--as", "ben", "--reason", "x")
    assert again.exit_code == 1
    assert "was dismissed by ana already" in again.output


@pytest.mark.parametrize(("finding", "says"), [("def456", "is a page"), ("zzz", "there is no finding 'zzz'")])
def test_what_cannot_be_dismissed_is_told_with_the_way_out(url: str, finding: str, says: str) -> None:
    refused = run(url, "dismiss", finding, "--reason", "x")
    assert refused.exit_code == 1
    assert says in refused.output
    assert "driftline" in refused.output
