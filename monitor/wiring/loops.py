"""Steps that run again and again, each on a thread of its own, by the monotonic clock.

A wall clock that is set back (a time server, a restored virtual machine) stops no loop: nothing here reads it. A step
that takes longer than its interval is followed by the next at once; none is made up for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loop:
    """One step and how often it runs."""

    name: str
    step: Callable[[], None]
    every_s: float


@contextmanager
def running(loops: Sequence[Loop], on_failure: Callable[[Exception], None]) -> Iterator[None]:
    """The loops run while the block does; on leaving, steps that have begun are waited for.

    Args:
        loops: each gets a thread.
        on_failure: called with the exception of a step, on its thread; the loop has ended then.
    """
    stop = threading.Event()

    def run(loop: Loop) -> None:
        try:
            while not stop.wait(loop.every_s):
                loop.step()
        except Exception as error:  # noqa: BLE001 - handed to whoever started the loops
            on_failure(error)

    threads = [threading.Thread(target=run, args=[loop], name=loop.name, daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
