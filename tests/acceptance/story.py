"""What the acceptance tests are told with: the command line, its processes, and live traffic."""

from __future__ import annotations

import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.chaos.process import Process, run
from tests.chaos.producing import produce
from tests.chaos.traffic import INPUT, Record, event

BOUND_SECONDS = 180.0  # for what would otherwise be waited for for ever


def driftline(*arguments: str | Path, code: int = 0) -> str:
    """Standard output of a command that must end with this exit code."""
    done = run(*(str(each) for each in arguments))
    assert done.returncode == code, f"exit code {done.returncode}: {done.stderr}"
    return done.stdout


def driftline_json(*arguments: str | Path) -> Any:
    """The JSON document that a command prints."""
    return json.loads(driftline(*arguments, "--json"))


def get(address: str, path: str) -> tuple[int, str]:
    """Status and body of a GET."""
    try:
        with urllib.request.urlopen(f"{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def metric(address: str, name: str, *, absent: float = 0.0) -> float:
    """The value of a metric without labels; ``absent`` before it is first exposed."""
    lines = [line.split() for line in get(address, "/metrics")[1].splitlines()]
    return next((float(words[1]) for words in lines if words[:1] == [name]), absent)


def until(reached: Callable[[], Any], *, what: str, process: Process) -> Any:
    """What `reached` gives, once it is true.

    Raises:
        AssertionError: it does not come true, or the process has ended.
    """
    deadline = time.monotonic() + BOUND_SECONDS
    while not (value := reached()):
        assert process.returncode is None, f"the process ended before it was {what}:\n{process.tail()}"
        assert time.monotonic() < deadline, f"not {what} within {BOUND_SECONDS:g} s:\n{process.tail()}"
        time.sleep(0.05)
    return value


class Live:
    """Traffic that happens now: every call produces a little of it, stamped with this moment."""

    def __init__(self, servers: str, topic: str, *, partitions: int) -> None:
        self._servers, self._topic, self._partitions = servers, topic, partitions
        self._numbers = itertools.count(10_000_000)
        self.produced = 0

    def probe(self, events: int = 40) -> None:
        """An attacker at work: scores right below the threshold."""
        self._produce(0.47, events)

    def _produce(self, score: float, events: int) -> None:
        self.produced += produce(self._servers, self._topic, self._events(score, events))

    def _events(self, score: float, events: int) -> Iterator[Record]:
        for number in itertools.islice(self._numbers, events):
            now = time.time_ns() // 1_000_000
            value = event(number=number, time_ms=now, guardrail=INPUT, session=number, language="en", score=score)
            yield Record(number % self._partitions, b"%d" % number, value, now)
