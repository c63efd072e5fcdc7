"""A real schema registry, Apicurio with Confluent's API, in memory on a free loopback port, for tests."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from monitor.demo.broker import LOOPBACK, free_port
from tests.servers.needs import ServerUnavailable, java, registry_jar

READY_WITHIN_SECONDS = 180.0  # measured 10 s alone on 2 cores, 56 s under load
JVM_FLAGS = ("-Xmx400m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData")


class Registry:
    """A running registry; ``url`` is what ``source.schema_registry.url`` takes."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{LOOPBACK}:{port}/apis/ccompat/v7"

    def add(self, subject: str, kind: str, schema: str, references: list[dict[str, Any]] | None = None) -> int:
        """Register a schema; its number."""
        body = {"schemaType": kind, "schema": schema, "references": references or []}
        answer = httpx.post(f"{self.url}/subjects/{subject}/versions", json=body, timeout=60.0, trust_env=False)
        answer.raise_for_status()
        return int(answer.json()["id"])


@contextmanager
def running_registry(directory: Path) -> Iterator[Registry]:
    """A registry with nothing in it, for as long as the block lasts.

    Raises:
        ServerUnavailable: it has not been fetched, or did not come up; with the end of its log.
    """
    jar, port, log = registry_jar(), free_port(), directory / "registry.log"
    environment = os.environ | {"QUARKUS_HTTP_HOST": LOOPBACK, "QUARKUS_HTTP_PORT": str(port)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [java(), *JVM_FLAGS, "-jar", str(jar)], cwd=directory, env=environment, stdout=out, stderr=out
        )
    try:
        _wait(registry := Registry(port), process, log)
        yield registry
    finally:
        process.kill()
        process.wait()


def _wait(registry: Registry, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{registry.url}/subjects", timeout=5.0, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise ServerUnavailable(f"the registry did not come up:\n{log.read_text(errors='replace')[-2000:]}")
