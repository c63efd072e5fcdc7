"""Events per second of the whole service against the bare loops of two Kafka clients, on one topic of a real Kafka.

    python -m tests.benchmarks.throughput [--events 1000000] [--rounds 3] [--quick] [--json]

Contenders take turns, each in a process of its own, on the same topic (4 partitions, lz4, events of 17 keys and about
435 bytes):

- `service`: what `driftline run` does: read, decode, count, judge, commit to a real PostgreSQL. It is timed from the
  poll that brought the first records to the commit of the last one; kernels are compiled before.
- `poll`: kafka-python's `poll()` in a loop that throws the records away.
- `consume`: the same with confluent-kafka's `consume(5000)`.

Resident memory of the service is sampled while it runs; a flat run has the same in its first and its last third.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from monitor.storage import migrate
from tests.benchmarks.contenders import CONTENDERS
from tests.chaos.process import environment, write_settings
from tests.chaos.producing import produce
from tests.chaos.traffic import Story, records
from tests.servers.kafka import KafkaNode
from tests.servers.postgres import PostgresNode

TOPIC = "guardrail-events"
PARTITIONS = 4
EVENTS_PER_SECOND = 1_000  # of event time: 1,000,000 events are 100 ticks of 10 s
GUARDRAILS = tuple(f"guardrail-{number}" for number in range(10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="200,000 events, one round")
    parser.add_argument("--json", action="store_true", dest="as_json")
    arguments = parser.parse_args()
    events, rounds = (200_000, 1) if arguments.quick else (arguments.events, arguments.rounds)
    report = _report(events, _measure(events, rounds))
    print(json.dumps(report, indent=2) if arguments.as_json else _text(report))


def _measure(events: int, rounds: int) -> list[dict[str, dict[str, Any]]]:
    with tempfile.TemporaryDirectory(prefix="driftline-") as name:
        kafka, postgres = KafkaNode(Path(name)), PostgresNode(Path(name))
        try:
            kafka.start()
            _write_log(kafka, events)
            return [_round(kafka, postgres, Path(name), events, number) for number in range(rounds)]
        finally:
            kafka.stop()
            postgres.stop()


def _write_log(kafka: KafkaNode, events: int) -> None:
    kafka.create_topic(TOPIC, partitions=PARTITIONS)
    kafka.create_topic(f"{TOPIC}.dead")
    length_ms = events * 1000 // EVENTS_PER_SECOND
    story = Story(
        records=events,
        start_ms=int(time.time() * 1000) - length_ms - 3_600_000,
        length_ms=length_ms,
        partitions=PARTITIONS,
        guardrails=GUARDRAILS,
    )
    produce(kafka.bootstrap_servers, TOPIC, records(story))


def _round(
    kafka: KafkaNode, postgres: PostgresNode, directory: Path, events: int, number: int
) -> dict[str, dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {}
    order = CONTENDERS[number % 3 :] + CONTENDERS[: number % 3]
    with postgres.fresh_database() as driver_url:
        url = driver_url.replace("postgresql+psycopg2", "postgresql")
        migrate.upgrade(url)
        config = write_settings(
            directory / "driftline.yaml",
            {
                "source": {
                    "kafka": {"servers": kafka.bootstrap_servers, "topics": [TOPIC], "group": f"round-{number}"}
                },
                "budget": {"pages": 1},
                "database": url,
                "privacy": {"key_env": "THROUGHPUT_KEY"},
                "http": {"port": 0},
                "log": {"level": "warning"},
            },
        )
        for contender in order:
            results[contender] = _run(contender, kafka.bootstrap_servers, config, events)
            print(f"round {number + 1}: {contender} {results[contender]['rate']:,.0f}/s", file=sys.stderr)
    return results


def _run(contender: str, servers: str, config: Path, events: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.contenders", contender, servers, TOPIC, str(events), str(config)],
        stdout=subprocess.PIPE,
        env=environment({"THROUGHPUT_KEY": "0" * 32}),
        timeout=1_800,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _report(events: int, rounds: list[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    rates = {name: sorted(each[name]["rate"] for each in rounds) for name in CONTENDERS}
    ratios = {
        name: sorted(each["service"]["rate"] / each[name]["rate"] for each in rounds) for name in ("poll", "consume")
    }
    return {
        "events": events,
        "rounds": len(rounds),
        "rate": {name: _spread(values, 0) for name, values in rates.items()},
        "service_over": {name: _spread(values, 2) for name, values in ratios.items()},
        "judged_after_seconds": _spread(sorted(each["service"]["judged_after"] for each in rounds), 2),
        "memory_mib": [each["service"]["memory_mib"] for each in rounds],
    }


def _spread(values: list[float], digits: int) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), digits),
        "low": round(values[0], digits),
        "high": round(values[-1], digits),
    }


def _text(report: dict[str, Any]) -> str:
    lines = [f"{report['events']:,} events, {report['rounds']} rounds; median (lowest to highest)"]
    for name, rate in report["rate"].items():
        lines.append(f"  {name:<8} {rate['median']:>10,.0f} events/s ({rate['low']:,.0f} to {rate['high']:,.0f})")
    for name, ratio in report["service_over"].items():
        lines.append(f"  service / {name:<8} {ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})")
    after = report["judged_after_seconds"]
    lines.append(f"  judged {after['median']:.2f} s after the last count")
    for number, each in enumerate(report["memory_mib"], 1):
        lines.append(f"  memory of round {number}, MiB: {each}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
