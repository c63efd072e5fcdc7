"""Notices about compiling; apart from numba, which takes half a second to load: many listeners never need it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

COMPILING: Final = "compiling numerical code for this machine: about a minute, the first time only"
NOT_KEPT: Final = (
    "compiled code cannot be kept ({why}) and is compiled anew by every process, which takes about a minute; "
    "name a directory that can be written in the environment variable NUMBA_CACHE_DIR"
)


class Notices:
    """Reports once that kernels are compiled, and once that they cannot be kept; to nobody before `report` is set."""

    def __init__(self) -> None:
        self.report: Callable[[str], None] | None = None
        self._reported: set[str] = set()

    def compiling(self) -> None:
        """A kernel is about to be compiled."""
        self._once("compiling", COMPILING)

    def not_kept(self, why: str) -> None:
        """A kernel was compiled, and will have to be again."""
        self._once("not kept", NOT_KEPT.format(why=why))

    def _once(self, kind: str, text: str) -> None:
        if self.report is not None and kind not in self._reported:
            self._reported.add(kind)
            self.report(text)


notices: Final = Notices()
