"""Metrics: bounded, named once, and documented in monitor/web/README.md as they are."""

from __future__ import annotations

import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from monitor import __version__
from monitor.metrics import Counter, Gauge, Histogram, Metrics
from tests.contract import readme_tables


def scraped(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def all_of(metrics: Metrics) -> list[Counter | Gauge | Histogram]:
    return [value for value in vars(metrics).values() if isinstance(value, Counter | Gauge | Histogram)]


@pytest.mark.parametrize("name", readme_tables.TABLES)
def test_the_tables_of_the_readme_say_what_the_code_says(name: str) -> None:
    assert readme_tables.written(name) == readme_tables.TABLES[name](), (
        "run python -m tests.contract.readme_tables and read the difference"
    )


def test_a_scrape_shows_every_defined_metric_and_nothing_else() -> None:
    metrics = Metrics(CollectorRegistry())
    assert [metric.definition for metric in all_of(metrics)] == metrics.definitions
    for metric in all_of(metrics):
        labels = dict.fromkeys(metric.definition.labels, "x")
        match metric:
            case Counter():
                metric.add(2, **labels)
            case Gauge() if metric is not metrics.build_info:
                metric.set(2, **labels)
            case Histogram():
                metric.observe(2)
    names = {re.sub("_(bucket|sum|count)$", "", name) for name, _ in scraped(metrics)}
    assert names == {definition.name for definition in metrics.definitions}


def test_names_follow_the_conventions_of_prometheus() -> None:
    for definition in Metrics(CollectorRegistry()).definitions:
        assert definition.name.startswith("driftline_")
        assert definition.name.endswith("_total") == (definition.kind == "counter")
        assert definition.unit
        assert definition.meaning


def test_a_gauge_that_nobody_set_is_not_shown_as_zero() -> None:
    metrics = Metrics(CollectorRegistry())
    assert ("driftline_incidents_open", ()) not in scraped(metrics)
    metrics.incidents_open.set(0)
    assert scraped(metrics)["driftline_incidents_open", ()] == 0


def test_the_build_is_known_from_the_start() -> None:
    (labels,) = [key[1] for key in scraped(Metrics(CollectorRegistry())) if key[0] == "driftline_build_info"]
    assert __version__ in labels


def test_two_registries_do_not_meet() -> None:
    first, second = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    first.events.add(3)
    assert scraped(first)["driftline_events_total", ()] == 3
    assert scraped(second)["driftline_events_total", ()] == 0


def test_a_counter_pools_what_is_beyond_its_bound() -> None:
    metrics = Metrics(CollectorRegistry())
    most = metrics.records_rejected.definition.most
    for number in range(most + 5):
        metrics.records_rejected.add(1, reason=f"reason-{number}")
    metrics.records_rejected.add(1, reason="reason-0")
    found = {key[1][0]: value for key, value in scraped(metrics).items() if "rejected" in key[0]}
    assert len(found) == most + 1
    assert found["(other)"] == 5
    assert found["reason-0"] == 2


def test_a_gauge_leaves_out_what_is_beyond_its_bound_and_counts_that() -> None:
    metrics = Metrics(CollectorRegistry())
    most = metrics.budget_alarms.definition.most
    for number in range(most + 3):
        metrics.budget_alarms.set(1, kind=str(number))
    assert scraped(metrics)["driftline_label_sets_refused_total", ("driftline_budget_alarms",)] == 3
    metrics.budget_alarms.remove(kind="0")
    metrics.budget_alarms.remove(kind="never there")
    metrics.budget_alarms.set(7, kind="late")
    found = {key[1] for key in scraped(metrics) if key[0] == "driftline_budget_alarms"}
    assert found == {(str(number),) for number in range(1, most)} | {("late",)}


def test_of_too_much_evidence_the_largest_is_shown() -> None:
    metrics = Metrics(CollectorRegistry())
    most = metrics.log_evidence.definition.most
    series = {(str(number),) * 4: float(number) for number in range(most + 10)}
    metrics.log_evidence.replace(series)
    shown = {key[1][0]: value for key, value in scraped(metrics).items() if key[0] == "driftline_log_evidence"}
    assert len(shown) == most
    assert min(shown.values()) == 10
    metrics.log_evidence.replace({("1", "1", "1", "1"): 0.5})
    left = [(key[1], value) for key, value in scraped(metrics).items() if key[0] == "driftline_log_evidence"]
    assert len(left) == 1
    assert left[0][1] == 0.5


def test_a_label_that_is_not_defined_is_refused() -> None:
    metrics = Metrics(CollectorRegistry())
    with pytest.raises(KeyError):
        metrics.findings.add(1)
    with pytest.raises(ValueError, match="has labels"):
        metrics.findings.add(1, kind="page", guardrail="x")


def test_the_readme_names_every_bound() -> None:
    text = readme_tables.READMES["metrics"].read_text(encoding="utf-8")
    for definition in Metrics(CollectorRegistry()).definitions:
        if definition.labels:
            assert f"({definition.most:,})" in text
