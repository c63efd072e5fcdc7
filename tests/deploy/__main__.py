"""The field's own tools look at what deploy/ holds; one line for each, exit code 1 if one complains or is missing.

python -m tests.deploy            lints: Dockerfile, compose, Kubernetes, Prometheus; an alert from end to end
python -m tests.deploy --image    also builds the image with buildah and runs Driftline in it as its user

Debian: apt-get install prometheus prometheus-alertmanager docker-compose kubernetes-client buildah debootstrap
Python: pip install 'driftline[deploy]'
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
VERSIONS = ("1.37", "1.36", "1.35")
"""The three newest versions of Kubernetes that kubernetes-validate knows."""


@dataclass(frozen=True)
class Check:
    """One command that must end with 0."""

    name: str
    command: list[str]


@dataclass(frozen=True)
class Outcome:
    """How a check ended: its seconds, and what it said if it failed."""

    name: str
    seconds: float
    complaint: str


def lints(work: Path) -> Iterator[Check]:
    """Everything but the image."""
    rendered = work / "kubernetes.yaml"
    compose = str(DEPLOY / "compose.yaml")
    rules, kubernetes = DEPLOY / "prometheus", str(DEPLOY / "kubernetes")
    yield Check("Dockerfile: hadolint", ["hadolint", str(DEPLOY / "Dockerfile")])
    yield Check("compose: docker-compose config", ["docker-compose", "-f", compose, "config", "-q"])
    yield Check("compose: compose-lint, nothing high", ["compose-lint", "--fail-on", "high", compose])
    yield Check("kubernetes: kubectl kustomize", ["kubectl", "kustomize", kubernetes, "-o", str(rendered)])
    for version in VERSIONS:
        command = ["kubernetes-validate", "--strict", "-k", version, str(rendered)]
        yield Check(f"kubernetes: strict, {version}", command)
    yield Check(
        "prometheus: promtool check rules", ["promtool", "check", "rules", str(rules / "driftline-rules.yml")]
    )
    tests = str(rules / "driftline-rules-test.yml")
    yield Check("prometheus: promtool test rules", ["promtool", "test", "rules", tests])
    yield Check("prometheus: promtool check config", ["promtool", "check", "config", str(rules / "prometheus.yml")])
    yield Check("alertmanager: amtool check-config", ["amtool", "check-config", str(rules / "alertmanager.yml")])
    yield Check("an alert fires and is delivered", [sys.executable, "-m", "tests.deploy.alerting"])


IMAGE = "localhost/driftline:test"


def image(work: Path) -> Iterator[Check]:
    """Base, image, and the warm-up's replay and a health check's import in it, as its user."""
    yield Check("image: base, by debootstrap", ["bash", str(Path(__file__).parent / "base.sh"), str(work / "base")])
    build = ["buildah", "bud", "--format", "docker", "--pull-never", "--build-arg", "BASE=localhost/driftline-base"]
    yield Check("image: buildah bud", [*build, "-f", str(DEPLOY / "Dockerfile"), "-t", IMAGE, str(ROOT)])
    yield Check("image: runs as 10001, compiles nothing", ["bash", str(Path(__file__).parent / "inside.sh")])


def outcome_of(check: Check) -> Outcome:
    """Run it."""
    began = time.monotonic()
    program = shutil.which(check.command[0], path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if program is None:
        return Outcome(check.name, 0.0, f"{check.command[0]} is not installed; --help names its package")
    environment = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    command = [program, *check.command[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    said = (done.stdout + done.stderr).strip()[-2_000:] or f"exit code {done.returncode}"
    return Outcome(check.name, time.monotonic() - began, said if done.returncode else "")


def main() -> int:
    """Run the checks, print the table."""
    plain = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m tests.deploy", description=__doc__, formatter_class=plain)
    parser.add_argument("--image", action="store_true", help="build the image too; minutes, as root")
    chosen = parser.parse_args()
    console = Console()
    table = Table("check", "seconds", "outcome")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        checks = [*lints(Path(folder)), *(image(Path(folder)) if chosen.image else [])]
        for check in checks:
            console.print(f"[dim]{check.name} ...[/dim]")
            outcome = outcome_of(check)
            failed += bool(outcome.complaint)
            table.add_row(outcome.name, f"{outcome.seconds:.1f}", outcome.complaint or "ok")
    console.print(table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
