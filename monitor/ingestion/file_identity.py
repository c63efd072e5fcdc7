"""Which file lies behind a path: a log that was rotated or cut has another beginning, and is another file.

Three facts distinguish files, in this order: what they begin with (a keyless hash of the first :data:`HEAD_BYTES`,
or of as many as there were), and the device and inode where that is too short to be sure. A file that was moved to
another disk begins as before, and stays the same file; one that was cut and filled anew keeps its inode, and does
not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

HEAD_BYTES: Final = 1024  # two or three events with their times and ids: no two logs begin so by chance
SIBLINGS_AT_MOST: Final = 10_000  # a directory with more names is not searched to its end
COMPRESSED: Final = frozenset({".gz", ".zst"})


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """The identity of a file among all others."""

    device: int
    inode: int
    head_bytes: int
    """Number of first bytes that the hash covers: fewer than :data:`HEAD_BYTES` of a file that was shorter."""
    head_hash: str

    def __str__(self) -> str:
        return f"{self.device}:{self.inode}:{self.head_bytes}:{self.head_hash}"

    @classmethod
    def parse(cls, text: str) -> FileIdentity | None:
        """The identity in the output of ``str``; None for any other text."""
        device, inode, size, digest = [*text.split(":"), "", "", "", ""][:4]
        if not (device.isdigit() and inode.isdigit() and size.isdigit()):
            return None
        return cls(int(device), int(inode), int(size), digest)

    @classmethod
    def of(cls, descriptor: int, *, head_bytes: int = HEAD_BYTES) -> FileIdentity:
        """The identity of an open file; its place in the file does not move.

        Raises:
            OSError: it cannot be read.
        """
        stat = os.fstat(descriptor)
        head = os.pread(descriptor, head_bytes, 0)
        digest = hashlib.blake2b(head, digest_size=16).hexdigest()
        return cls(stat.st_dev, stat.st_ino, len(head), digest)

    def is_of(self, descriptor: int) -> bool:
        """Whether an open file, which may have grown since, is the one that this was taken of."""
        now = FileIdentity.of(descriptor, head_bytes=self.head_bytes)
        same_place = (now.device, now.inode) == (self.device, self.inode)
        same_head = (now.head_bytes, now.head_hash) == (self.head_bytes, self.head_hash)
        return same_head and (same_place or self.head_bytes == HEAD_BYTES)


def former_file(path: Path, known: FileIdentity) -> Path | None:
    """The new place of a file that was at ``path`` once: beside it, under a name that begins as its own does.

    Compressed files are not looked into: their beginning is another one.
    """
    found: tuple[bool, int, Path] | None = None
    for sibling in _siblings(path):
        try:
            descriptor = os.open(sibling, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if known.is_of(descriptor):
                stat = os.fstat(descriptor)
                candidate = ((stat.st_dev, stat.st_ino) == (known.device, known.inode), stat.st_size, sibling)
                found = candidate if found is None else max(found, candidate)
        except OSError:
            continue
        finally:
            os.close(descriptor)
    return None if found is None else found[2]


def _siblings(path: Path) -> Iterator[Path]:
    stem = path.name.removesuffix(path.suffix)
    try:
        with os.scandir(path.parent) as entries:
            for entry in islice(entries, SIBLINGS_AT_MOST):
                named = entry.name.startswith(stem) and Path(entry.name).suffix not in COMPRESSED
                if named and entry.name != path.name and entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)
    except OSError:
        return
