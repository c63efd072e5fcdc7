"""Runs of safety suites beside the response record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Row, insert, select, update

from monitor.errors import NotFound, StoreRefused
from monitor.evals.model import Result, Run, RunState
from monitor.evals.ports import Evals, EvalStore
from monitor.storage.response import ResponseTransaction
from monitor.storage.response_tables import eval_runs
from monitor.storage.session import Database


class SqlEvals(Evals):
    """Opens transactions on the runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator[EvalStore]:
        """Commit on leaving, roll back on an exception."""
        with self._database.writing() as connection:
            yield EvalTransaction(connection)

    @contextmanager
    def reading(self) -> Iterator[EvalStore]:
        """For reading only: it keeps no writer waiting."""
        with self._database.reading() as connection:
            yield EvalTransaction(connection)


class EvalTransaction(ResponseTransaction, EvalStore):
    """Runs and the response record, for as long as the transaction lasts."""

    def save_run(self, run: Run) -> Run:
        """Insert (id 0) or update; an approved run replaces the model's earlier approved one.

        Raises:
            NotFound: there is no run of this id.
        """
        if run.state is RunState.approved:
            earlier = (eval_runs.c.model == run.model) & (eval_runs.c.state == RunState.approved)
            self._connection.execute(
                update(eval_runs).where(earlier & (eval_runs.c.id != run.id)).values(state=RunState.replaced)
            )
        values = {
            "model": run.model,
            "version": run.version,
            "state": run.state,
            "recorded_by": run.recorded_by,
            "recorded_at_ms": run.recorded_at_ms,
            "reason": run.reason,
            "results": msgspec.json.encode(run.results).decode(),
        }
        if run.id == 0:
            return _run(self._connection.execute(insert(eval_runs).values(values).returning(*eval_runs.c)).one())
        same = update(eval_runs).where(eval_runs.c.id == run.id).values(values).returning(*eval_runs.c)
        row = self._connection.execute(same).one_or_none()
        if row is None:
            raise NotFound(f"there is no run {run.id}")
        return _run(row)

    def run(self, run_id: int) -> Run | None:
        """One run with its results."""
        row = self._connection.execute(select(eval_runs).where(eval_runs.c.id == run_id)).one_or_none()
        return None if row is None else _run(row)

    def runs(self, *, model: str | None = None, limit: int = 100) -> Sequence[Run]:
        """Newest first, of one model or of all."""
        query = select(eval_runs).order_by(eval_runs.c.id.desc()).limit(limit)
        if model is not None:
            query = query.where(eval_runs.c.model == model)
        return [_run(row) for row in self._connection.execute(query)]

    def approved_run(self, model: str) -> Run | None:
        """The baseline of a model."""
        approved = (eval_runs.c.model == model) & (eval_runs.c.state == RunState.approved)
        row = self._connection.execute(select(eval_runs).where(approved)).one_or_none()
        return None if row is None else _run(row)


def _run(row: Row[Any]) -> Run:
    values = dict(row._mapping)
    try:
        results = msgspec.json.decode(values["results"], type=tuple[Result, ...])
    except msgspec.ValidationError as error:
        raise StoreRefused(f"a stored run is not of this version of Driftline: {error}") from error
    return Run(**(values | {"state": RunState(values["state"]), "results": results}))
