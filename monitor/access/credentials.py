"""Making credentials, and recognising them again.

A secret is 256 random bits, so its SHA-256 needs neither salt nor stretching; the database holds only that. Whoever
can write to the database can do everything anyway: the commands that make credentials ask for no other right.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Collection, Sequence
from typing import Final

from monitor.access.model import Credential, Kind, Principal, Role
from monitor.access.ports import Access, AccessStore
from monitor.clock import DAY_MS, HOUR_MS
from monitor.errors import Refused
from monitor.incidents.lifecycle import person
from monitor.incidents.words import plain

Random = Callable[[int], bytes]
"""So many random bytes, fit for secrets."""

SECRET_BYTES: Final = 32
PREFIXES: Final = {Kind.token: "dlt_", Kind.link: "dll_", Kind.session: "dls_"}
"""So that scanners of repositories recognise one that leaked."""
LONGEST_SECRET: Final = 100
LINK_MS: Final = 10 * 60_000
SESSION_MS: Final = 12 * HOUR_MS
LONGEST_TOKEN_MS: Final = 366 * DAY_MS
TOUCH_EVERY_MS: Final = 60_000


def digest_of(secret: str) -> bytes:
    """The hash under which a secret is kept."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def issue(
    store: AccessStore,
    *,
    kind: Kind,
    name: str,
    role: Role,
    guardrails: Sequence[str] = (),
    lifetime_ms: int,
    made_by: str,
    now_ms: int,
    random: Random,
) -> tuple[Credential, str]:
    """A new credential and its secret, which nobody can look up again.

    Raises:
        Refused: the name cannot stand in a record, or the lifetime is none.
    """
    if not 0 < lifetime_ms <= LONGEST_TOKEN_MS:
        raise Refused(f"a credential lasts at most {LONGEST_TOKEN_MS // DAY_MS} days and more than none")
    secret = PREFIXES[kind] + base64.urlsafe_b64encode(random(SECRET_BYTES)).decode().rstrip("=")
    made = store.add_credential(
        Credential(
            kind=kind,
            digest=digest_of(secret),
            name=person(name),
            role=role,
            guardrails=tuple(plain(each) for each in guardrails),
            made_by=person(made_by),
            made_at_ms=now_ms,
            expires_at_ms=now_ms + lifetime_ms,
        )
    )
    return made, secret


def recognised(access: Access, secret: str, kinds: Collection[Kind], *, now_ms: int) -> Principal | None:
    """Who holds this secret; None if nobody does, or not any more.

    Raises:
        StoreUnavailable: the database cannot be asked.
    """
    if len(secret) > LONGEST_SECRET:
        return None
    with access.reading() as store:
        found = store.credential(digest_of(secret))
    if found is None or found.kind not in kinds or not found.holds(now_ms):
        return None
    if now_ms - (found.used_at_ms or 0) >= TOUCH_EVERY_MS:
        with access.transaction() as store:
            store.touch_credential(found.id, now_ms=now_ms)
    return principal_of(found)


def redeem(store: AccessStore, secret: str, *, now_ms: int, random: Random) -> tuple[Principal, str]:
    """Use a login link up: the session that it opens, and that session's secret.

    Raises:
        Refused: there is no such link, or it was used or has expired.
    """
    found = store.credential(digest_of(secret)) if len(secret) <= LONGEST_SECRET else None
    live = found is not None and found.kind is Kind.link and found.holds(now_ms)
    if found is None or not live or not store.end_credential(found.id, now_ms=now_ms):
        raise Refused("this login link was used or has expired; `driftline login` prints another")
    session, opened = issue(
        store,
        kind=Kind.session,
        name=found.name,
        role=found.role,
        guardrails=found.guardrails,
        lifetime_ms=SESSION_MS,
        made_by=found.name,
        now_ms=now_ms,
        random=random,
    )
    return principal_of(session), opened


def principal_of(credential: Credential) -> Principal:
    """Who acts with it."""
    return Principal(
        name=credential.name,
        role=credential.role,
        guardrails=credential.guardrails,
        kind=credential.kind,
        credential_id=credential.id,
    )


def form_secret(session: str) -> str:
    """What the forms of a session carry: another site's page can make the browser send the cookie, but not this."""
    return hmac.new(session.encode(), b"driftline form", hashlib.sha256).hexdigest()


def same_secret(given: str, wanted: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())
