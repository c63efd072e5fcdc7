"""python -m tests.faults [--short]: every fault, on real files and a real Apache Kafka; exit code 1 if one is wrong.

--short leaves out what needs brokers.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from monitor.signals.registry import LAYOUT
from monitor.storage.stores import open_stores
from tests.faults import databases, files, topics
from tests.faults.fault import Fault, Place, Seen
from tests.servers.kafka import KafkaNode

ALL = (*files.FAULTS, *databases.FAULTS, *topics.FAULTS)


def run(fault: Fault, servers: str) -> Seen:
    """One fault in a place of its own."""
    with tempfile.TemporaryDirectory(prefix="driftline-fault-") as name:
        directory = Path(name)
        with open_stores(f"sqlite:///{directory / 'driftline.db'}", layout=LAYOUT) as stores:
            return fault.run(Place(directory, stores, servers))


@contextmanager
def brokers() -> Iterator[str]:
    """An Apache Kafka of our own."""
    with tempfile.TemporaryDirectory(prefix="driftline-fault-") as name:
        node = KafkaNode(Path(name))
        node.start()
        try:
            yield node.bootstrap_servers
        finally:
            node.stop()


def main() -> int:
    """Run them, print the table."""
    parser = argparse.ArgumentParser(description="What Driftline makes of faults.")
    parser.add_argument("--short", action="store_true", help="only what needs no brokers")
    short = parser.parse_args().short
    logging.disable(logging.WARNING)
    table = Table("fault", "seconds until said", "where", "lost", "twice", "counts as undisturbed")
    bad = 0
    with ExitStack() as opened:
        servers = "" if short else opened.enter_context(brokers())
        for fault in ALL:
            if short and fault.needs != "files":
                continue
            seen = run(fault, servers)
            bad += not seen.good
            said = "-" if seen.seconds is None else f"{seen.seconds:.1f}"
            table.add_row(
                fault.name, said, seen.where, str(seen.lost), str(seen.duplicates), "yes" if seen.same else "NO"
            )
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
