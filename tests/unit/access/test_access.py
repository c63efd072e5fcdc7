"""Credentials on a real store: what holds, what is kept of a secret, how often somebody may try."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from monitor.access.credentials import (
    LINK_MS,
    LONGEST_TOKEN_MS,
    SESSION_MS,
    TOUCH_EVERY_MS,
    digest_of,
    form_secret,
    issue,
    recognised,
    redeem,
)
from monitor.access.model import ROLES, Answered, Audited, Kind, Role
from monitor.access.rate import MOST_BUCKETS, RateLimit
from monitor.errors import Refused
from monitor.storage.stores import Stores
from tests.unit.alerting.record import sqlite_stores

NOW = 1_800_000_000_000


@pytest.fixture
def stores() -> Iterator[Stores]:
    with sqlite_stores() as opened:
        yield opened


def made(stores: Stores, kind: Kind, *, role: Role = Role.responder, lifetime_ms: int = LINK_MS) -> str:
    with stores.access.transaction() as store:
        return issue(
            store,
            kind=kind,
            name="ann",
            role=role,
            guardrails=("toxicity",),
            lifetime_ms=lifetime_ms,
            made_by="root",
            now_ms=NOW,
            random=os.urandom,
        )[1]


def test_each_role_may_what_the_ones_before_it_may() -> None:
    for place, role in enumerate(ROLES):
        assert [role.covers(other) for other in ROLES] == [at <= place for at in range(len(ROLES))]


def test_only_the_hash_of_a_secret_is_kept(stores: Stores) -> None:
    secret = made(stores, Kind.token)
    with stores.access.reading() as store:
        (kept,) = store.credentials(Kind.token)
    assert kept.digest == digest_of(secret)
    assert secret not in repr(kept)


@pytest.mark.parametrize("kind", Kind)
def test_a_secret_is_recognised_as_its_own_kind_until_it_expires(stores: Stores, kind: Kind) -> None:
    secret = made(stores, kind)
    known = recognised(stores.access, secret, {kind}, now_ms=NOW + LINK_MS - 1)
    assert known is not None
    assert (known.name, known.role, known.guardrails) == ("ann", Role.responder, ("toxicity",))
    assert recognised(stores.access, secret, set(Kind) - {kind}, now_ms=NOW) is None
    assert recognised(stores.access, secret, {kind}, now_ms=NOW + LINK_MS) is None
    assert recognised(stores.access, secret[:-1], {kind}, now_ms=NOW) is None
    assert recognised(stores.access, "\ud800" * 10_000, {kind}, now_ms=NOW) is None


def test_the_last_use_is_kept_to_the_minute(stores: Stores) -> None:
    secret = made(stores, Kind.token)
    seen = []
    for at in (NOW, NOW + 1_000, NOW + TOUCH_EVERY_MS):
        recognised(stores.access, secret, {Kind.token}, now_ms=at)
        with stores.access.reading() as store:
            seen.append(store.credentials(Kind.token)[0].used_at_ms)
    assert seen == [NOW, NOW, NOW + TOUCH_EVERY_MS]


def test_a_link_opens_one_session_of_the_same_person_and_role(stores: Stores) -> None:
    link = made(stores, Kind.link)
    with stores.access.transaction() as store:
        principal, session = redeem(store, link, now_ms=NOW, random=os.urandom)
    assert (principal.kind, principal.role, principal.guardrails) == (Kind.session, Role.responder, ("toxicity",))
    assert recognised(stores.access, session, {Kind.session}, now_ms=NOW + SESSION_MS - 1) == principal
    for wrong in (link, session, made(stores, Kind.token), "", "x" * 1_000):
        with stores.access.transaction() as store, pytest.raises(Refused, match="used or has expired"):
            redeem(store, wrong, now_ms=NOW, random=os.urandom)


@pytest.mark.parametrize("lifetime_ms", [0, -1, LONGEST_TOKEN_MS + 1])
def test_a_credential_that_never_or_always_holds_is_not_made(stores: Stores, lifetime_ms: int) -> None:
    with pytest.raises(Refused, match="lasts at most 366 days"):
        made(stores, Kind.token, lifetime_ms=lifetime_ms)


def test_what_is_forgotten_and_what_is_kept(stores: Stores) -> None:
    made(stores, Kind.link)
    made(stores, Kind.token)
    with stores.access.transaction() as store:
        store.keep_answer(b"k", Answered(request=b"r", status=200, body=b"first"), now_ms=NOW)
        store.keep_answer(b"k", Answered(request=b"r", status=200, body=b"second"), now_ms=NOW)
        assert store.answered(b"k") == Answered(request=b"r", status=200, body=b"first")
        for number in range(3):
            line = Audited(at_ms=NOW, by="ann", through="page", act="silence added", subject=f"silence {number}")
            store.append_audit(line)
        assert [line.subject for line in store.audit(limit=2)] == ["silence 2", "silence 1"]
        assert [line.subject for line in store.audit(before=2)] == ["silence 0"]
        assert store.forget_access(NOW) == 0
        assert store.forget_access(NOW + LINK_MS + 1) == 2
        assert store.answered(b"k") is None
        assert [one.kind for kind in Kind for one in store.credentials(kind)] == [Kind.token]


def test_the_forms_secret_is_that_of_one_session_and_does_not_give_it_away() -> None:
    assert form_secret("dls_a") != form_secret("dls_b")
    assert "dls_a" not in form_secret("dls_a")


def test_a_limit_lets_a_burst_through_and_then_so_many_a_minute() -> None:
    limit = RateLimit(burst=3, per_minute=60)
    assert [limit.take("a", now_ms=0) for _ in range(4)] == [0, 0, 0, 1_000]
    assert limit.take("b", now_ms=0) == 0
    assert limit.take("a", now_ms=999) == 1
    assert limit.take("a", now_ms=1_000) == 0
    assert limit.take("a", now_ms=500) > 0


def test_however_many_come_the_limit_remembers_a_bounded_number() -> None:
    limit = RateLimit(burst=1, per_minute=1)
    for number in range(MOST_BUCKETS + 10):
        limit.take(str(number), now_ms=0)
    assert limit.take("0", now_ms=0) == 0
    assert limit.take(str(MOST_BUCKETS + 9), now_ms=0) > 0
