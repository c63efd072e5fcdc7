"""Baselines as rows of their table, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from sqlalchemy import Row

from monitor.counts.model import Slice
from monitor.judging.ports import Baseline, BaselineState
from monitor.signals.layout import Layout
from monitor.storage import cells, slices

UNKNOWN: Final = Layout((), 1)
"""Layout of baselines from releases that stored none: their cells cannot be read."""


def to_row(baseline: Baseline) -> dict[str, Any]:
    """The values of all columns but ``id``."""
    unit = slices.unit_of(baseline.unit)
    size = len(baseline.counts)
    keys = np.fromiter((int(cell) for cell in baseline.counts), np.int64, size)
    numbers = np.fromiter((int(count) for count in baseline.counts.values()), np.int64, size)
    return {
        **{name: getattr(unit, name) for name in slices.UNIT_FIELDS},
        "threshold_milli": int(unit.threshold_milli),
        "unit_digest": slices.digest(unit),
        "state": baseline.state,
        "from_tick": int(baseline.from_tick),
        "to_tick": int(baseline.to_tick),
        "effective_tick": None if baseline.effective_tick is None else int(baseline.effective_tick),
        "counts": cells.encode([(keys, numbers)])[0],
        "layout": baseline.layout.fingerprint,
        "approved_by": baseline.approved_by,
        "reason": baseline.reason,
        "created_at_ms": int(baseline.created_at_ms),
    }


def from_row(row: Row[Any], stored_layouts: Mapping[str, Layout], present: Layout | None) -> Baseline:
    """The baseline of a row; its unit has empty stratum fields.

    Args:
        row: of the table.
        stored_layouts: by fingerprint.
        present: the reader's: cells that it does not know are left out. None: cells are as they are stored.
    """
    stored = row._mapping
    unit = {name: stored[name] for name in slices.UNIT_FIELDS} | dict.fromkeys(slices.STRATUM_FIELDS, "")
    layout = stored_layouts.get(stored["layout"], UNKNOWN)
    _, keys, numbers = cells.decode([stored["counts"]])
    if present is not None and layout.columns:
        kept, keys = layout.cells_in(present, keys)
        numbers, layout = numbers[kept], layout.narrowed(present)
    return Baseline(
        id=stored["id"],
        unit=Slice(**unit),
        state=BaselineState(stored["state"]),
        from_tick=stored["from_tick"],
        to_tick=stored["to_tick"],
        effective_tick=stored["effective_tick"],
        counts=dict(zip(keys.tolist(), numbers.tolist(), strict=True)),
        layout=layout,
        approved_by=stored["approved_by"],
        reason=stored["reason"],
        created_at_ms=stored["created_at_ms"],
    )
