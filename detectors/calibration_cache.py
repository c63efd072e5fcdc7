"""Simulated calibrations on disk: one small JSON file, written whole. The only I/O of this package.

>>> import tempfile, pathlib
>>> with tempfile.TemporaryDirectory() as folder:
...     cache = JsonCache(pathlib.Path(folder) / "calibration.json")
...     cache["plan"] = {"lower": 1.3, "estimate": 1.4, "alarms": 5000.0}
...     JsonCache(pathlib.Path(folder) / "calibration.json")["plan"]["lower"]
1.3
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path

MAX_ENTRIES = 20_000  # about 3 MB; the oldest go first


class JsonCache(MutableMapping[str, dict[str, float]]):
    """A dictionary of simulated rungs behind `calibration.calibrate`, kept at `path`.

    A file that cannot be read as such is treated as empty, since everything in it can be simulated again.
    Writers replace the file in one step; of two at once, the last wins and the other's entries are re-simulated.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._entries: dict[str, dict[str, float]] = {}
        try:
            loaded = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(loaded, dict):
            self._entries = {str(k): v for k, v in loaded.items() if _is_rung(v)}

    def __getitem__(self, key: str) -> dict[str, float]:
        return dict(self._entries[key])

    def __setitem__(self, key: str, value: dict[str, float]) -> None:
        if not _is_rung(value):
            raise ValueError(f"a rung holds the numbers lower, estimate and alarms, got {value}")
        self._entries[key] = dict(value)
        while len(self._entries) > MAX_ENTRIES:
            del self._entries[next(iter(self._entries))]
        self._write()

    def __delitem__(self, key: str) -> None:
        del self._entries[key]
        self._write()

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        fresh.write_text(json.dumps(self._entries), encoding="utf-8")
        fresh.replace(self._path)


def _is_rung(value: object) -> bool:
    return (
        isinstance(value, dict)
        and {"lower", "estimate", "alarms"} <= value.keys()
        and all(isinstance(v, int | float) and v >= 0 for v in value.values())
    )
