"""category_mix: which harms a guardrail finds, over all of its categories.

Catches attack waves that swap one harm for another, a category that a release forgot, a policy that names things
otherwise. Asked of events that the guardrail objects to (flag, deny, modify): vendors log the category of what was
found, and those that log every category of every request would always show the same mix of what was not.

A stream is one category, so its own mix is constant. This signal is counted once more for the guardrail as a whole:
in slices of category ``(all)``, which hold nothing but it (``pooled`` of :class:`Signal`).

Categories are open strings. They are classified by a fixed table of harm families and vendors' words for them; what
is not in it goes to one of eight bins by a checksum of its name, so the bins depend on no order of arrival.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.events.batch import EventBatch, Strings, Verdict
from monitor.signals.signal import Alternative, Signal

FAMILIES: Final[dict[str, str]] = {
    "prompt attack": "jailbreak prompt_attack prompt_injection injection indirect_attack user_prompt document"
    " prompt_leakage override instruction_override adversarial attack jailbreaking pi_and_jailbreak",
    "personal data": "pii pii_entities sensitive_information email phone name address ssn credit_card personal_data"
    " privacy s7 pii_entity email_address person confidential_and_pii_entity personally_identifiable_information"
    " dlp purview sdp",
    "secrets": "secrets secret credentials api_key token password",
    "hate": "hate hate_threatening hate_speech identity_attack identity_hate discrimination bias"
    " hate_and_discrimination s10",
    "harassment": "harassment harassment_threatening insult insults bullying threat defamation s5",
    "toxicity": "toxicity toxic severe_toxic word_profanity profanity obscene offensive managed",
    "sexual": "sexual sexually_explicit nsfw sex_crime s3 s12",
    "minors": "sexual_minors csam child_safety child_sexual_exploitation s4",
    "violence": "violence violence_graphic gore violent_crimes terrorism extremism violence_and_threats s1",
    "self-harm": "self_harm selfharm self_harm_intent self_harm_instructions suicide s11",
    "crime": "dangerous dangerous_content dangerous_and_criminal_content illicit illicit_violent misconduct"
    " criminal crime drugs fraud non_violent_crimes s2",
    "weapons": "weapons indiscriminate_weapons cbrn biological chemical nuclear s9",
    "malware": "malware malicious_code code_injection sql_injection cyber code_interpreter_abuse malicious_uris"
    " url_cats s14",
    "grounding": "grounding groundedness relevance hallucination factuality ungrounded_material automated_reasoning",
    "topic": "topic topics off_topic banned_topics competitors politics elections specialized_advice"
    " financial health law s6 s13",
    "copyright": "protected_material protected_material_code protected_material_text copyright"
    " intellectual_property s8",
    "words": "blocklist custom custom_blocklists custom_words banned_words word words regex",
}
"""Words as they are left by :func:`words_of`: of Bedrock, Azure, OpenAI, Lakera, LLM Guard, Llama Guard (S1 to S14),
Mistral, Model Armor, Prisma AIRS, Presidio, Perspective and others. A word more or less is another rule: it needs
another version (README.md, "To change a signal")."""
UNLISTED: Final = 8
BINS: Final = (*FAMILIES, *(f"unlisted {i + 1}" for i in range(UNLISTED)))
_FAMILY: Final = {word: place for place, words in enumerate(FAMILIES.values()) for word in words.split()}
_SEPARATORS: Final = re.compile(r"[^0-9a-z]+")


def words_of(category: str) -> list[str]:
    """The words to look up, most telling first: the whole name, then its parts from the first to the last.

    >>> words_of("content/PROMPT_ATTACK"), words_of("hate/threatening")
    (['content_prompt_attack', 'content', 'prompt_attack'], ['hate_threatening', 'hate', 'threatening'])
    """
    parts = [_SEPARATORS.sub("_", part).strip("_") for part in category.lower().split("/")]
    return ["_".join(parts), *parts] if len(parts) > 1 else parts


@lru_cache(maxsize=8_192)
def family(category: str) -> int:
    """The bin of a category's name."""
    for word in words_of(category):
        if word in _FAMILY:
            return _FAMILY[word]
    return len(FAMILIES) + zlib.crc32(category.lower().encode()) % UNLISTED


def code(batch: EventBatch) -> NDArray[np.int16]:
    """The family of what the guardrail objected to; -1 where it did not, or names no category."""
    objects = (batch.verdict > Verdict.allow) & (batch.category >= 0)
    codes = np.full(len(batch), -1, np.int16)
    if objects.any():
        found, place = np.unique(batch.category[objects], return_inverse=True)
        codes[objects] = _bins(found, batch.vocabulary.category)[place]
    return codes


def _bins(categories: NDArray[np.int32], names: Strings) -> NDArray[np.int16]:
    return np.array([family(names.text(category)) for category in categories.tolist()], np.int16)


SIGNAL: Final = Signal(
    name="category_mix",
    version=2,  # a name that comes into a family leaves its bin, and is a change of the mix
    bins=BINS,
    code=code,
    questions=(),
    share_of=lambda first, last: f"share of unsafe judgements with category {BINS[first]}",
    unavailable="counted for the guardrail as a whole, in its stream of category (all)",
    alternatives=(Alternative.sparse,),
    pooled=True,
)
