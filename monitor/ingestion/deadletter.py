"""Dead letters: records that could not be decoded, kept with the reason, without prompt text by default.

At-least-once: whoever stores a position first calls :meth:`DeadLetters.flush`; a letter that was sent twice has the
same partition and offset.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from monitor.errors import TryAgain

Payload = Literal["drop", "keep"]
"""Whether the original bytes are kept: they may hold prompt text, so the default everywhere is to drop them."""

DETAIL_CHARACTERS: Final = 200
KEEP_BYTES: Final = 900_000  # the default limit of a Kafka record is 1 MiB with headers
WAITING_AT_MOST: Final = 1_000  # letters in memory, and of kept payload in bytes:
WAITING_BYTES: Final = 32 << 20
HASH_BYTES: Final = 16  # 128 bits: no two records collide by chance


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One undecodable record.

    ``detail`` names the field or place that is wrong; whoever writes it puts no text of the record into it.
    """

    partition: str
    offset: int
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None


class DeadLetters(Protocol):
    """The destination of dead letters."""

    def send(
        self, *, partition: str, offset: int, reason: str, detail: str, key: bytes | None, value: bytes | None
    ) -> None:
        """Hand over one letter; may buffer, may block while too many wait.

        Raises:
            TryAgain: too many wait already and they cannot be written now.
        """

    def flush(self) -> None:
        """Block until every letter that was sent is durable.

        Raises:
            TryAgain: they cannot be written now; they are still held, and the next flush tries again.
        """

    def close(self) -> None:
        """Flush if that is possible, and let go of file or connection; idempotent."""


class Sealer:
    """Turns a letter into what may be at rest.

    The sample hash is keyed: a plain hash of a short prompt could be found by trying likely prompts.
    """

    def __init__(self, *, payload: Payload, hash_key: bytes, keep_bytes: int = KEEP_BYTES) -> None:
        if not 16 <= len(hash_key) <= 64:
            raise ValueError(f"the hash key must be 16 to 64 bytes, got {len(hash_key)}")
        self.payload = payload
        self._hash_key = hash_key
        self._keep_bytes = keep_bytes

    def facts(self, letter: DeadLetter) -> dict[str, str | int | None]:
        """The part that is always kept: place, reason, size, and the keyed hash of the value (null if none)."""
        return {
            "partition": letter.partition,
            "offset": letter.offset,
            "reason": letter.reason,
            "detail": letter.detail[:DETAIL_CHARACTERS],
            "size": None if letter.value is None else len(letter.value),
            "sample_hash": None if letter.value is None else self.sample_hash(letter.value),
        }

    def kept(self, value: bytes) -> bytes:
        """The original bytes, cut to the bound; only with ``payload="keep"``."""
        return value[: self._keep_bytes]

    def sample_hash(self, value: bytes) -> str:
        """32 hexadecimal digits."""
        return hashlib.blake2b(value, key=self._hash_key, digest_size=HASH_BYTES).hexdigest()


class FileDeadLetters:
    """A JSON object per line: the facts, and with ``payload="keep"`` the value in base64 under ``value``."""

    def __init__(self, path: Path, sealer: Sealer) -> None:
        self._path = path
        self._sealer = sealer
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def send(
        self, *, partition: str, offset: int, reason: str, detail: str, key: bytes | None, value: bytes | None
    ) -> None:
        """Hold one line until the next flush."""
        line = self._sealer.facts(DeadLetter(partition, offset, reason, detail, key, value))
        if self._sealer.payload == "keep" and value is not None:
            line["value"] = base64.b64encode(self._sealer.kept(value)).decode()
        if len(self._waiting) >= WAITING_AT_MOST or self._waiting_bytes >= WAITING_BYTES:
            self.flush()
        self._waiting.append(json.dumps(line).encode() + b"\n")
        self._waiting_bytes += len(self._waiting[-1])

    def flush(self) -> None:
        """Append the lines and wait for the disk; the file is readable by its owner only."""
        if not self._waiting:
            return
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with open(descriptor, "ab") as file:
                size = os.fstat(descriptor).st_size
                try:
                    file.writelines(self._waiting)
                    file.flush()
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, size)  # no half a line in front of the next try
                    raise
        except OSError as error:
            raise TryAgain(f"dead letters cannot be written to {self._path}: {error.strerror or error}") from error
        self._waiting.clear()
        self._waiting_bytes = 0

    def close(self) -> None:
        """Write what waits."""
        self.flush()


class CountedDeadLetters:
    """Keeps counts by reason and the first few letters of each, for a backtest's report."""

    def __init__(self, *, first: int = 5) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, list[DeadLetter]] = defaultdict(list)
        self._first = first

    def send(
        self, *, partition: str, offset: int, reason: str, detail: str, key: bytes | None, value: bytes | None
    ) -> None:
        """Count one."""
        self.counts[reason] += 1
        if len(self.first[reason]) < self._first:
            self.first[reason].append(DeadLetter(partition, offset, reason, detail[:DETAIL_CHARACTERS], key, value))

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing to let go of."""
