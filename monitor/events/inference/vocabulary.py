"""Words by which fields and verdicts are guessed: what guardrails call things in their logs."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BY_VERDICT: Final = {
    "allow": _words(
        "allow allowed pass passed safe benign ok okay clean accept accepted approve approved permit permitted none"
        " no_action not_flagged unflagged success compliant valid negative harmless"
    ),
    "deny": _words(
        "block blocked deny denied reject rejected unsafe fail failed malicious harmful violation violated intervened"
        " refuse refused stop stopped invalid non_compliant injection jailbreak toxic prohibited"
    ),
    "flag": _words(
        "flag flagged warn warning review suspicious escalate escalated alert audit detected positive hit"
    ),
    "modify": _words(
        "mask masked redact redacted anonymize anonymized anonymise anonymised sanitize sanitized modify modified"
        " rewrite rewritten"
    ),
}
VERDICTS: Final[dict[str, str]] = {word: verdict for verdict, words in _BY_VERDICT.items() for word in words}
DENIES: Final = _words("blocked block denied deny rejected intervened stopped refused prohibited")
"""Names of booleans of which true means that the text was denied."""
FLAGS: Final = _words(
    "flagged flag unsafe detected violation violated triggered hit malicious injection jailbreak toxic harmful"
    " filtered attack suspicious positive"
)
"""Names of booleans of which true means that something was found."""
ALLOWS: Final = _words("allowed allow passed pass safe valid benign clean compliant approved accepted")
"""Names of booleans of which true means that nothing was found."""
DECISION_NAMES: Final = _words("verdict decision disposition judgement judgment ruling")
"""Names that say verdict: what they hold is one, whatever its words are."""
RESULT_NAMES: Final = _words("outcome result label")
VERDICT_NAMES: Final = DECISION_NAMES | RESULT_NAMES | _words("action status")
"""An action is what was done about the verdict: it stands for it only where nothing else does."""
CALL_NAMES: Final = _words("status state code http call response")
"""Names of what became of a call, which is no verdict unless its words are those of one."""
CALL_WORDS: Final = _words("ok okay success fail failed stop stopped")
"""Words that say of a call how it went, rather than of a text what it is."""
ONLY_OF_CALLS: Final = CALL_WORDS | _words("none accept accepted reject rejected valid invalid no_action")
ACTIONS: Final[dict[str, str]] = {"allow": "allow", "block": "deny", "redact": "modify", "audit": "flag"}
"""The canonical actions and the verdicts that they stand for."""
USUAL: Final = ("block", "blocked", "deny", "denied", "flag", "flagged")
"""Adverse words that a log may have although none is in the sample."""
SCORES: Final = _words(
    "score probability prob confidence risk severity likelihood points rating toxicity threat danger"
)
NO_SCORES: Final = _words(
    "latency ms seconds time ts timestamp tokens token count length len size threshold cutoff limit id version cost"
    " price index turn port duration elapsed took year day weight total"
)
THRESHOLDS: Final = _words("threshold cutoff limit minimum")
TIMES: Final = ("timestamp", "time", "ts", "datetime", "date", "when", "created", "at")
"""The better ones first."""
REQUESTS: Final = _words("request req trace correlation call transaction completion interaction")
SESSIONS: Final = _words("session conversation chat thread dialog dialogue")
IDS: Final = _words("id uuid guid uid key")
GUARDRAILS: Final = (
    "guardrail",
    "guard",
    "detector",
    "scanner",
    "validator",
    "classifier",
    "rail",
    "check",
    "policy",
    "rule",
)
NAMES: Final = _words("name key")
CATEGORIES: Final = ("category", "harm", "topic", "attack", "kind", "type", "class")
TEXTS: Final = ("prompt", "text", "query", "question", "input", "content", "message", "utterance")
STAGES: Final = _words("input output tool retrieval")
STATUSES: Final = _words("ok error timeout not_run skipped bypassed")
