"""Ordinary traffic: conversations that come and go, each in one app and one language, with the odd attack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.demo.corpus import Prompt
from monitor.errors import DriftlineError

CONCURRENT_SESSIONS = 24
TURNS_PER_SESSION = 6.0  # mean; a session ends after each request with probability 1/6
# Share of the `assistant` app's requests that are attacks on an ordinary day: isolated tries of published prompts.
ORDINARY_ATTACK_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class Audience:
    """A kind of session: its app, its user's language, and its share of the sessions."""

    app: str
    language: str
    source: str
    share: float


AUDIENCES = (
    Audience(app="assistant", language="en", source="s-labs", share=0.78),
    Audience(app="companion", language="en", source="chatterbot", share=0.06),
    Audience(app="companion", language="es", source="chatterbot", share=0.04),
    Audience(app="companion", language="it", source="chatterbot", share=0.04),
    Audience(app="companion", language="pt", source="chatterbot", share=0.03),
    Audience(app="companion", language="nl", source="chatterbot", share=0.03),
    Audience(app="companion", language="de", source="chatterbot", share=0.01),
    Audience(app="companion", language="fr", source="chatterbot", share=0.01),
)


@dataclass(frozen=True, slots=True)
class Request:
    """A user's message: the text, and its place in a conversation."""

    session_id: str
    app: str
    turn: int
    text: str


class OrdinaryUsers:
    """Requests of many interleaved conversations; no prompt repeats before its pool is used up."""

    def __init__(self, prompts: Sequence[Prompt], *, rng: np.random.Generator) -> None:
        self._rng = rng
        self._pools = {audience: _pool(prompts, audience) for audience in AUDIENCES}
        self._attacks = [prompt.text for prompt in prompts if prompt.kind == "attack"]
        self._used: dict[Audience | None, int] = {}
        self._shares = np.array([audience.share for audience in AUDIENCES])
        self._sessions = [self._new_session() for _ in range(CONCURRENT_SESSIONS)]

    def next_request(self) -> Request:
        """One more request of a session picked at random."""
        slot = int(self._rng.integers(len(self._sessions)))
        session_id, audience, turn = self._sessions[slot]
        ends = self._rng.random() < 1.0 / TURNS_PER_SESSION
        self._sessions[slot] = self._new_session() if ends else (session_id, audience, turn + 1)
        attacks = audience.app == "assistant" and self._rng.random() < ORDINARY_ATTACK_SHARE
        return Request(
            session_id=session_id,
            app=audience.app,
            turn=turn,
            text=self._take(None) if attacks else self._take(audience),
        )

    def _new_session(self) -> tuple[str, Audience, int]:
        audience = AUDIENCES[int(self._rng.choice(len(AUDIENCES), p=self._shares))]
        return f"s-{self._rng.bytes(6).hex()}", audience, 1

    def _take(self, pool: Audience | None) -> str:
        """Next text of the audience's pool, or of the attacks for None."""
        texts = self._attacks if pool is None else self._pools[pool]
        used = self._used.get(pool, 0)
        self._used[pool] = used + 1
        return texts[used % len(texts)]


def _pool(prompts: Sequence[Prompt], audience: Audience) -> list[str]:
    texts = [
        prompt.text
        for prompt in prompts
        if (prompt.kind, prompt.source, prompt.language) == ("benign", audience.source, audience.language)
    ]
    if not texts:
        raise DriftlineError(f"no benign prompts in {audience.language!r} from {audience.source!r}")
    return texts
