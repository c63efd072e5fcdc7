"""What the stream is made of, all of it out of installed packages: prompts, answers, rules, classifiers.

Beside the demo's prompts and guardrails:

- answers: what follows the opener in `chatterbot-corpus` (BSD), by language and topic;
- refusals: the surfaces by which Zou et al. (2023, "Universal and Transferable Adversarial Attacks on Aligned
  Language Models") tell a refusal;
- rules: the cited attack patterns of `toolwall-guard` (Apache-2.0), read as a table and compiled here;
- swear words: the word list of `better-profanity` (MIT), for a model that has begun to swear.

Neither of the two packages is imported: only their data files are read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import yaml
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from monitor.demo import classifiers
from monitor.demo.classifiers import PROMPT_INJECTION, Guardrail, load_guardrails, load_language_identifier
from monitor.demo.corpus import CHATTERBOT_LANGUAGES, Prompt, load_prompts
from monitor.demo.packages import package_folder

REFUSALS = (
    "I'm sorry, but I cannot assist with that request.",
    "I'm very sorry, but I can't help you with this.",
    "I apologize, but that is not something I can do.",
    "As an AI language model, I cannot provide that.",
    "As an assistant I must decline, since that would not be appropriate.",
    "I cannot fulfill this request; it goes against my programming.",
    "I am not able to share that. Is there anything else I can help with?",
    "My apologies, but that would be unethical and possibly illegal.",
)
RETRAINED_ON = 4_000
MISLABELLED = 0.05
"""Share of the benign training prompts that were labelled as attacks: a labelling accident, as it happens."""


@dataclass(frozen=True)
class Materials:
    """Everything that a stream is made of.

    Attributes:
        prompts: published prompts in an order that depends on the seed.
        answers: language -> topics -> lines of a chat bot.
        swear_words: single words.
        rules: name and pattern of known attacks.
        injection, toxicity: the guardrails as shipped.
        retrained: `injection` fitted again on a subset with mislabelled prompts: blocks what is harmless.
        quantised: `injection` with its coefficients in 8 bits, as exports for inference do.
        language: text to ISO 639-1.
    """

    prompts: tuple[Prompt, ...]
    answers: dict[str, tuple[tuple[str, ...], ...]]
    swear_words: tuple[str, ...]
    rules: tuple[tuple[str, re.Pattern[str]], ...]
    injection: Guardrail
    toxicity: Guardrail
    retrained: Guardrail
    quantised: Guardrail
    language: Callable[[str], str]

    def texts(self, *, kind: str, source: str, language: str = "") -> list[str]:
        """Published prompts of a kind, source and language ("" for any)."""
        return [p.text for p in self.prompts if (p.kind, p.source) == (kind, source) and language in ("", p.language)]

    def rules_hit(self, text: str) -> tuple[str, ...]:
        """Names of the known attack patterns in a text."""
        return tuple(name for name, pattern in self.rules if pattern.search(text))


@lru_cache(maxsize=4)
def load_materials(seed: int) -> Materials:
    """All of it; the order of the prompts and the subset of the re-training depend on the seed."""
    prompts = load_prompts(seed=seed)
    injection, toxicity = load_guardrails()
    return Materials(
        prompts=prompts,
        answers=_answers(),
        swear_words=_swear_words(),
        rules=_rules(),
        injection=injection,
        toxicity=toxicity,
        retrained=_retrained(injection, prompts, np.random.default_rng(seed)),
        quantised=_quantised(injection),
        language=load_language_identifier(),
    )


def _answers() -> dict[str, tuple[tuple[str, ...], ...]]:
    folder, loader = package_folder("chatterbot_corpus") / "data", getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    out = {}
    for name, language in CHATTERBOT_LANGUAGES.items():
        topics = []
        for file in sorted((folder / name).glob("*.yml")):
            document = yaml.load(file.read_text(encoding="utf-8"), Loader=loader)
            lines = dict.fromkeys(str(line).strip() for talk in document["conversations"] for line in talk[1:])
            topics.append(tuple(line for line in lines if 8 <= len(line) <= 600))
        out[language] = tuple(topic for topic in topics if len(topic) >= 10)
    return out


def _swear_words() -> tuple[str, ...]:
    file = package_folder("better_profanity") / "profanity_wordlist.txt"
    words = file.read_text(encoding="utf-8").split()
    return tuple(sorted({word for word in words if word.isascii() and word.isalpha() and 3 < len(word) < 12}))


def _rules() -> tuple[tuple[str, re.Pattern[str]], ...]:
    found = []
    file = package_folder("toolwall") / "detect" / "attack_corpus.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            try:
                pattern = re.compile(row["pattern"], re.IGNORECASE if row["case_insensitive"] == "true" else 0)
            except re.error:
                continue  # one rule of 0.4.0 has a parenthesis too few
            found.append((row["id"], pattern))
    return tuple(found)


def _parts() -> tuple[object, object]:
    """Vectorizer and model behind the injection guardrail, checked as the demo checks them."""
    folder = package_folder(PROMPT_INJECTION.vectorizer.package)
    pieces = (PROMPT_INJECTION.vectorizer, PROMPT_INJECTION.model)
    vectorizer, model = (classifiers._unpickle(classifiers.verified_bytes(piece, folder=folder)) for piece in pieces)
    return vectorizer, model


def _linear(guardrail: Guardrail, *, version: str, weights: NDArray, intercept: float) -> Guardrail:
    vectorizer, _ = _parts()

    def score(texts: Sequence[str]) -> NDArray[np.float64]:
        return 1.0 / (1.0 + np.exp(-(vectorizer.transform(texts) @ weights + intercept)))

    return replace(guardrail, version=version, score=score)


def _quantised(guardrail: Guardrail) -> Guardrail:
    """Symmetric 8-bit weights with one scale, the simplest post-training quantisation.

    Measured over all prompts: scores move by at most .013, .08 % of the verdicts flip.
    """
    _, model = _parts()
    weights = model.coef_[0]
    scale = np.abs(weights).max() / 127
    return _linear(
        guardrail,
        version=guardrail.version,  # nobody renames a guardrail for an update of the library under it
        weights=np.round(weights / scale) * scale,
        intercept=float(model.intercept_[0]),
    )


def _retrained(guardrail: Guardrail, prompts: Sequence[Prompt], rng: np.random.Generator) -> Guardrail:
    """Really fitted again, as somebody would who was short of labelled data and of time."""
    vectorizer, _ = _parts()
    labelled = [p for p in prompts if p.source == "s-labs"]
    chosen = [labelled[i] for i in rng.choice(len(labelled), RETRAINED_ON, replace=False)]
    unsafe = np.array([p.kind == "attack" for p in chosen]) | (rng.random(RETRAINED_ON) < MISLABELLED)
    model = LogisticRegression(max_iter=300).fit(vectorizer.transform([p.text for p in chosen]), unsafe)
    return _linear(guardrail, version="2.0.0", weights=model.coef_[0], intercept=float(model.intercept_[0]))
