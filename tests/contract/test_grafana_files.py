"""The files of deploy/ are what monitor/grafana says: files and `driftline grafana sync` make the same Grafana."""

from __future__ import annotations

import json
import re
from pathlib import Path

import promql_parser
import pytest
import yaml

from monitor.grafana.alert_rules import ALERTS, Alert, for_grafana, for_prometheus
from tests.contract.grafana_files import DEPLOY, files

MADE = files()


@pytest.mark.parametrize("place", sorted(MADE), ids=str)
def test_a_file_is_what_the_code_says(place: Path) -> None:
    written = (DEPLOY / place).read_text(encoding="utf-8")
    assert written == MADE[place], "run python -m tests.contract.grafana_files and read the difference"


def test_the_folder_holds_nothing_else() -> None:
    """It can be given to Git Sync as it is: one dashboard a file, named after its uid."""
    found = {path.relative_to(DEPLOY) for path in (DEPLOY / "grafana").rglob("*") if path.is_file()}
    assert found == {place for place in MADE if place.parts[0] == "grafana"}
    for path in (DEPLOY / "grafana/dashboards").glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["uid"] == path.stem


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_expression_parses_and_compares_the_query_with_its_threshold(alert: Alert) -> None:
    expr = promql_parser.parse(for_prometheus(alert)["expr"])
    assert isinstance(expr, promql_parser.BinaryExpr)
    assert str(expr.rhs.val) == str(float(alert.threshold))
    promql_parser.parse(alert.query)
    assert "$value" not in alert.description


def test_grafana_s_templates_name_only_what_grafana_knows() -> None:
    text = (DEPLOY / "grafana/provisioning/alerting/rules.yaml").read_text(encoding="utf-8")
    groups = yaml.safe_load(text)["groups"]
    for rule in groups[0]["rules"]:
        summary = rule["annotations"]["summary"].replace("$$", "$")
        for name in re.findall(r"\$[\w.]+", summary):
            assert re.fullmatch(r"\$values\.B\.Value|\$labels\.\w+", name), summary


def test_alerts_and_their_uids_differ() -> None:
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)
    assert all(len(f"driftline-{alert.runbook}") - 3 <= 40 for alert in ALERTS), "Grafana takes uids of 40 characters"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_rule_of_grafana_queries_reduces_and_compares_in_this_order(alert: Alert) -> None:
    rule = for_grafana(alert, runbooks="https://wiki.example/driftline")
    query, reduced, compared = rule["data"]
    assert (query["refId"], reduced["refId"], compared["refId"], rule["condition"]) == ("A", "B", "C", "C")
    assert query["model"]["expr"] == alert.query
    assert (reduced["model"]["expression"], compared["model"]["expression"]) == ("A", "B")
    assert all(step["model"]["refId"] == step["refId"] for step in rule["data"])
    assert rule["annotations"]["runbook_url"] == f"https://wiki.example/driftline/{alert.runbook}"
    assert (rule["noDataState"], rule["execErrState"]) == ("OK", "Error")
