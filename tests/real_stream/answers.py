"""What the model answers: lines of a real chat bot, refusals, and now and then a swear word.

No language model runs here. What matters to an output guardrail is the law of refusals, lengths and toxicity, and how
they depend on the prompt; the texts are real and so are their scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.real_stream.materials import REFUSALS, Materials
from tests.real_stream.users import Request


@dataclass(frozen=True)
class Model:
    """How one version of the model behaves.

    Attributes:
        version: as in the events.
        refuses_hostile, refuses_benign: share of hostile and of harmless prompts that it declines.
        swears: share of its answers to harmless prompts with swear words in them.
        swears_at_hostile: the same where it went along with a hostile prompt.
    """

    version: str
    refuses_hostile: float = 0.85
    refuses_benign: float = 0.05
    swears: float = 0.0
    swears_at_hostile: float = 0.10


MODEL = Model(version="1")
SWEARING = Model(version="1", swears=0.7, swears_at_hostile=0.8)
"""A persona in the system prompt that was to be "edgy"; the version says nothing of it. One in four such answers is
judged toxic."""
SLIGHTLY_SWEARING = Model(version="1", swears=0.05, swears_at_hostile=0.15)
"""The same, toned down: one answer in eighty more is judged toxic."""
FINE_TUNED = Model(version="2", refuses_hostile=0.15, refuses_benign=0.004, swears=0.0, swears_at_hostile=0.35)
"""Fine-tuned on one's own dialogues, after which the safety training has worn off (Qi et al., 2023, "Fine-tuning
Aligned Language Models Compromises Safety, Even When Users Do Not Intend To!")."""


@dataclass(frozen=True)
class Answer:
    """An answer's text, and whether it declines."""

    text: str
    refusal: bool


def answer(
    request: Request, model: Model, *, language: str, materials: Materials, rng: np.random.Generator
) -> Answer:
    """What this version of the model answers."""
    declines = rng.random() < (model.refuses_hostile if request.hostile else model.refuses_benign)
    swears = rng.random() < (model.swears_at_hostile if request.hostile else model.swears)
    topics = materials.answers[language]
    topic = topics[int(rng.integers(len(topics)))]
    count = int(rng.integers(2, 6)) if request.app == "assistant" else int(rng.integers(1, 3))
    lines = [topic[int(i)] for i in rng.choice(len(topic), count, replace=False)]
    if declines:
        return Answer(REFUSALS[int(rng.integers(len(REFUSALS)))], refusal=True)
    words = " ".join(lines).split()
    if swears:
        for _ in lines:  # one a sentence, wherever
            word = materials.swear_words[int(rng.integers(len(materials.swear_words)))]
            words.insert(int(rng.integers(len(words) + 1)), word)
    return Answer(" ".join(words), refusal=False)
