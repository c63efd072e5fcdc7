"""Ports of evaluations to storage. Implemented in monitor.storage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from monitor.alerting.ports import AlertStore
from monitor.evals.model import Run


class EvalStore(AlertStore, Protocol):
    """Runs beside the response record, in one transaction."""

    def save_run(self, run: Run) -> Run:
        """Insert (id 0) or update; an approved run replaces the model's earlier approved one."""

    def run(self, run_id: int) -> Run | None:
        """One run with its results."""

    def runs(self, *, model: str | None = None, limit: int = 100) -> Sequence[Run]:
        """Newest first, of one model or of all."""

    def approved_run(self, model: str) -> Run | None:
        """The baseline of a model."""


class Evals(Protocol):
    """Opens transactions on the runs."""

    def transaction(self) -> AbstractContextManager[EvalStore]:
        """Commit on leaving, roll back on an exception."""

    def reading(self) -> AbstractContextManager[EvalStore]:
        """For reading only: it keeps no writer waiting."""
