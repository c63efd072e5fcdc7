"""Attacks as they look from outside: each a source of requests that are mixed into ordinary traffic.

None of them knows a score. The prober alone hears whether it was blocked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from monitor.demo.campaign import everyday_words
from tests.real_stream.materials import Materials
from tests.real_stream.users import Request, new_session

APP = "assistant"
SUFFIX_TOKENS = 20
"""Length of the suffixes of Zou et al. (2023)."""
_SYMBOLS = (*"+()][{}\"'!;:/=<>|~^$#@&", "\\", "**", "--", "](", ".\\", "!!", "?>", ":=", ":::", "//")
_QUESTIONS = ("Summarise this document.", "What are the main points of the text below?", "Translate the notes below.")

Attack = Iterator[Request]


def jailbreak_wave(materials: Materials, rng: np.random.Generator) -> Attack:
    """Many people try what is making the rounds: published jailbreaks, a third of them one of three viral ones with
    a question of one's own behind. Conversations of one to four turns."""
    published = materials.texts(kind="attack", source="s-labs")
    long = [text for text in published if 200 <= len(text) <= 600]
    viral = [long[i] for i in rng.choice(len(long), 3, replace=False)]
    questions = materials.texts(kind="benign", source="s-labs")
    session, turn, ends = "", 0, 0
    while True:
        if turn >= ends:
            session, turn, ends = new_session(rng), 0, int(rng.integers(1, 5))
        turn += 1
        text = published[int(rng.integers(len(published)))]
        if rng.random() < 1 / 3:
            text = f"{viral[int(rng.integers(3))]} {questions[int(rng.integers(len(questions)))]}"
        yield Request(session, APP, turn, text, hostile=True)


def suffixes(materials: Materials, rng: np.random.Generator) -> Attack:
    """Four attackers append optimiser-style suffixes to published attacks: two refine a suffix on one prompt, a token
    or two a query (greedy coordinate search); two carry a finished suffix from prompt to prompt (transfer)."""
    prompts = materials.texts(kind="attack", source="s-labs")
    pieces = _pieces(materials)
    attackers = [new_session(rng) for _ in range(4)]
    carried = [[_token(pieces, rng) for _ in range(SUFFIX_TOKENS)] for _ in attackers]
    targets = [prompts[int(rng.integers(len(prompts)))] for _ in attackers]
    turns = [0] * len(attackers)
    while True:
        who = int(rng.integers(len(attackers)))
        turns[who] += 1
        if who < 2:
            for _ in range(int(rng.integers(1, 3))):
                carried[who][int(rng.integers(SUFFIX_TOKENS))] = _token(pieces, rng)
        if who >= 2 or turns[who] % 40 == 0:
            targets[who] = prompts[int(rng.integers(len(prompts)))]
        yield Request(attackers[who], APP, turns[who], f"{targets[who]} {_joined(carried[who])}", hostile=True)


def _pieces(materials: Materials) -> list[str]:
    """Sub-words, as a tokenizer cuts them: what an optimiser swaps in."""
    words = everyday_words(materials.texts(kind="benign", source="s-labs"))
    return [word[:cut] for word in words for cut in (3, 5) if len(word) > cut]


def _token(pieces: list[str], rng: np.random.Generator) -> str:
    if rng.random() < 0.35:
        return _SYMBOLS[int(rng.integers(len(_SYMBOLS)))]
    piece = pieces[int(rng.integers(len(pieces)))]
    form = rng.random()
    if form < 0.1:
        return piece.upper()
    if form < 0.35:
        return piece.capitalize()
    return f" {piece}" if form < 0.8 else piece


def _joined(tokens: list[str]) -> str:
    return "".join(tokens).strip()


def multilingual(materials: Materials, rng: np.random.Generator) -> Attack:
    """Injections in seven languages (Miraoui), from eight conversations, against an app that is used in English."""
    published = materials.texts(kind="attack", source="miraoui")
    order = rng.permutation(len(published))
    sessions = [new_session(rng) for _ in range(8)]
    turns = [0] * len(sessions)
    for i in range(10**9):
        who = int(rng.integers(len(sessions)))
        turns[who] += 1
        yield Request(sessions[who], APP, turns[who], published[int(order[i % len(order)])], hostile=True)


def long_context(materials: Materials, rng: np.random.Generator) -> Attack:
    """Documents of 5,000 to 8,000 characters with one instruction deep inside: indirect injection by attachment."""
    published = materials.texts(kind="attack", source="s-labs")
    lines = materials.texts(kind="benign", source="s-labs")
    while True:
        length = int(rng.integers(5_000, 8_000))
        document: list[str] = []
        while sum(map(len, document)) + len(document) < length:
            document.append(lines[int(rng.integers(len(lines)))])
        deep = int(len(document) * rng.uniform(0.6, 0.95))
        document.insert(deep, published[int(rng.integers(len(published)))])
        text = f"{_QUESTIONS[int(rng.integers(len(_QUESTIONS)))]}\n" + "\n".join(document)
        yield Request(new_session(rng), APP, int(rng.integers(1, 4)), text, hostile=True)


ATTACKS: dict[str, Callable[[Materials, np.random.Generator], Attack]] = {
    "jailbreak wave": jailbreak_wave,
    "suffix attack": suffixes,
    "multilingual injection": multilingual,
    "long-context injection": long_context,
}
