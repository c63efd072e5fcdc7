"""The contenders of the throughput benchmark, one to a process: a JSON object with its figures on standard output."""

from __future__ import annotations

import cProfile
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer
from confluent_kafka import TopicPartition as Place
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from monitor.backtest.warm_up import warm_up
from monitor.clock import SystemClock
from monitor.ingestion.worker import WorkerReport
from monitor.judging.judge import JudgeReport
from monitor.settings import load_settings
from monitor.wiring.judge_role import Judging
from monitor.wiring.logs import set_up_logs
from monitor.wiring.service import Hooks, Roles, Service

CONTENDERS = ("poll", "consume", "service")
SAMPLE_SECONDS = 0.02
RECENT_TICKS = 60  # judged up to here: the idle mark of now has closed what the log left open
PROFILE = "THROUGHPUT_PROFILE"  # environment variable: a file for cProfile's figures of the service


def poll(servers: str, topic: str, events: int) -> dict[str, Any]:
    """kafka-python's loop."""
    consumer = KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)
    parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    return _timed(events, lambda: sum(len(found) for found in consumer.poll(timeout_ms=500).values()))


def consume(servers: str, topic: str, events: int) -> dict[str, Any]:
    """confluent-kafka's loop."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "bare",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 1,  # by default it sleeps for a second whenever its queue was full
        }
    )
    parts = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([Place(topic, number, OFFSET_BEGINNING) for number in parts])
    return _timed(events, lambda: len(consumer.consume(5000, timeout=0.5)))


def _timed(events: int, read_some: Callable[[], int]) -> dict[str, Any]:
    """From the call that brought the first records to the one that brought the last."""
    read, began = 0, time.perf_counter()
    while read < events:
        before = time.perf_counter()
        got = read_some()
        if read == 0 and got:
            began = before
        read += got
    seconds = time.perf_counter() - began
    return {"rate": events / seconds, "seconds": seconds}


def service(config: Path, events: int) -> dict[str, Any]:
    """What `driftline run` does, until everything is counted, closed and judged."""
    warm_up()
    set_up_logs(level="warning", form="console", stream=sys.stderr)
    settings = load_settings(config)
    times: dict[str, float] = {}
    counted = 0

    def on_counted(report: WorkerReport) -> None:
        nonlocal counted
        now = time.perf_counter()
        if report.polled:
            times.setdefault("began", times["last"])
        times["last"] = now
        counted += report.tally.events
        if counted >= events:
            times.setdefault("ended", now)

    def on_judged(report: JudgeReport, _: Judging) -> None:
        recent = int(time.time() * 1000) // settings.ticks.length.ms - RECENT_TICKS
        if "ended" in times and report.judged_before is not None and report.judged_before > recent:
            times.setdefault("judged", time.perf_counter())
            running.stop()

    hooks = Hooks(on_counted=on_counted, on_judged=on_judged)
    running = Service(settings, Roles(), clock=SystemClock(), env=os.environ, hooks=hooks)
    with Memory() as memory:
        _run(running)
    seconds = times["ended"] - times["began"]
    return {
        "rate": events / seconds,
        "seconds": seconds,
        "judged_after": times["judged"] - times["ended"],
        "memory_mib": memory.thirds(times["began"], times["ended"]),
    }


def _run(running: Service) -> None:
    if PROFILE not in os.environ:
        running.run()
        return
    profile = cProfile.Profile()
    profile.runcall(running.run)
    profile.dump_stats(os.environ[PROFILE])


class Memory:
    """Resident memory of this process, sampled in the background."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        process = psutil.Process()
        while not self._stop.wait(SAMPLE_SECONDS):
            self._samples.append((time.perf_counter(), process.memory_info().rss))

    def thirds(self, began: float, ended: float) -> dict[str, float]:
        """Median of the first and the last third of the time between the two, and the most, in MiB."""
        mine = [rss / 2**20 for at, rss in self._samples if began <= at <= ended]
        third = len(mine) // 3
        if third == 0:
            return {}
        first, last = statistics.median(mine[:third]), statistics.median(mine[-third:])
        return {"first_third": round(first, 1), "last_third": round(last, 1), "most": round(max(mine), 1)}


def main() -> None:
    name, servers, topic, events, config = sys.argv[1:]
    if name == "service":
        figures = service(Path(config), int(events))
    else:
        figures = {"poll": poll, "consume": consume}[name](servers, topic, int(events))
    print(json.dumps(figures), flush=True)
    os._exit(0)  # the clients' own ends would wait for the broker


if __name__ == "__main__":
    main()
