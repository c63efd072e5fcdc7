"""Does what is missing of the detection benchmark, in a few processes: settings first, then portion by portion."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import detection_plan as plan
from tests.benchmarks.detection_families import FAMILIES
from tests.benchmarks.detection_store import Record, Store, fingerprint


@dataclass(frozen=True)
class Job:
    """One call in a process of its own: finds a setting (`effort` > 0), or measures a portion of a cell."""

    family: str
    row: str
    effort: int = 0
    portion: int = 0
    value: float = 0.0
    weight: float = 1.0


def do(job: Job) -> Record:
    """The record of a job."""
    family = next(f for f in FAMILIES if f.name == job.family)
    row = plan.row(family, job.row)
    started = time.process_time()
    record: Record = {"family": job.family, "row": job.row, "code": fingerprint(row.module)}
    if job.effort:
        if row.tuned is None:
            raise ValueError(f"{job.row} has no setting")
        record |= {"effort": job.effort, "value": row.tuned(family, job.effort)}
    else:
        drifted, quiet = row.measure(family, job.portion, job.value)
        record |= {
            "value": job.value,
            "portion": job.portion,
            "size": row.effort.size,
            "delay": drifted.delay.tolist(),
            "false": drifted.false + quiet.false,
            "exposure": drifted.exposure + quiet.exposure,
            "seconds": drifted.seconds,
            "events": drifted.events,
        }
    return record | {"took": time.process_time() - started}


def setting_of(store: Store, family: Any, row: plan.Row, effort: int) -> Record | None:
    """A row's setting on a family: found once for all families that look the same before they drift."""
    return store.setting(plan.source(family, row).name, row.like or row.name, row.module, effort)


def missing_settings(store: Store, cells: Iterable[tuple[Any, plan.Row]], *, full: bool) -> list[Job]:
    """Settings to be found first."""
    jobs = {}
    for family, row in cells:
        effort = row.effort.tune_full if full else row.effort.tune_quick
        if row.tuned is not None and setting_of(store, family, row, effort) is None:
            source = plan.source(family, row)
            name = row.like or row.name
            jobs[source.name, name] = Job(source.name, name, effort=effort, weight=4 * row.weight)
    return list(jobs.values())


def missing_portions(store: Store, cells: Iterable[tuple[Any, plan.Row]], *, full: bool) -> list[Job]:
    """Portions to be measured, the settings being there; a row that no setting suits has none."""
    jobs = []
    for family, row in cells:
        value = value_of(store, family, row, full=full)
        if value is None:
            continue
        done = store.portions(family.name, row.name, row.module, value, row.effort.size)
        jobs += [
            Job(family.name, row.name, portion=number, value=value, weight=row.weight)
            for number in range(row.effort.full if full else row.effort.quick)
            if number not in done
        ]
    return jobs


def value_of(store: Store, family: Any, row: plan.Row, *, full: bool) -> float | None:
    """What a row is set to on a family: 0 where it has no setting, None where none suits it."""
    if row.tuned is None:
        return 0.0
    effort = row.effort.tune_full if full else row.effort.tune_quick
    found = setting_of(store, family, row, effort)
    if found is None or found["value"] is None:
        return None
    return float(found["value"])


def run(jobs: Sequence[Job], store: Store, *, processes: int, what: str, done: Callable[[Job], None]) -> None:
    """Does the jobs and stores each as soon as it is done; `done` is told.

    Several processes do the heavy ones first, to end together; a single one the light ones, to have much soon.
    """
    total = sum(job.weight for job in jobs)
    left, started, said = total, time.monotonic(), time.monotonic()
    ordered = sorted(jobs, key=lambda job: job.weight, reverse=processes > 1)
    with ProcessPoolExecutor(processes, initializer=_end_with, initargs=(os.getpid(),)) as pool:
        futures = {pool.submit(do, job): job for job in ordered}
        for count, future in enumerate(as_completed(futures), start=1):
            job = futures[future]
            store.add(future.result())
            done(job)
            left -= job.weight
            now = time.monotonic()
            if now - said > 15 or count == len(jobs):
                said = now
                minutes = (now - started) / max(total - left, 1e-9) * left / 60
                print(f"  [{count} of {len(jobs)} {what}, about {minutes:.1f} minutes left]", flush=True)


def _end_with(parent: int) -> None:
    """Ends this process when its parent was killed: it would wait for work for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
