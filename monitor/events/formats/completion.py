"""Answers of a model that is a guardrail, as servers write them: OpenAI's chat completion, Ollama, Workers AI.

Sources: platform.openai.com/docs/api-reference/chat (choices, logprobs); github.com/ollama/ollama, docs/api.md
(message or response, done, created_at, total_duration in nanoseconds); developers.cloudflare.com/workers-ai (result
with response).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from monitor.events.formats.allowlist import VALUE, Keep
from monitor.events.formats.format import Identity, at, has
from monitor.events.formats.values import identifier, instant, numeral, required_number, seconds_ms

_LEAST: Final = -1e5
"""Servers write -9999 for a token without a probability worth a number."""
KEYS: Final = ("choices", "message", "response", "result")
_TOKEN: Final = {"token": VALUE, "logprob": VALUE}
KEEP: Final[Keep] = {
    **dict.fromkeys(("id", "model", "created", "created_at", "total_duration"), VALUE),
    "choices": [
        {
            "message": {"content": VALUE},
            "text": VALUE,
            "logprobs": {"content": [_TOKEN | {"top_logprobs": [_TOKEN]}]},
        }
    ],
    "message": {"content": VALUE},
    "response": VALUE,
    "result": {"response": ({"safe": VALUE, "categories": [VALUE]}, VALUE)},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its text, or the object that a server has made of it, and its tokens with their probabilities."""

    reply: Any
    tokens: list[dict[str, Any]]


def is_answer(record: Any) -> bool:
    """Whether a record, whose model is known to be a guardrail, is an answer of it."""
    if isinstance(at(record, "choices"), list):
        return True
    return has(record, "done") and (has(record, "response") or has(at(record, "message"), "content"))


def answers(record: dict[str, Any]) -> list[Answer]:
    """The answers of a record that is allowlisted by :data:`KEEP`."""
    found = [
        Answer(at(choice, "message", "content") or choice.get("text"), at(choice, "logprobs", "content") or [])
        for choice in record.get("choices") or []
    ]
    alone = (at(record, "message", "content"), record.get("response"), at(record, "result", "response"))
    return found or [Answer(reply, []) for reply in alone if reply is not None][:1]


def identity_of(record: dict[str, Any]) -> Identity:
    """Id and time of an answer."""
    request = identifier(record.get("id"))
    time = seconds_ms(record.get("created")) or instant(record.get("created_at"))
    return Identity(record=request, request=request, time=time)


def latency_ms(record: dict[str, Any]) -> float | None:
    """The model's latency, where the server reports it."""
    nanoseconds = numeral(record.get("total_duration"))
    return None if nanoseconds is None or nanoseconds < 0 else nanoseconds / 1e6


def probability(answer: Answer, word: str) -> float | None:
    """The probability of a word, in lower case, as the first one; None if the server does not report it.

    Raises:
        Rejection: what is reported is no logarithm of a probability.
    """
    for token in answer.tokens[:4]:
        text = token.get("token")
        if not isinstance(text, str) or not text.strip():
            continue
        for one in [token, *(token.get("top_logprobs") or [])]:
            if str(one.get("token")).strip().lower() == word and one.get("logprob") is not None:
                return math.exp(required_number(one["logprob"], "logprob", low=_LEAST, high=0.0))
        return None
    return None
