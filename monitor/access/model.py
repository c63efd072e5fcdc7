"""Who may what: roles, credentials, and the person or machine behind a request."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class Role(StrEnum):
    """Each may do what those before it may."""

    viewer = "viewer"
    """Reads everything."""
    responder = "responder"
    """Works on incidents, and holds pages back."""
    approver = "approver"
    """Approves baselines, and rolls them back."""
    admin = "admin"
    """Reads the audit trail, and revokes tokens."""

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what needs the other one.

        >>> Role.approver.covers(Role.responder), Role.viewer.covers(Role.responder)
        (True, False)
        """
        return ROLES.index(self) >= ROLES.index(needed)


ROLES: Final = tuple(Role)


class Kind(StrEnum):
    """Kinds of credentials."""

    token = "token"  # noqa: S105 - a name
    """For machines, in the header ``Authorization: Bearer``."""
    link = "link"
    """Logs a person in, once."""
    session = "session"
    """A person's browser, in a cookie."""


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One credential, without its secret: only the hash is kept.

    Attributes:
        id: 0 until it is stored.
        digest: SHA-256 of the secret.
        name: of the person or machine, as timelines name it.
        guardrails: those whose incidents it may act on; empty: all.
        made_by: who made it.
        used_at_ms: when it was used last, to the minute.
        ended_at_ms: when it was used up, revoked or logged out.
    """

    id: int = 0
    kind: Kind
    digest: bytes
    name: str
    role: Role
    guardrails: tuple[str, ...] = ()
    made_by: str
    made_at_ms: int
    expires_at_ms: int
    used_at_ms: int | None = None
    ended_at_ms: int | None = None

    def holds(self, now_ms: int) -> bool:
        """Whether it is neither expired nor ended."""
        return self.ended_at_ms is None and now_ms < self.expires_at_ms


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request."""

    name: str
    role: Role
    guardrails: tuple[str, ...]
    kind: Kind
    credential_id: int

    def may(self, needed: Role, guardrail: str | None = None) -> bool:
        """Whether the role suffices, and the guardrail is one of theirs where one is named."""
        of_theirs = guardrail is None or not self.guardrails or guardrail in self.guardrails
        return self.role.covers(needed) and of_theirs


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit trail: what was changed outside of an incident's own timeline.

    Attributes:
        id: 0 until it is stored.
        by: who.
        through: ``page``, ``api`` or ``command``.
        act: what, such as ``silence added``.
        subject: of what, such as ``silence 3``.
        detail: reason or content, as a sentence.
    """

    id: int = 0
    at_ms: int
    by: str
    through: str
    act: str
    subject: str
    detail: str = ""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered to a request under an idempotency key, and the hash of that request."""

    request: bytes
    status: int
    body: bytes
