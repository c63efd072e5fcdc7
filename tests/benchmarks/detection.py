"""How soon drifts are found at a stated rate of false alarms: ours, the oracle, river's and the usual chunk tests.

python -m tests.benchmarks.detection              quick form: under 5 minutes on two cores, 3 where measured
python -m tests.benchmarks.detection --full       at least 200 runs a cell
... --cells FILE                                  keeps each portion as soon as it is measured; what is there already,
                                                  by the same code and with as much effort, is not measured again
... --write                                       puts tables and plot into detectors/README.md and delays.svg; with
                                                  --family or --method, only the tables that are whole all the same
"""

from __future__ import annotations

import argparse
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks import detection_jobs as jobs
from tests.benchmarks import detection_plan as plan
from tests.benchmarks.detection_cells import Cell, cell
from tests.benchmarks.detection_families import FAMILIES
from tests.benchmarks.detection_report import TABLES, write
from tests.benchmarks.detection_store import Store


class Bench:
    """The cells of one run of the benchmark: what is there, what is missing."""

    def __init__(self, store: Store, wanted: list[tuple[Any, plan.Row]], *, full: bool) -> None:
        self._store, self._wanted, self._full = store, wanted, full

    def measure(self, *, processes: int) -> None:
        """Measures what is missing; prints each cell that is complete."""
        settings = jobs.missing_settings(self._store, self._wanted, full=self._full)
        if settings:
            jobs.run(settings, self._store, processes=processes, what="settings", done=lambda _: None)
        portions = jobs.missing_portions(self._store, self._wanted, full=self._full)
        open_ = {(job.family, job.row): 0 for job in portions}
        for job in portions:
            open_[job.family, job.row] += 1

        def done(job: jobs.Job) -> None:
            open_[job.family, job.row] -= 1
            if not open_[job.family, job.row]:
                self.say(job.family, job.row)

        if portions:
            jobs.run(portions, self._store, processes=processes, what="portions", done=done)

    def cells(self) -> list[Cell]:
        """All cells that were measured, if only in part: they say in how many runs."""
        return [c for family, row in self._wanted if (c := self._cell(family, row)) is not None]

    def say(self, family_name: str, row_name: str) -> None:
        """Prints a cell, if its oracle is known."""
        family, row = next((f, r) for f, r in self._wanted if (f.name, r.name) == (family_name, row_name))
        c = self._cell(family, row)
        if c is not None:
            print(
                f"  {c.family:45s} {c.method:52s} {c.ratio:6.2f} +- {c.error:4.2f} x  mean {c.mean:7.0f}  "
                f"p95 {c.p95:7.0f}  found {c.found:4.0%}  spacing {c.spacing / 1000:6.1f}k "
                f"({c.spacing_low / 1000:.1f}-{c.spacing_high / 1000:.1f}k)  {c.ns:7.0f} ns  {c.runs} runs",
                flush=True,
            )

    def _cell(self, family: Any, row: plan.Row) -> Cell | None:
        mine, told = self._records(family, row), self._records(family, plan.row(family, row.unit))
        return cell(family.name, row.name, row.table, mine, told, paired=row.paired) if mine and told else None

    def _records(self, family: Any, row: plan.Row) -> list[dict[str, Any]]:
        value = jobs.value_of(self._store, family, row, full=self._full)
        found = (
            {} if value is None else self._store.portions(family.name, row.name, row.module, value, row.effort.size)
        )
        return [found[number] for number in sorted(found)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="at least 200 runs a cell")
    parser.add_argument("--write", action="store_true", help="update detectors/README.md and its plot")
    parser.add_argument("--family", default="", help="regular expression: only families whose name matches")
    parser.add_argument("--method", default="", help="regular expression: only methods whose name matches")
    parser.add_argument("--cells", type=Path, help="file of what was measured, one JSON line for each portion")
    parser.add_argument("--jobs", type=int, default=2, help="processes, by default 2")
    arguments = parser.parse_args()
    started = time.monotonic()
    wanted = [
        (family, row)
        for family in FAMILIES
        if re.search(arguments.family, family.name)
        for row in plan.rows(family)
        if re.search(arguments.method, row.name)
    ]
    bench = Bench(Store(arguments.cells), wanted, full=arguments.full)
    bench.measure(processes=arguments.jobs)
    if arguments.write:
        room = Path(__file__).resolve().parents[2] / "detectors"
        chosen = {(family.name, row.name) for family, row in wanted}
        rows = [(family.name, row) for family in FAMILIES for row in plan.rows(family)]
        partial = {row.table for family, row in rows if (family, row.name) not in chosen}
        write(bench.cells(), datetime.now(UTC).date().isoformat(), room, whole=set(TABLES) - partial)
    print(f"{(time.monotonic() - started) / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
