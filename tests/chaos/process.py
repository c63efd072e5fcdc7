"""`driftline` commands as processes of their own, with their settings file, log and end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

COMMAND = (sys.executable, "-m", "monitor")
STOP_WITHIN_SECONDS = 30.0
RUN_WITHIN_SECONDS = 240.0  # a first run compiles all kernels


def write_settings(path: Path, settings: Mapping[str, Any]) -> Path:
    """A settings file."""
    path.write_text(yaml.safe_dump(dict(settings), sort_keys=False), encoding="utf-8")
    return path


def run(
    *arguments: str, cwd: Path | None = None, within: float = RUN_WITHIN_SECONDS
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself within so many seconds."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
        cwd=cwd,
        env=environment({}),
    )


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's, without settings that a developer may have set, and finding the project from anywhere."""
    own = {name: value for name, value in os.environ.items() if not name.upper().startswith("DRIFTLINE")}
    root = str(Path(__file__).resolve().parents[2])
    return own | {"PYTHONPATH": root} | dict(extra)


@dataclass
class Process:
    """A role that runs until it is told to stop, or killed."""

    name: str
    role: str
    settings: Path
    log: Path
    variables: Mapping[str, str]
    started: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, again if it has run before; its log goes on."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, self.role, "--config", str(self.settings), "--json"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(self.variables),
            )
        self.started += 1

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._running().poll()

    def kill(self) -> None:
        """SIGKILL."""
        self._running().kill()
        self._running().wait()

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self._running().send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Its exit code, once it has ended.

        Raises:
            TimeoutExpired: it goes on and on.
        """
        return self._running().wait(STOP_WITHIN_SECONDS)

    def lines(self) -> list[dict[str, Any]]:
        """Its log, as far as written; what is no JSON object (a traceback) comes as `{"text": ...}`."""
        read = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return [json.loads(line) if line.startswith("{") and line.endswith("}") else {"text": line} for line in read]

    def http_address(self) -> str | None:
        """Where its metrics are; None before it has started."""
        started = [line for line in self.lines() if line.get("event") == "started"]
        return str(started[-1]["http"]) if len(started) >= self.started > 0 else None

    def tail(self, lines: int = 15) -> str:
        """The end of its log, for messages."""
        return "\n".join(str(line) for line in self.lines()[-lines:])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process


def stop_all(processes: Sequence[Process]) -> None:
    """Kill whatever still runs."""
    for process in processes:
        if process._process is not None:
            process.kill()
