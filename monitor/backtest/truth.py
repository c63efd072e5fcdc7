"""Labelled stretches of a log in which something really was wrong, given in a file or carried by its events.

An event that carries ``"labels": {"segment": "probing"}`` labels its own time; a file has the stretches in JSON
lines: ``{"from": "2026-01-01T10:00:00Z", "to": "2026-01-01T11:00:00Z", "what": "probing", "guardrail": "shield"}``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.errors import SettingsError
from monitor.events.decode import Decoded
from monitor.events.formats.decoder import BlockDecoder
from monitor.events.records import RecordBlock

QUIET: Final = frozenset({"", "none", "null", "normal", "quiet", "baseline"})
"""Names of segments in which nothing is wrong."""
PAUSE_MS: Final = 15 * 60_000
"""Without an event of its name for so long, a segment is over; the same name later is another one."""
MAX_STRETCHES: Final = 10_000
MAX_FILE_BYTES: Final = 16 << 20
_MARK: Final = b'"segment"'


@dataclass(frozen=True, slots=True)
class Stretch:
    """Something was wrong from ``from_ms`` to ``to_ms`` of event time; with every guardrail if none is named."""

    from_ms: int
    to_ms: int
    what: str = ""
    guardrail: str = ""


def read_truth(path: Path) -> list[Stretch]:
    """The stretches of a file of JSON lines.

    Raises:
        SettingsError: the file cannot be read, or a line is no stretch.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SettingsError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB; one line per stretch is enough")
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from error
    return [_stretch(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


class Labels:
    """Collects the segments that events carry; :meth:`watching` wraps a decoder and observes its output."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[int, int]] = {}
        self._done: list[Stretch] = []

    def watching(self, decoder: BlockDecoder) -> BlockDecoder:
        """The same decoder."""
        return _LabellingDecoder(decoder, self)

    def stretches(self) -> list[Stretch]:
        """All segments in which something is wrong, in order of their beginning."""
        running = [Stretch(first, last, name) for name, (first, last) in self._open.items()]
        return sorted([*self._done, *running], key=lambda one: (one.from_ms, one.what))

    def add(self, name: str, at_ms: int) -> None:
        """An event of that time carries this segment."""
        if name in QUIET or len(self._done) >= MAX_STRETCHES:
            return
        first, last = self._open.get(name, (at_ms, at_ms))
        if at_ms > last + PAUSE_MS:
            self._done.append(Stretch(first, last, name))
            first, last = at_ms, at_ms
        if name in self._open or len(self._open) < MAX_STRETCHES:
            self._open[name] = (min(first, at_ms), max(last, at_ms))


class _Labelled(msgspec.Struct):
    labels: dict[str, Any] | None = None


class _LabellingDecoder:
    def __init__(self, decoder: BlockDecoder, labels: Labels) -> None:
        self._decoder = decoder
        self._labels = labels
        self._read = msgspec.json.Decoder(_Labelled)

    def decode(self, block: RecordBlock) -> Decoded:
        """As the decoder."""
        decoded = self._decoder.decode(block)
        if _MARK in block.buffer.tobytes():
            self._collect(block, decoded)
        return decoded

    def _collect(self, block: RecordBlock, decoded: Decoded) -> None:
        time_of = dict(zip(decoded.batch.offset.tolist(), decoded.batch.time_ms.tolist(), strict=True))
        for row, offset in enumerate(block.offset.tolist()):
            at_ms, value = time_of.get(offset), block.value(row)
            if at_ms is None or value is None or _MARK not in value:
                continue
            try:
                labels = self._read.decode(value).labels
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # the decoder has reported what is wrong with it
            name = None if labels is None else labels.get("segment")
            if isinstance(name, str):
                self._labels.add(name[:128], at_ms)


def _stretch(line: bytes, where: str) -> Stretch:
    try:
        said = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        example = '{"from": TIME, "to": TIME, "what": "probing"}'
        raise SettingsError(f"{where}: no JSON object such as {example}") from None
    first, last = (_moment(said.get(name), f"{where}: {name}") for name in ("from", "to"))
    if last < first:
        raise SettingsError(f"{where}: to is before from")
    what, guardrail = (said.get(name) or "" for name in ("what", "guardrail"))
    if not (isinstance(what, str) and isinstance(guardrail, str)):
        raise SettingsError(f"{where}: what and guardrail are text")
    return Stretch(first, last, what, guardrail)


def _moment(value: Any, where: str) -> int:
    """RFC 3339, or epoch milliseconds."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return int(value)
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None:
        raise SettingsError(f"{where}: must be RFC 3339 such as 2026-01-01T10:00:00Z, or epoch milliseconds")
    return int(at.timestamp() * 1000)


class Score:
    """Counts a detector's findings, and how many of them concern something that really was wrong.

    Args:
        truth: when something was wrong.
        grace_ms: a finding up to this long after a stretch still counts as being about it.
    """

    def __init__(self, truth: Sequence[Stretch], *, grace_ms: int = PAUSE_MS) -> None:
        self._truth = truth
        self._grace_ms = grace_ms
        self._delay: dict[int, int] = {}
        self.findings = 0
        self.true = 0

    def add(self, at_ms: NDArray[np.int64], guardrail: str) -> None:
        """Findings about one guardrail, at these rising event times."""
        self.findings += len(at_ms)
        about = np.zeros(len(at_ms) + 1, np.int64)
        for place, one in enumerate(self._truth):
            if one.guardrail not in ("", guardrail):
                continue
            first, last = np.searchsorted(at_ms, [one.from_ms, one.to_ms + self._grace_ms + 1])
            if first < last:
                about[first] += 1
                about[last] -= 1
                delay = int(at_ms[first]) - one.from_ms
                self._delay[place] = min(delay, self._delay.get(place, delay))
        self.true += int((about.cumsum()[:-1] > 0).sum())

    @property
    def delays_ms(self) -> Sequence[int]:
        """From the beginning of each stretch that was found to its first finding."""
        return [self._delay[place] for place in sorted(self._delay)]
