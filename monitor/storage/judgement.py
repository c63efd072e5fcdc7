"""One judging transaction: what the judge found and where it stands, together, under its fencing token."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from monitor.errors import NotFound
from monitor.judging.ports import Baseline, BaselineState, Dismissal, JudgementStore, Snapshot
from monitor.storage import baselines as baseline_rows
from monitor.storage.response import ResponseTransaction
from monitor.storage.session import insert_into
from monitor.storage.tables import baselines, dismissals, judge, snapshots

SNAPSHOTS_KEPT: Final = 4
"""The newest few by the time of writing: after an upgrade the new code's, and still the old's to go back to."""


class JudgementTransaction(ResponseTransaction, JudgementStore):
    """The response record and the judge's own state, for as long as the transaction lasts."""

    def advance(self, judged_before: int) -> None:
        """All ticks below this are judged."""
        statement = insert_into(self._connection, judge).values(id=1, judged_before=int(judged_before))
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[judge.c.id], set_={"judged_before": statement.excluded.judged_before}
            )
        )

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep it, and of the earlier ones the newest few."""
        values = {"tick": int(snapshot.tick), "fingerprint": snapshot.fingerprint, "blob": snapshot.blob}
        self._connection.execute(insert(snapshots).values(values))
        newest = select(snapshots.c.id).order_by(snapshots.c.id.desc()).limit(SNAPSHOTS_KEPT)
        self._connection.execute(delete(snapshots).where(snapshots.c.id.not_in(newest)))

    def save_baseline(self, baseline: Baseline) -> Baseline:
        """Insert (id 0) or update; an approved baseline replaces the unit's earlier approved one.

        Raises:
            NotFound: there is no baseline of this id.
        """
        values = baseline_rows.to_row(baseline)
        if baseline.state is BaselineState.approved:
            self._replace_approved(values["unit_digest"], but=baseline.id, waiting=baseline.effective_tick is None)
        if baseline.id == 0:
            written = self._connection.execute(insert(baselines).values(values).returning(*baselines.c)).one()
        else:
            same = baselines.c.id == baseline.id
            found = self._connection.execute(update(baselines).where(same).values(values).returning(*baselines.c))
            row = found.one_or_none()
            if row is None:
                raise NotFound(f"there is no baseline {baseline.id}")
            written = row
        return baseline_rows.from_row(written)

    def save_dismissal(self, dismissal: Dismissal) -> Dismissal:
        """Insert, or update its effective tick; the first dismissal of a finding stands."""
        statement = insert_into(self._connection, dismissals).values(asdict(dismissal))
        tick = func.coalesce(dismissals.c.effective_tick, statement.excluded.effective_tick)
        written = self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=[dismissals.c.finding_id], set_={"effective_tick": tick}
            ).returning(*dismissals.c)
        ).one()
        return Dismissal(**written._mapping)

    def _replace_approved(self, unit_digest: bytes, *, but: int, waiting: bool) -> None:
        """Earlier approvals of the unit; one that the judge has not seen yet only gives way to a later such one.

        The judge's own then fails by the one approval per unit, and is judged again with the person's in sight.
        """
        earlier: Any = (
            (baselines.c.unit_digest == unit_digest)
            & (baselines.c.state == BaselineState.approved)
            & (baselines.c.id != but)
        )
        if not waiting:
            earlier &= baselines.c.effective_tick.is_not(None)
        self._connection.execute(update(baselines).where(earlier).values(state=BaselineState.replaced))
