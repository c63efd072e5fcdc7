"""Ordinary users: conversations that come and go, each in one app and one language, with the odd attack.

As the demo's, with a mix of audiences that can change with time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitor.demo.sessions import CONCURRENT_SESSIONS, TURNS_PER_SESSION
from tests.real_stream.materials import Materials

ORDINARY_ATTACK_SHARE = 0.03
"""Of the assistant's requests on an ordinary day: isolated tries of published attacks."""


@dataclass(frozen=True)
class Audience:
    """Who asks: which app, which language; `source` is the corpus that speaks for them."""

    app: str
    language: str
    source: str


SHARES: Mapping[Audience, float] = {
    Audience("assistant", "en", "s-labs"): 0.70,
    Audience("companion", "en", "chatterbot"): 0.10,
    Audience("companion", "es", "chatterbot"): 0.05,
    Audience("companion", "it", "chatterbot"): 0.05,
    Audience("companion", "pt", "chatterbot"): 0.04,
    Audience("companion", "nl", "chatterbot"): 0.04,
    Audience("companion", "de", "chatterbot"): 0.01,
    Audience("companion", "fr", "chatterbot"): 0.01,
}


@dataclass(frozen=True)
class Request:
    """What somebody sends: the text, where in which conversation, and whether it means harm (the truth)."""

    session_id: str
    app: str
    turn: int
    text: str
    hostile: bool = False


class OrdinaryUsers:
    """Requests of many interleaved conversations.

    Prompts of the assistant come in order and do not repeat before their pool is used up. The pools of small talk are
    small: two openers, drawn at random, make one message, so that a day's messages differ as people's do.
    """

    def __init__(self, materials: Materials, *, rng: np.random.Generator) -> None:
        self._rng = rng
        self._pools = {
            audience: materials.texts(kind="benign", source=audience.source, language=audience.language)
            for audience in SHARES
        }
        self._attacks = [p.text for p in materials.prompts if p.kind == "attack" and p.source == "s-labs"]
        self._used: dict[Audience | None, int] = {}
        self._sessions = [self._new_session(SHARES) for _ in range(CONCURRENT_SESSIONS)]

    def next_request(self, shares: Mapping[Audience, float]) -> Request:
        """One more request of a session picked at random; sessions that begin are drawn by `shares`."""
        slot = int(self._rng.integers(len(self._sessions)))
        session_id, audience, turn = self._sessions[slot]
        ends = self._rng.random() < 1.0 / TURNS_PER_SESSION
        self._sessions[slot] = self._new_session(shares) if ends else (session_id, audience, turn + 1)
        attacks = audience.app == "assistant" and self._rng.random() < ORDINARY_ATTACK_SHARE
        return Request(session_id, audience.app, turn, self._take(None if attacks else audience), hostile=attacks)

    def _new_session(self, shares: Mapping[Audience, float]) -> tuple[str, Audience, int]:
        audiences, weights = list(shares), np.array(list(shares.values()))
        return new_session(self._rng), audiences[int(self._rng.choice(len(audiences), p=weights / weights.sum()))], 1

    def _take(self, pool: Audience | None) -> str:
        texts = self._attacks if pool is None else self._pools[pool]
        if pool is not None and pool.source == "chatterbot":
            return " ".join(texts[int(i)] for i in self._rng.choice(len(texts), 2, replace=False))
        used = self._used[pool] = self._used.get(pool, -1) + 1
        return texts[used % len(texts)]


def new_session(rng: np.random.Generator) -> str:
    """A conversation's identifier."""
    return f"s-{rng.bytes(6).hex()}"
