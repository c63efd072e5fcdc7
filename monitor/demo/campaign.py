"""A boundary-probing campaign: attackers search for the edge of a guardrail's block decision.

An attacker starts from a prompt that was blocked and learns nothing but *blocked* or *let through* for each query,
the weakest attacker there is. For every prompt he repeats, with edits in a fresh random order:

1. **bisect**: edit (drop, or replace by an everyday word) the first k words of the order, halving the interval
   of k between blocked and let through, until one more edit makes the difference;
2. **give back**: undo the edits one at a time, keeping each undo that is still let through, so that as much of
   the attack as possible survives.

Both steps hold the queries close to the decision boundary, as decision-based attacks do (Brendel, Rauber and
Bethge, 2018, "Decision-Based Adversarial Attacks"; the bisection is that of Chen, Jordan and Wainwright, 2020,
"HopSkipJumpAttack"). Nothing here knows or makes up a score: queries crowd the threshold because the search works.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Sequence

import numpy as np

from monitor.demo.classifiers import Guardrail
from monitor.demo.corpus import Prompt
from monitor.demo.sessions import Request
from monitor.errors import DriftlineError

Search = Generator[str, bool, None]  # yields a query, is sent whether it was blocked

ATTACKERS = 3
CAMPAIGN_APP = "assistant"
ROUNDS_PER_PROMPT = 3  # random orders tried on one prompt before the attacker moves on to the next
SHORTEST_PROMPT = 10  # words; a shorter prompt has too few edits to search among
_DROP_SHARE = 0.5  # of the edits; the rest replaces the word


def search_edge(prompt: str, *, fillers: Sequence[str], rng: np.random.Generator) -> Search:
    """Queries of one attacker on one prompt: a generator to which the answer *blocked?* is sent.

    Ends at once if the unedited prompt is let through, since there is nothing to search for.
    """
    words = prompt.split()
    if not (yield " ".join(words)):
        return
    for _ in range(ROUNDS_PER_PROMPT):
        order = [int(i) for i in rng.permutation(len(words))]
        edits = _draw_edits(order, fillers=fillers, rng=rng)
        fewest = yield from _bisect(words, order=order, edits=edits)
        if fewest is not None:
            yield from _give_back(words, edits={i: edits[i] for i in order[:fewest]})


def _bisect(words: Sequence[str], *, order: Sequence[int], edits: dict[int, str]) -> Generator[str, bool, int | None]:
    """Number of leading edits of `order` at the edge; None if even all of them are blocked."""
    blocked_at, allowed_at = 0, len(order)
    if (yield _apply(words, edits)):
        return None
    while allowed_at - blocked_at > 1:
        middle = (blocked_at + allowed_at) // 2
        if (yield _apply(words, {i: edits[i] for i in order[:middle]})):
            blocked_at = middle
        else:
            allowed_at = middle
    return allowed_at


def _give_back(words: Sequence[str], *, edits: dict[int, str]) -> Search:
    kept = dict(edits)
    for i in edits:
        fewer = {j: edit for j, edit in kept.items() if j != i}
        if not (yield _apply(words, fewer)):
            kept = fewer


def _draw_edits(order: Sequence[int], *, fillers: Sequence[str], rng: np.random.Generator) -> dict[int, str]:
    """Word position -> its replacement, "" for dropped. The first of `order` is replaced: no query is empty."""
    edits = {i: "" if rng.random() < _DROP_SHARE else fillers[int(rng.integers(len(fillers)))] for i in order}
    edits[order[0]] = edits[order[0]] or fillers[int(rng.integers(len(fillers)))]
    return edits


def _apply(words: Sequence[str], edits: dict[int, str]) -> str:
    edited = (edits.get(i, word) for i, word in enumerate(words))
    return " ".join(word for word in edited if word)


class Attacker:
    """One attacking session: goes from prompt to prompt, without end."""

    def __init__(
        self, prompts: Sequence[str], *, session_id: str, fillers: Sequence[str], rng: np.random.Generator
    ) -> None:
        if not prompts:
            raise ValueError("an attacker needs at least one prompt to start from")
        if not fillers:
            raise ValueError("an attacker needs at least one everyday word to replace words by")
        self._session_id = session_id
        self._turn = 1
        self._searches: Iterator[Search] = (
            search_edge(prompt, fillers=fillers, rng=rng) for prompt in itertools.cycle(prompts)
        )
        self._search = next(self._searches)
        self._query = next(self._search)

    @property
    def request(self) -> Request:
        """The query that waits for its answer."""
        return Request(session_id=self._session_id, app=CAMPAIGN_APP, turn=self._turn, text=self._query)

    def answer(self, *, blocked: bool) -> None:
        """Take the guardrails' decision on `request`; afterwards `request` is the next query."""
        self._turn += 1
        try:
            self._query = self._search.send(blocked)
        except StopIteration:
            self._search = next(self._searches)
            self._query = next(self._search)


class Campaign:
    """Attackers who share out the known blocked prompts among themselves and take turns."""

    def __init__(self, prompts: Sequence[Prompt], *, target: Guardrail, rng: np.random.Generator) -> None:
        """Reconnaissance: which published attacks, long enough to edit, does `target` block?"""
        candidates = [
            prompt.text
            for prompt in prompts
            if (prompt.kind, prompt.language) == ("attack", "en") and len(prompt.text.split()) >= SHORTEST_PROMPT
        ]
        blocked = target.score(candidates) >= target.threshold
        known = [text for text, is_blocked in zip(candidates, blocked, strict=True) if is_blocked]
        if len(known) < ATTACKERS:
            raise DriftlineError(
                f"{target.name} blocks {len(known)} of {len(candidates)} long attack prompts, too few"
            )
        fillers = everyday_words(
            [prompt.text for prompt in prompts if (prompt.kind, prompt.source) == ("benign", "s-labs")]
        )
        self._attackers = [
            Attacker(known[i::ATTACKERS], session_id=f"s-{rng.bytes(6).hex()}", fillers=fillers, rng=rng)
            for i in range(ATTACKERS)
        ]

    def next_attackers(self, count: int) -> list[Attacker]:
        """The next `count` attackers, at most all of them, in turn."""
        chosen = self._attackers[:count]
        self._attackers = self._attackers[count:] + chosen
        return chosen


def everyday_words(texts: Sequence[str]) -> tuple[str, ...]:
    """Distinct plain words of ordinary prompts, sorted: what an attacker replaces words by."""
    words = {word for text in texts for word in text.lower().split()}
    return tuple(sorted(word for word in words if word.isascii() and word.isalpha() and len(word) > 2))
