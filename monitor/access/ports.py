"""Ports of access to storage. Implemented in monitor.storage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from monitor.access.model import Answered, Audited, Credential, Kind


class AccessStore(Protocol):
    """Credentials and the audit trail inside one open transaction."""

    def add_credential(self, credential: Credential) -> Credential:
        """Store it; returns it with its id."""

    def credential(self, digest: bytes) -> Credential | None:
        """The one whose secret has this hash."""

    def credentials(self, kind: Kind, *, limit: int = 1000) -> Sequence[Credential]:
        """Newest first."""

    def end_credential(self, credential_id: int, *, now_ms: int) -> bool:
        """End one that has not ended; False if it has, or there is none."""

    def touch_credential(self, credential_id: int, *, now_ms: int) -> None:
        """It was used now."""

    def append_audit(self, line: Audited) -> None:
        """Append to the audit trail."""

    def audit(self, *, before: int | None = None, limit: int = 100) -> Sequence[Audited]:
        """Newest first, those with an id below ``before``."""

    def answered(self, key: bytes) -> Answered | None:
        """What was answered under this key."""

    def keep_answer(self, key: bytes, answer: Answered, *, now_ms: int) -> None:
        """Keep an answer; the first one under a key stands."""

    def forget_access(self, before_ms: int) -> int:
        """Answers from before this time go, and sessions and links that expired before it; how many rows."""


class Access(Protocol):
    """Opens transactions on credentials."""

    def transaction(self) -> AbstractContextManager[AccessStore]:
        """Commit on leaving, roll back on an exception."""

    def reading(self) -> AbstractContextManager[AccessStore]:
        """For reading only."""
