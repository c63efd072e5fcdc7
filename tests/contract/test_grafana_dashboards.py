"""Every dashboard keeps the rules of the house; its queries are asked in tests/integration/test_grafana_sql.py."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard
from packaging.version import Version
from prometheus_client import CollectorRegistry

from monitor.grafana import names
from monitor.grafana.dashboards.registry import DASHBOARDS
from monitor.grafana.documents import as_json
from monitor.metrics import Metrics

BOARDS: list[dict[str, Any]] = [json.loads(as_json(make())) for make in DASHBOARDS]
OURS = {names.FLEET, names.GUARDRAIL, names.STREAM, names.INCIDENTS, names.ITSELF}
NOT_OURS = {"up", "process_resident_memory_bytes"}
"""Metrics that Prometheus and its client library make."""
RANGE = re.compile(r"\$__rate_interval|\$__range|\$__interval")


@pytest.fixture(params=BOARDS, ids=[board["uid"] for board in BOARDS])
def board(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


def targets(board: dict[str, Any], *, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Panel title and target of one kind of data source."""
    for panel in board["panels"]:
        for target in panel["targets"]:
            if (target.get("datasource") or panel["datasource"])["type"] == kind:
                yield panel["title"], target


def prometheus_targets() -> list[tuple[str, dict[str, Any]]]:
    return [one for board in BOARDS for one in targets(board, kind="prometheus")]


def test_the_sdk_is_the_one_with_present_models() -> None:
    """Without a pin, pip takes versions with an epoch, which are older models under larger numbers."""
    assert Version(importlib.metadata.version("grafana-foundation-sdk")).epoch == 0


def test_uids_and_titles_are_those_that_links_hold() -> None:
    assert {board["uid"] for board in BOARDS} == OURS
    assert len({board["title"] for board in BOARDS}) == len(BOARDS)
    assert all(len(uid) <= 40 for uid in OURS), "Grafana takes 40 characters"


def test_a_dashboard_says_which_question_it_answers_and_its_first_row_answers_it(board: dict[str, Any]) -> None:
    assert board["description"].endswith("?")
    first = [panel for panel in board["panels"] if panel["gridPos"]["y"] == 0]
    assert len(first) >= 4
    assert {panel["type"] for panel in first} == {"stat"}


def test_every_panel_has_a_title_of_its_own_a_meaning_and_a_unit(board: dict[str, Any]) -> None:
    panels = board["panels"]
    assert 0 < len(panels) <= 20
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), panel["title"]


def test_panels_lie_in_the_grid_and_none_over_another(board: dict[str, Any]) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for column in range(place["x"], place["x"] + place["w"]):
            for line in range(place["y"], place["y"] + place["h"]):
                assert (column, line) not in taken, f"{panel['title']} lies over {taken.get((column, line))}"
                taken[column, line] = panel["title"]
    assert len(taken) == 24 * (1 + max(line for _, line in taken)), "there is a hole in the grid"


def test_data_sources_are_variables(board: dict[str, Any]) -> None:
    kinds = {v["name"]: v["query"] for v in board["templating"]["list"] if v["type"] == "datasource"}
    assert kinds == {"postgresql": "postgres", "prometheus": "prometheus"}
    text = json.dumps(board)
    assert set(re.findall(r'"uid": "([^"]*)"', text)) - {board["uid"]} <= {"${postgresql}", "${prometheus}"}


def test_queries_follow_the_range_of_time_where_they_show_one(board: dict[str, Any]) -> None:
    for title, target in targets(board, kind="postgres"):
        if target["format"] == "time_series":
            assert "$__timeFilter(" in target["rawSql"], title
    for title, target in targets(board, kind="prometheus"):
        counters = re.findall(r"driftline_\w+_total|_bucket", target["expr"])
        assert not counters or "$__rate_interval" in target["expr"], title
        assert re.search(r"\[\d", target["expr"]) is None, f"{title}: a fixed range"


def test_every_table_is_bounded(board: dict[str, Any]) -> None:
    for title, target in targets(board, kind="postgres"):
        if "GROUP BY" not in target["rawSql"] and target["format"] == "table":
            one = re.match(r"SELECT (count|max|min|percentile_cont|extract)\b", target["rawSql"])
            assert one or "LIMIT" in target["rawSql"] or "WHERE stream_id" in target["rawSql"], title


def test_it_leads_to_the_others_and_down_a_level(board: dict[str, Any]) -> None:
    (link,) = board["links"]
    assert (link["type"], link["tags"]) == ("dashboards", [names.TAG])
    assert link["keepTime"]
    assert names.TAG in board["tags"]
    down = {names.FLEET: names.GUARDRAIL, names.GUARDRAIL: names.STREAM, names.STREAM: names.GUARDRAIL}
    if board["uid"] in down:
        assert f"/d/{down[board['uid']]}?" in json.dumps(board)
    for uid in re.findall(r"/d/([\w-]+)", json.dumps(board)):
        assert uid in OURS


def test_incidents_and_releases_are_marked(board: dict[str, Any]) -> None:
    marks = {mark["name"]: mark["target"]["rawSql"] for mark in board["annotations"]["list"]}
    assert set(marks) == {"Incidents", "Releases"}
    for sql in marks.values():
        assert " AS time" in sql
        assert " AS text" in sql


@pytest.mark.parametrize(
    ("title", "target"), prometheus_targets(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_every_promql_parses_and_names_a_metric_that_exists(title: str, target: dict[str, Any]) -> None:
    expr = RANGE.sub("1m", target["expr"]).replace("$guardrail", "x")
    promql_parser.parse(expr)
    known = {metric.name for metric in Metrics(CollectorRegistry()).definitions} | NOT_OURS
    found = {re.sub("_bucket$", "", name) for name in selected(expr)}
    assert found
    assert found <= known, title


def selected(expr: str) -> set[str]:
    """Names of the metrics in an expression."""
    return set(re.findall(r"\b((?:driftline|process)_\w+|up)\b(?!=)", re.sub(r'"[^"]*"', "", expr)))


def test_the_classic_schema_goes_through_the_sdk_s_own_reader_unchanged(board: dict[str, Any]) -> None:
    """What a person saves in Grafana and what we made are of one schema."""
    again = json.loads(as_json(Dashboard.from_json(board).to_json()))
    assert again["panels"] == board["panels"]
    assert again["templating"] == board["templating"]
    assert board["schemaVersion"] >= 36
