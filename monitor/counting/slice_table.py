"""Which slice an event belongs to: interning of unit x stratum, bounded against hostile cardinality.

Two levels: the *unit* (a stream in an epoch: seven coded columns) and the *stratum* inside it (five). Stratum values
are for an attacker to choose, so each unit has room for a limited number; the overflow is pooled into the unit's
``(other)`` stratum, and units beyond their own limit into one pooled unit. Pooled look-ups are counted in a
metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import njit
from monitor.counts.model import Slice
from monitor.counts.units import RECORDS
from monitor.events.batch import MISSING, EventBatch, ScoreKind, ScoreSemantics, Stage, Strings, Vocabulary
from monitor.signals.signal import ALL

_POOLED_UNIT: Final = np.array([0, 0, 0, MISSING, MISSING, MISSING, MISSING], np.int32)
"""Version and category ``(other)`` (code 0 of every vocabulary), nothing else known; the guardrail stays its own."""
_OWN: Final = frozenset({ALL, RECORDS.category, RECORDS.guardrail})
"""Names that Driftline itself gives to slices."""
_NAMED: Final = 3
"""Leading columns of a unit that hold names."""
_POOLED_STRATUM: Final = np.zeros(6, np.int32)


@njit(cache=True, nogil=True)
def _slot(row: NDArray[np.int32], table: NDArray[np.int32], known: NDArray[np.int32]) -> np.int64:
    """Slot that holds the row's code, or the empty slot (-1) where it would go."""
    h = np.uint64(0x9E3779B97F4A7C15)
    for j in range(len(row)):
        h = (h ^ np.uint64(row[j] + 2)) * np.uint64(0xBF58476D1CE4E5B9)
        h ^= h >> np.uint64(29)
    mask = len(table) - 1
    slot = np.int64(h >> np.uint64(2)) & mask
    while table[slot] >= 0:
        candidate = known[table[slot]]
        same = True
        for j in range(len(row)):
            if row[j] != candidate[j]:
                same = False
                break
        if same:
            return slot
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def _intern(
    rows: NDArray[np.int32],
    fallback: NDArray[np.int32],
    kept: int,
    limit: int,
    group_limit: int,
    group_size: NDArray[np.int64],
    table: NDArray[np.int32],
    known: NDArray[np.int32],
    used: int,
    codes: NDArray[np.int32],
) -> tuple[int, int]:
    """Code of each row, new codes for new rows while there is room, else the code of the fallback row."""
    pooled = 0
    for i in range(len(rows)):
        row = rows[i]
        if i > 0:
            same = True
            for j in range(len(row)):
                if row[j] != rows[i - 1, j]:
                    same = False
                    break
            if same:
                codes[i] = codes[i - 1]
                continue
        slot = _slot(row, table, known)
        if table[slot] < 0:
            group = row[0] if kept > 0 else 0
            if used >= limit or group_size[group] >= group_limit:
                pooled += 1
                row = fallback.copy()
                row[:kept] = rows[i, :kept]
                slot = _slot(row, table, known)
            else:
                group_size[group] += 1
        if table[slot] < 0:
            known[used] = row
            table[slot] = used
            used += 1
        codes[i] = table[slot]
    return used, pooled


class _Rows:
    """Interns integer rows as dense codes: at most ``limit``, and ``group_limit`` per first column."""

    def __init__(self, *, fallback: NDArray[np.int32], kept: int, limit: int, groups: int, group_limit: int) -> None:
        capacity = limit + groups  # every group can still get its fallback row
        self.known = np.zeros((capacity, len(fallback)), np.int32)
        self.used = 0
        self.pooled = 0
        self._fallback, self._kept, self._limit, self._group_limit = fallback, kept, limit, group_limit
        self._group_size = np.zeros(groups, np.int64)
        self._table = np.full(1 << (2 * capacity - 1).bit_length(), -1, np.int32)

    def codes(self, rows: NDArray[np.int32]) -> NDArray[np.int32]:
        """int32 (n,) codes of int32 (n, width) rows."""
        codes = np.empty(len(rows), np.int32)
        self.used, pooled = _intern(
            np.ascontiguousarray(rows),
            self._fallback,
            self._kept,
            self._limit,
            self._group_limit,
            self._group_size,
            self._table,
            self.known,
            self.used,
            codes,
        )
        self.pooled += pooled
        return codes


class SliceTable:
    """Local codes of the slices that one process has seen."""

    def __init__(
        self, vocabulary: Vocabulary, *, units: int = 4_096, strata_per_unit: int = 256, slices: int = 65_536
    ) -> None:
        self.vocabulary = vocabulary
        self._all = vocabulary.category.own(ALL)
        self._pooled = np.zeros(0, np.bool_)
        """Of each slice: is it another one's pool?"""
        guardrails = vocabulary.guardrail.limit + 2  # with the pool, and the name for all of them
        self._units = _Rows(fallback=_POOLED_UNIT, kept=1, limit=units, groups=guardrails, group_limit=units)
        self._slices = _Rows(
            fallback=_POOLED_STRATUM, kept=1, limit=slices, groups=units + guardrails, group_limit=strata_per_unit
        )

    def __len__(self) -> int:
        return self._slices.used

    @property
    def pooled(self) -> int:
        """Look-ups (runs of equal events) that were pooled because a limit was reached."""
        return self._units.pooled + self._slices.pooled

    def codes(self, batch: EventBatch) -> NDArray[np.int32]:
        """int32 (n,) local slice code of each event."""
        milli = np.where(np.isnan(batch.threshold), float(MISSING), np.rint(batch.threshold * 1000.0))
        units = self._units.codes(
            np.column_stack(
                (
                    batch.guardrail,
                    batch.guardrail_version,
                    batch.category,
                    batch.stage.astype(np.int32),
                    batch.score_kind.astype(np.int32),
                    batch.semantics.astype(np.int32),
                    milli.astype(np.int32),
                )
            )
        )
        strata = (batch.language, batch.app, batch.model, batch.model_version, batch.format)
        return self._slices.codes(np.column_stack((units, *strata)))

    @cached_property
    def of_records(self) -> int:
        """Local code of the slice of all guardrails' records."""
        unit = np.full((1, 7), MISSING, np.int32)
        unit[0, 0] = self.vocabulary.guardrail.own(RECORDS.guardrail)
        unit[0, 2] = self.vocabulary.category.own(RECORDS.category)
        number = int(self._units.codes(unit)[0])
        return int(self._slices.codes(np.array([(number, *[MISSING] * 5)], np.int32))[0])

    def is_pooled(self, codes: NDArray[np.int32]) -> NDArray[np.bool_]:
        """bool (n,): whether a limit, here or of a vocabulary, has put an event under another name than its own."""
        if len(self._pooled) < self._slices.used:  # of the slices that are new since the last look
            rows = self._slices.known[len(self._pooled) : self._slices.used]
            names = self._units.known[rows[:, 0], :_NAMED]
            found = (names == 0).any(axis=1) | (rows[:, 1:] == 0).any(axis=1)
            self._pooled = np.concatenate([self._pooled, found])
        return self._pooled[codes]

    def pooled_codes(self, batch: EventBatch, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """int32 (len(rows),) local code of the slice that holds the pooled signals of these events' guardrails."""
        unknown = np.full(len(rows), MISSING, np.int32)
        units = self._units.codes(
            np.column_stack(
                (
                    batch.guardrail[rows],
                    batch.guardrail_version[rows],
                    np.full(len(rows), self._all, np.int32),
                    batch.stage[rows].astype(np.int32),
                    unknown,
                    unknown,
                    unknown,
                )
            )
        )
        strata = (batch.language, batch.app, batch.model, batch.model_version, batch.format)
        return self._slices.codes(np.column_stack((units, *(column[rows] for column in strata))))

    def know(self, pieces: Sequence[Slice]) -> None:
        """Pre-register approved slices so that they cannot be crowded out."""
        words = self.vocabulary
        for piece in pieces:
            unit = (
                _word(words.guardrail, piece.guardrail),
                _word(words.guardrail_version, piece.guardrail_version),
                _word(words.category, piece.category),
                Stage[piece.stage] if piece.stage else MISSING,
                ScoreKind[piece.score_kind] if piece.score_kind else MISSING,
                ScoreSemantics[piece.semantics] if piece.semantics else MISSING,
                piece.threshold_milli,
            )
            stratum = (
                _word(words.language, piece.language),
                _word(words.app, piece.app),
                _word(words.model, piece.model),
                _word(words.model_version, piece.model_version),
                _word(words.format, piece.format),
            )
            number = int(self._units.codes(np.array([unit], np.int32))[0])
            self._slices.codes(np.array([(number, *stratum)], np.int32))

    def slice_of(self, code: int) -> Slice:
        """The slice that a local code stands for."""
        unit, language, app, model, model_version, form = (int(x) for x in self._slices.known[code])
        guardrail, version, category, stage, kind, semantics, threshold = (int(x) for x in self._units.known[unit])
        words = self.vocabulary
        return Slice(
            guardrail=words.guardrail.text(guardrail),
            guardrail_version=words.guardrail_version.text(version),
            category=words.category.text(category),
            stage="" if stage == MISSING else Stage(stage).name,
            score_kind="" if kind == MISSING else ScoreKind(kind).name,
            semantics="" if semantics == MISSING else ScoreSemantics(semantics).name,
            threshold_milli=threshold,
            language=words.language.text(language),
            app=words.app.text(app),
            model=words.model.text(model),
            model_version=words.model_version.text(model_version),
            format=words.format.text(form),
        )


def _word(known: Strings, text: str) -> int:
    if not text:
        return MISSING
    return known.own(text) if text in _OWN else known.code(text)
