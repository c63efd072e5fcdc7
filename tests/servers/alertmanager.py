"""A real Prometheus Alertmanager (Debian's prometheus-alertmanager) on loopback ports, for tests."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.needs import ServerUnavailable

PROGRAMS = ("prometheus-alertmanager", "alertmanager")
START_SECONDS = 60.0


class AlertmanagerNode:
    """A running Alertmanager.

    Attributes:
        url: its base, as in a browser.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that it holds firing, as its API shows them."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts?active=true", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


@contextmanager
def alertmanager(directory: Path, *, receiver: str | None = None, token: str = "") -> Iterator[AlertmanagerNode]:
    """Run one; ends with the block.

    Args:
        directory: an empty one, for its settings and its state.
        receiver: URL of a webhook that gets all alerts within a second; None: nobody does.
        token: bearer token that it sends there.

    Raises:
        ServerUnavailable: it is not installed, or does not start; with what it printed.
    """
    program = next((found for name in PROGRAMS if (found := shutil.which(name)) is not None), None)
    if program is None:
        raise ServerUnavailable("Alertmanager is not installed: apt-get install prometheus-alertmanager (Debian)")
    hook = {"url": receiver, "send_resolved": True, "http_config": {"authorization": {"credentials": token}}}
    settings = {
        "route": {"receiver": "all", "group_by": ["..."], "group_wait": "100ms", "group_interval": "1s"},
        "receivers": [{"name": "all"} | ({} if receiver is None else {"webhook_configs": [hook]})],
    }
    (directory / "alertmanager.yml").write_text(json.dumps(settings))  # JSON is YAML
    port = _free_port()
    log = directory / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={directory / 'alertmanager.yml'}",
                f"--storage.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        node = AlertmanagerNode(f"http://127.0.0.1:{port}")
        _until_ready(node, process, log)
        yield node
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_ready(node: AlertmanagerNode, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{node.url}/-/ready", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    printed = log.read_text(encoding="utf-8", errors="replace")
    raise ServerUnavailable(f"Alertmanager did not start:\n{printed[-2_000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
