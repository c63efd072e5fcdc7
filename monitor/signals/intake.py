"""intake: what became of the records of the log, whosever they are, as shares of all of them.

A request may influence the identifier, the fields and the shape of the records that tell of it: enough to be taken
for a copy, for a label or for a name that there is no room for, or not to be read at all. None of that may go
unnoticed. Counted for the log as a whole, in a slice of all guardrails.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import MISSING, EventBatch
from monitor.findings.model import Direction
from monitor.signals.bands import share_of_names
from monitor.signals.signal import Question, Signal

POOLED: Final = 0
"""Code of a name for which there was no room, or that is none, in every open vocabulary."""


class Record(IntEnum):
    """What became of a record; of several, the last one counts."""

    event = 0
    pooled = 1
    """An event under a name that is pooled: its guardrail, version, category or stratum."""
    label = 2
    """A label, though labels have no source of their own."""
    reused_id = 3
    """An event under the identifier of another one."""
    duplicate = 4
    rejected = 5
    """It could not be read."""


def code(batch: EventBatch) -> NDArray[np.int16]:
    """As far as the events alone tell: an event, one with a pooled name, or a label."""
    names = (
        *(batch.guardrail, batch.guardrail_version, batch.category),
        *(batch.language, batch.app, batch.model, batch.model_version, batch.format),
    )
    pooled = np.zeros(len(batch), np.bool_)
    for codes in names:
        pooled |= codes == POOLED
    found = np.where(pooled, Record.pooled, Record.event)
    return np.where(batch.harmful == MISSING, found, Record.label).astype(np.int16)


def _question(record: Record, phrase: str, *, pages: bool = True) -> Question:
    return Question(
        name=f"{record.name}_rise",
        values=tuple(float(one is record) for one in Record),
        direction=Direction.rise,
        phrase=phrase,
        pages=pages,
    )


SIGNAL: Final = Signal(
    name="intake",
    version=1,
    bins=tuple(record.name for record in Record),
    code=code,
    questions=(
        _question(Record.rejected, "share of records that cannot be read"),
        _question(Record.label, "share of records that are labels, and so are not watched as events"),
        _question(Record.duplicate, "share of records that are copies", pages=False),
        _question(Record.reused_id, "share of records under the identifier of another event", pages=False),
        _question(Record.pooled, "share of records under a name for which there is no room", pages=False),
    ),
    share_of=share_of_names("records that are", tuple(record.name for record in Record)),
    unavailable="counted for the log as a whole, in the stream of all guardrails",
    alternatives=(),
    of_records=True,
)
