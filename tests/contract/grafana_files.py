"""The files of deploy/ that are made from monitor/grafana: dashboards, provisioning, rules of Prometheus.

Run ``python -m tests.contract.grafana_files`` after a change there; test_grafana_files.py fails until that is done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from monitor.grafana import names
from monitor.grafana.alert_rules import ALERTS, EVERY_S, GROUP, RECORDED, for_grafana, for_prometheus
from monitor.grafana.dashboards.registry import DASHBOARDS
from monitor.grafana.desired import postgresql, prometheus, route, webhook
from monitor.grafana.documents import as_json, plain
from monitor.settings.grafana import GrafanaContactPoint, GrafanaDatabase

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
HEADER = "# Made by `python -m tests.contract.grafana_files`; the source is monitor/grafana.\n"
RULES_HEADER = (
    "# Alerts about Driftline itself and about what it found. Each has a runbook in deploy/runbooks/.\n"
    "# Made by `python -m tests.contract.grafana_files`; the source is monitor/grafana/alert_rules.py.\n"
)


HOOK = "http://driftline:9464/inbound/grafana"


class Lines(yaml.SafeDumper):
    """YAML in the order of the document, one key a line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_yaml(document: Any) -> str:
    text: str = yaml.dump(document, Dumper=Lines, sort_keys=False, allow_unicode=True, width=110)
    return text


def files() -> dict[Path, str]:
    """Path below deploy/ -> text."""
    made = {
        Path("grafana/dashboards") / f"{board['uid']}.json": as_json(board)
        for board in (plain(make()) for make in DASHBOARDS)
    }
    provisioning = Path("grafana/provisioning")
    for place, document in (
        ("datasources/driftline.yaml", data_sources()),
        ("dashboards/driftline.yaml", providers()),
        ("alerting/rules.yaml", rules()),
        ("alerting/contact-points.yaml", contact_points()),
        ("alerting/policies.yaml", policies()),
    ):
        made[provisioning / place] = HEADER + as_yaml(document)
    made[Path("prometheus/driftline-rules.yml")] = RULES_HEADER + as_yaml(prometheus_rules())
    return made


def data_sources() -> dict[str, Any]:
    """As compose.yaml runs them; Grafana puts in the password from its file."""
    database = GrafanaDatabase.model_validate({"host": "postgres:5432", "sslmode": "disable", "password_file": "x"})
    source = postgresql(database) | {"secureJsonData": {"password": "$__file{/run/secrets/grafana-reader}"}}
    both = [source, prometheus("http://prometheus:9090")]
    return {"apiVersion": 1, "datasources": [one | {"editable": False} for one in both]}


def providers() -> dict[str, Any]:
    """Where Grafana finds the dashboards."""
    provider = {
        "name": "driftline",
        "folder": names.FOLDER_TITLE,
        "folderUid": names.FOLDER,
        "type": "file",
        "allowUiUpdates": False,
        "options": {"path": "/etc/grafana/driftline-dashboards"},
    }
    return {"apiVersion": 1, "providers": [provider]}


def rules() -> dict[str, Any]:
    """Alert rules in the form of files, which differs from that of the API in names only."""
    written = []
    for alert in ALERTS:
        rule = for_grafana(alert, runbooks=None)
        kept = {
            name: value for name, value in rule.items() if name not in ("folderUID", "ruleGroup", "keep_firing_for")
        }
        annotations = dict(kept["annotations"])
        kept |= {"dashboardUid": annotations.pop("__dashboardUid__"), "panelId": int(annotations.pop("__panelId__"))}
        kept["annotations"] = annotations
        if "keep_firing_for" in rule:
            kept["keepFiringFor"] = rule["keep_firing_for"]
        written.append(_escaped(kept))
    group = {"orgId": 1, "name": GROUP, "folder": names.FOLDER_TITLE, "interval": f"{EVERY_S}s", "rules": written}
    return {"apiVersion": 1, "groups": [group]}


def contact_points() -> dict[str, Any]:
    """The contact point; Grafana puts in the key that it signs with from its file."""
    point = webhook(GrafanaContactPoint.model_validate({"url": HOOK, "secret_file": "x"}))
    receiver = {name: point[name] for name in ("uid", "type", "settings", "disableResolveMessage")}
    receiver["settings"]["hmacConfig"]["secret"] = "$__file{/run/secrets/grafana-hook}"
    return {"apiVersion": 1, "contactPoints": [{"orgId": 1, "name": point["name"], "receivers": [receiver]}]}


def policies() -> dict[str, Any]:
    """The whole tree: file provisioning knows no part of it."""
    tree = {"orgId": 1, "receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]}
    return {"apiVersion": 1, "policies": [tree | {"routes": [route()]}]}


def prometheus_rules() -> dict[str, Any]:
    """Recording rules, and the alerts about Driftline and about drift."""
    recorded = [{"record": name, "expr": expr} for name, expr in RECORDED.items()]
    drift = [for_prometheus(alert) for alert in ALERTS if alert.severity == "info"]
    health = [for_prometheus(alert) for alert in ALERTS if alert.severity != "info"]
    groups = {"driftline-recorded": recorded, "driftline-health": health, "driftline-drift": drift}
    return {"groups": [{"name": name, "rules": rules} for name, rules in groups.items()]}


def _escaped(value: Any) -> Any:
    """In provisioning files a dollar sign begins a variable, and two are one."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {name: _escaped(one) for name, one in value.items()}
    return [_escaped(one) for one in value] if isinstance(value, list) else value


def write() -> None:
    """Put every file in its place."""
    for place, text in files().items():
        (DEPLOY / place).parent.mkdir(parents=True, exist_ok=True)
        (DEPLOY / place).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
