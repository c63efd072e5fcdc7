"""Many simulated streams side by side: counts in, (tick, test) of every alarm out."""

import numpy as np

from detectors.evidence import Evidence
from detectors.recoupling import Recoupler


def cells_of(counts):
    """(T, N, B) or (T, N, S, B) counts to tick_ptr and columns."""
    tick, *keys = np.nonzero(counts)
    ptr = np.concatenate(([0], np.cumsum(np.bincount(tick, minlength=len(counts)))))
    return ptr, *keys, counts[tick, *keys]


def part(cells, start, stop):
    ptr, *columns = cells
    inside = slice(ptr[start], ptr[stop])
    return ptr[start : stop + 1] - ptr[start], *(column[inside] for column in columns)


def alarms_of(engine: Evidence, cells) -> list[tuple[int, int]]:
    """Runs all ticks, resetting each test that alarms: (tick, test) of every alarm."""
    out, at, ticks = [], 0, len(cells[0]) - 1
    while at < ticks:
        done, alarmed = engine.advance(*part(cells, at, ticks))
        at += done
        for test in alarmed:
            out.append((at - 1, int(test)))
            engine.reset(int(test))
    return out


def recoupled_alarms(
    engine: Evidence, recoupler: Recoupler, cells, *, stratum_of=None, test_of=None, first=0, keep_reference=False
):
    """The same behind a recoupler; rows are tests unless mapped. Ticks are numbered from `first`.

    Each alarm starts a fresh reference, as a true one would; `keep_reference` dismisses it instead.
    """
    out, at, ticks = [], 0, len(cells[0]) - 1
    rows = recoupler.snapshot()["id"]
    test_of = rows if test_of is None else test_of
    stratum_of = np.zeros(len(rows), dtype=int) if stratum_of is None else stratum_of
    numbers = np.arange(first, first + ticks)
    while at < ticks:
        stop = min(at + 100, ticks)  # what is recoupled past an alarm is thrown away: short batches waste less
        rest, tick = part(cells, at, stop), numbers[at:stop]
        ptr, row, bins, count = recoupler.recouple(rest[0], tick, *rest[1:])
        done, alarmed = engine.advance(ptr, test_of[row], stratum_of[row], bins, count)
        recoupler.retract(rest[0], tick, *rest[1:], keep=done)
        at += done
        for test in alarmed:
            out.append((at - 1, int(test)))
            engine.reset(int(test))
            for row_ in np.flatnonzero(test_of == test) if not keep_reference else ():
                recoupler.reset_reference(int(row_))
    return out
