"""A real Prometheus scrapes a real Driftline, a rule of ours fires, a real Alertmanager delivers it.

With Debian's `prometheus` and `prometheus-alertmanager`, all on loopback ports. Prints the seconds of each stage.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from monitor.demo.broker import LOOPBACK, free_port

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 120.0
ALERT = "DriftlineCountingPaused"
"""Fires where the log cannot be reached: Driftline itself then waits for it, and serves its metrics."""


def main() -> int:
    """Run it; 0 if the alert reached the receiver."""
    needed = [name for name in ("prometheus", "prometheus-alertmanager") if shutil.which(name) is None]
    if needed:
        print(f"{', '.join(needed)} not installed: apt-get install prometheus prometheus-alertmanager")
        return 1
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        work = Path(folder)
        received: list[dict[str, Any]] = []
        hook = opened.enter_context(receiver(received))
        driftline, prometheus, alertmanager = free_port(), free_port(), free_port()
        opened.enter_context(process(driftline_command(work, driftline), work / "driftline.log"))
        opened.enter_context(process(alertmanager_command(work, alertmanager, hook), work / "alertmanager.log"))
        opened.enter_context(
            process(prometheus_command(work, prometheus, driftline, alertmanager), work / "prom.log")
        )
        base = f"http://{LOOPBACK}:{prometheus}/api/v1"
        stage("scraped", lambda: value_of(base, 'up{job="driftline"}') == 1)
        stage("paused", lambda: value_of(base, "driftline_counting_paused") == 1)
        stage("fires", lambda: value_of(base, f'ALERTS{{alertname="{ALERT}",alertstate="firing"}}') == 1)
        stage("delivered", lambda: any(alert["labels"]["alertname"] == ALERT for alert in received))
        (alert,) = [alert for alert in received if alert["labels"]["alertname"] == ALERT][:1]
        print(alert["annotations"]["summary"], "|", alert["annotations"]["runbook"])
        unwell = [rule["name"] for rule in rules_of(base) if rule["health"] != "ok"]
        print(f"rules that cannot be evaluated: {unwell or 'none'}")
    return 1 if unwell else 0


def driftline_command(work: Path, port: int) -> list[str]:
    """A Driftline whose broker does not exist."""
    settings = {
        "source": {"kafka": {"servers": f"{LOOPBACK}:{free_port()}", "topics": ["guardrail-events"]}},
        "budget": {"pages": 1},
        "database": f"sqlite:///{work / 'driftline.db'}",
        "http": {"port": port},
    }
    (work / "driftline.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return [sys.executable, "-m", "monitor", "run", "-c", str(work / "driftline.yaml")]


def alertmanager_command(work: Path, port: int, hook: int) -> list[str]:
    """An Alertmanager that posts to our receiver at once."""
    settings = {
        "route": {"receiver": "test", "group_wait": "1s", "group_by": ["alertname"]},
        "receivers": [{"name": "test", "webhook_configs": [{"url": f"http://{LOOPBACK}:{hook}/"}]}],
    }
    (work / "alertmanager.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return [
        "prometheus-alertmanager",
        f"--config.file={work / 'alertmanager.yml'}",
        f"--storage.path={work / 'alertmanager'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
    ]


def prometheus_command(work: Path, port: int, driftline: int, alertmanager: int) -> list[str]:
    """A Prometheus with deploy/'s settings and rules, its clock sped up: seconds in place of minutes."""
    settings = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [f"{LOOPBACK}:{driftline}"]}]
    settings["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [f"{LOOPBACK}:{alertmanager}"]}]
    rules = yaml.safe_load((ROOT / "deploy/prometheus/driftline-rules.yml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "3s"
    (work / "driftline-rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    (work / "prometheus.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return [
        "prometheus",
        f"--config.file={work / 'prometheus.yml'}",
        f"--storage.tsdb.path={work / 'prometheus'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]


@contextmanager
def process(command: list[str], log: Path) -> Iterator[None]:
    """Run it while the block runs."""
    with log.open("wb") as output:
        running = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
        try:
            yield
        finally:
            running.terminate()
            try:
                running.wait(20)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


@contextmanager
def receiver(received: list[dict[str, Any]]) -> Iterator[int]:
    """A webhook that keeps the alerts that it gets; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.extend(body["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def query(base: str, expr: str) -> list[dict[str, Any]]:
    """The series that Prometheus has for an expression now; none while it does not answer."""
    try:
        with urllib.request.urlopen(f"{base}/query?query={urllib.request.quote(expr)}", timeout=5) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found
    except OSError:
        return []


def rules_of(base: str) -> list[dict[str, Any]]:
    """Every rule that Prometheus has loaded, with how its last evaluation went."""
    with urllib.request.urlopen(f"{base}/rules", timeout=5) as answer:
        return [rule for group in json.load(answer)["data"]["groups"] for rule in group["rules"]]


def value_of(base: str, expr: str) -> float | None:
    """The value of the only series."""
    found = query(base, expr)
    return float(found[0]["value"][1]) if len(found) == 1 else None


def stage(name: str, reached: Callable[[], bool]) -> None:
    """Wait for it.

    Raises:
        SystemExit: it did not come.
    """
    began = time.monotonic()
    while not reached():
        if time.monotonic() - began > WITHIN_S:
            raise SystemExit(f"{name}: not within {WITHIN_S:.0f} s")
        time.sleep(0.2)
    print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
