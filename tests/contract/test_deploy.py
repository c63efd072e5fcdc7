"""What deploy/ holds fits the project: settings load, metrics and runbooks exist, packages are pinned with hashes.

The tools of the field (hadolint, promtool, kubectl, ...) look at the same files in ``python -m tests.deploy``.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from prometheus_client import CollectorRegistry

from monitor.metrics import Metrics
from monitor.settings.load import load_settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus/driftline-rules.yml").read_text(encoding="utf-8"))["groups"]
ALERTS = [rule for group in RULES for rule in group["rules"] if "alert" in rule]


def pinned() -> dict[str, str]:
    """Package -> version of the lock file."""
    text = (DEPLOY / "requirements.lock").read_text(encoding="utf-8")
    return {
        canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    }


def test_the_lock_pins_every_dependency_within_its_range_and_by_hash() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = pinned()
    wanted = [Requirement(line) for line in project["dependencies"]]
    missing = [str(one) for one in wanted if canonicalize_name(one.name) not in versions]
    assert missing == [], "renew it: pip-compile --generate-hashes, see deploy/README.md"
    wrong = [str(one) for one in wanted if versions[canonicalize_name(one.name)] not in one.specifier]
    assert wrong == []
    text = (DEPLOY / "requirements.lock").read_text(encoding="utf-8")
    assert text.count("--hash=sha256:") >= len(versions)
    assert "://" not in text


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_what_happened_and_has_a_runbook_of_its_name(alert: dict[str, Any]) -> None:
    annotations = alert["annotations"]
    assert annotations["summary"]
    assert annotations["description"].endswith(".")
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    runbook = ROOT / annotations["runbook"]
    assert runbook.name == f"{re.sub(r'(?<!^)(?=[A-Z])', '-', alert['alert']).lower()}.md"
    text = runbook.read_text(encoding="utf-8")
    assert "**What it means.**" in text
    assert "**Do**" in text


def test_every_runbook_belongs_to_an_alert() -> None:
    named = {Path(alert["annotations"]["runbook"]).name for alert in ALERTS}
    assert {path.name for path in (DEPLOY / "runbooks").glob("*.md")} == named


def test_rules_and_runbooks_name_metrics_that_exist() -> None:
    known = {metric.name for metric in Metrics(CollectorRegistry()).definitions}
    text = "".join(rule["expr"] for group in RULES for rule in group["rules"])
    text += "".join(path.read_text(encoding="utf-8") for path in (DEPLOY / "runbooks").glob("*.md"))
    assert set(re.findall(r"\bdriftline_\w+", text)) <= known


@pytest.mark.parametrize("path", ["compose/driftline.yaml", "kubernetes/driftline.yaml"])
def test_shipped_settings_load(path: str) -> None:
    assert load_settings(DEPLOY / path, env={}).source.kafka is not None


def test_the_image_is_named_by_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert {compose["services"][name]["image"] for name in ("migrate", "driftline")} == {f"driftline:{version}"}
    kustomization = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text(encoding="utf-8"))
    assert kustomization["images"][0]["newTag"] == version


def test_the_settings_of_the_page_for_production_load(tmp_path: Path) -> None:
    text = (DEPLOY / "production" / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    path = tmp_path / "driftline.yaml"
    path.write_text("".join(blocks), encoding="utf-8")
    loaded = load_settings(path, env={})
    assert loaded.grafana is not None
    assert loaded.source.kafka is not None
    assert loaded.source.kafka.sasl is not None
