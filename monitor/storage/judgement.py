"""One judging transaction: what the judge found and where it stands, together, under its fencing token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import msgspec
from sqlalchemy import delete, func, insert, select, update

from monitor.errors import NotFound
from monitor.findings.model import Finding, Kind
from monitor.judging.evidence_points import Record
from monitor.judging.ports import Baseline, BaselineState, Dismissal, JudgementStore, Snapshot
from monitor.storage import baselines as baseline_rows
from monitor.storage import evidence, layouts, retention
from monitor.storage.response import ResponseTransaction
from monitor.storage.response_tables import OF_AN_EXERCISE, dismissals, findings
from monitor.storage.session import insert_into
from monitor.storage.tables import baselines, judge, snapshots

SNAPSHOTS_KEPT: Final = 4
"""The newest few by the time of writing: after an upgrade the new code's, and still the old's to go back to."""


class JudgementTransaction(ResponseTransaction, JudgementStore):
    """The response record and the judge's own state, for as long as the transaction lasts."""

    def advance(self, judged_before: int, *, tick_ms: int) -> None:
        """All ticks below this are judged; they last ``tick_ms`` milliseconds each."""
        values = {"judged_before": int(judged_before), "tick_ms": int(tick_ms)}
        statement = insert_into(self._connection, judge).values(id=1, **values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=[judge.c.id], set_=values))

    def open_pages(self) -> Sequence[Finding]:
        """Open pages as stored, sorted by id; those of exercises are nothing that was judged."""
        at = findings.c
        query = select(at.document).where(at.ended_at_ms.is_(None), at.kind == Kind.page, ~OF_AN_EXERCISE)
        query = query.order_by(at.id)
        return [msgspec.json.decode(document, type=Finding) for document in self._connection.execute(query).scalars()]

    def roll_up_hour(self, before: int, *, per_hour: int) -> bool:
        """Roll up the oldest hour of ticks that lies below ``before``; whether there was one."""
        return retention.roll_up_hour(self._connection, before, per_hour=per_hour)

    def forget_counts(self, before: int) -> None:
        """Counts of ticks below ``before`` go, but for those that an approved baseline was taken of."""
        retention.forget_counts(self._connection, before)

    def roll_up_ledger(self, before_ms: int) -> int:
        """Add the oldest commits from before ``before_ms`` to their days; how many there were."""
        return retention.roll_up_ledger(self._connection, before_ms)

    def forget_delivered(self, before_ms: int) -> int:
        """Notifications that were delivered before ``before_ms`` go; how many there were."""
        return retention.forget_delivered(self._connection, before_ms)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep it, and of the earlier ones the newest few."""
        values = {"tick": int(snapshot.tick), "fingerprint": snapshot.fingerprint, "blob": snapshot.blob}
        self._connection.execute(insert(snapshots).values(values))
        newest = select(snapshots.c.id).order_by(snapshots.c.id.desc()).limit(SNAPSHOTS_KEPT)
        self._connection.execute(delete(snapshots).where(snapshots.c.id.not_in(newest)))

    def save_record(self, record: Record) -> None:
        """Keep evidence, levels and what is known of streams; what is there already is replaced."""
        evidence.save(self._connection, record)

    def save_baseline(self, baseline: Baseline) -> Baseline:
        """Insert (id 0) or update; an approved baseline replaces the unit's earlier approved one.

        Raises:
            NotFound: there is no baseline of this id.
        """
        values = baseline_rows.to_row(baseline)
        if baseline.layout.columns:
            layouts.write(self._connection, baseline.layout)
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
        return baseline_rows.from_row(written, {baseline.layout.fingerprint: baseline.layout}, None)

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
            & baselines.c.state.in_([BaselineState.approved, BaselineState.added])
            & (baselines.c.id != but)
        )
        if not waiting:
            earlier &= baselines.c.effective_tick.is_not(None)
        self._connection.execute(update(baselines).where(earlier).values(state=BaselineState.replaced))
